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

/// Reads the id of a linked record: a number, or an object with an `id`. Nothing where it is 0, which some answers say for
/// none, or anything else.
pub(crate) fn linked<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let mut value = Value::deserialize(deserializer)?;
    let id = value.get_mut("id").map(Value::take).unwrap_or(value);
    let is_one = id.as_u64().is_some_and(|id| id > 0);
    Ok(serde_json::from_value(id).ok().filter(|_| is_one))
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

#[cfg(test)]
mod tests {
    use crate::ids::{OrganizationId, PersonId, UserId};
    use crate::model::{ActivityRecord, Person, PersonHit};

    #[test]
    fn a_linked_id_of_zero_is_none() {
        let activity = r#"{"id":1,"person_id":0,"org_id":0,"deal_id":0,"owner_id":0}"#;
        let activity: ActivityRecord = serde_json::from_str(activity).unwrap();
        let person: Person = serde_json::from_str(r#"{"id":1,"org_id":0,"owner_id":7}"#).unwrap();
        let hit = r#"{"id":1,"organization":{"id":0,"name":""}}"#;
        let hit: PersonHit = serde_json::from_str(hit).unwrap();

        assert_eq!((activity.person_id, activity.org_id), (None, None));
        assert_eq!((activity.deal_id, activity.owner_id), (None, None));
        assert_eq!((person.org_id, person.owner_id), (None, Some(UserId(7))));
        assert_eq!(hit.org_id, None);
    }

    #[test]
    fn a_linked_record_is_an_id_or_an_object_and_anything_else_is_none() {
        let activity = r#"{"id":1,"person_id":3,"org_id":{"id":4,"name":"Example"},"deal_id":"x","owner_id":null}"#;
        let activity: ActivityRecord = serde_json::from_str(activity).unwrap();

        assert_eq!(activity.person_id, Some(PersonId(3)));
        assert_eq!(activity.org_id, Some(OrganizationId(4)));
        assert_eq!((activity.deal_id, activity.owner_id), (None, None));
    }
}
