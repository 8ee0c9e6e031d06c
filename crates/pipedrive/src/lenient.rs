//! Records as Pipedrive really sends them: a `null` or an odd value in one member leaves that member out, no more.

use std::num::NonZeroU64;

use serde::de::DeserializeOwned;
use serde::de::value::U64Deserializer;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Reads a member, or its default where the value is `null` or of another type.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// Reads the id of a record. Pipedrive counts from 1: an answer with 0 is about no record.
pub(crate) fn record_id<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let id = NonZeroU64::deserialize(deserializer)?;
    T::deserialize(U64Deserializer::<D::Error>::new(id.get()))
}

/// Reads the id of a linked record, which is an object with an `id`; nothing where there is no such object.
pub(crate) fn linked<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let mut value = Value::deserialize(deserializer)?;
    let id = value.get_mut("id").map(Value::take);
    Ok(id.and_then(|id| serde_json::from_value(id).ok()))
}

/// Reads a list without those of its items that are `null` or of another type; anything else than a list is an empty one.
pub(crate) fn items<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let value = Value::deserialize(deserializer)?;
    let Value::Array(items) = value else {
        return Ok(Vec::new());
    };
    let readable = items
        .into_iter()
        .filter_map(|item| serde_json::from_value(item).ok());
    Ok(readable.collect())
}
