//! How records are read although a member of them is not as documented.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A member that may be missing, null or of another type: absent then. Use it with `default`.
///
/// # Errors
///
/// When what stands there is not JSON.
pub fn maybe<'de, T: DeserializeOwned, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
}

/// A list that may be missing or null, without those of its elements that cannot be read. Use it with `default`.
///
/// # Errors
///
/// When what stands there is not JSON.
pub fn list<'de, T: DeserializeOwned, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let Value::Array(values) = Value::deserialize(deserializer)? else {
        return Ok(Vec::new());
    };
    let read = |value| serde_json::from_value(value).ok();
    Ok(values.into_iter().filter_map(read).collect())
}

/// A map of texts; numbers and booleans become text, other values are left out. Use it with `default`.
///
/// # Errors
///
/// When what stands there is not JSON.
pub fn texts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let Value::Object(members) = Value::deserialize(deserializer)? else {
        return Ok(BTreeMap::new());
    };
    let text = |(name, value)| match value {
        Value::String(text) => Some((name, text)),
        Value::Number(_) | Value::Bool(_) => Some((name, value.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    Ok(members.into_iter().filter_map(text).collect())
}

/// An answer that is a list itself. An answer that is none is an error: it is never "there are none".
#[derive(Debug)]
pub(crate) struct Listed<T>(pub Vec<T>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Listed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let values = Vec::<Value>::deserialize(deserializer)?;
        let read = |value| serde_json::from_value(value).ok();
        Ok(Self(values.into_iter().filter_map(read).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    struct Record {
        #[serde(default, deserialize_with = "maybe")]
        number: Option<u64>,
        #[serde(default, deserialize_with = "list")]
        records: Vec<Record>,
        #[serde(default, deserialize_with = "texts")]
        attributes: BTreeMap<String, String>,
    }

    fn read(text: &str) -> Record {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_member_of_another_kind_is_absent_and_the_record_is_read() {
        for text in [
            "{}",
            r#"{"number":null,"records":null,"attributes":null}"#,
            r#"{"number":"12","records":{},"attributes":[],"unknown":[{}]}"#,
        ] {
            assert_eq!(read(text), Record::default(), "{text}");
        }
    }

    #[test]
    fn one_odd_element_does_not_hide_the_others() {
        let record = read(r#"{"records":[{"number":1},null,7,{"number":{}},{"number":2}]}"#);

        let numbers: Vec<_> = record.records.iter().map(|record| record.number).collect();
        assert_eq!(numbers, [Some(1), None, Some(2)]);
    }

    #[test]
    fn attributes_are_texts() {
        let record = read(r#"{"attributes":{"a":"x","b":1,"c":true,"d":null,"e":{}}}"#);

        let values: Vec<_> = record.attributes.values().map(String::as_str).collect();
        assert_eq!(values, ["x", "1", "true"]);
    }

    #[test]
    fn an_answer_that_is_no_list_is_not_an_empty_one() {
        assert!(serde_json::from_str::<Listed<Record>>("{}").is_err());
        assert!(serde_json::from_str::<Listed<Record>>("null").is_err());
        assert_eq!(
            serde_json::from_str::<Listed<Record>>("[null,{}]")
                .unwrap()
                .0
                .len(),
            1
        );
    }
}
