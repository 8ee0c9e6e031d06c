//! A message's properties as JSON, for a place where it waits before it is published.
//!
//! Read back, they are the same properties: content header and headers, each of its type. JSON rather than AMQP's own
//! encoding, so that a person who looks at what waits can read it.

use std::collections::BTreeMap;

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, LongString};
use serde::{Deserialize, Serialize};

/// Properties that cannot be written as JSON, or JSON that is none.
#[derive(Debug, thiserror::Error)]
pub enum PropertiesJsonError {
    /// A header has a type that none of ours has.
    #[error("header {0} is neither a text nor a whole number")]
    Header(String),
    /// The JSON does not read as properties.
    #[error("the stored properties cannot be read")]
    Json(#[from] serde_json::Error),
}

/// The properties that [`super::message::accepted_properties`] sets, in a form for JSON.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Stored {
    content_type: Option<String>,
    delivery_mode: Option<u8>,
    message_id: Option<String>,
    correlation_id: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    app_id: Option<String>,
    timestamp: Option<u64>,
    headers: BTreeMap<String, Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Value {
    Number(i64),
    Text(String),
}

/// Writes properties as JSON.
///
/// # Errors
///
/// When a header has a type that none of ours has.
pub fn to_json(properties: &BasicProperties) -> Result<String, PropertiesJsonError> {
    let text = |text: &Option<lapin::types::ShortString>| text.as_ref().map(ToString::to_string);
    let mut headers = BTreeMap::new();
    for (name, value) in properties.headers().iter().flatten() {
        let value = match value {
            AMQPValue::LongLongInt(number) => Value::Number(*number),
            AMQPValue::LongString(text) => Value::Text(text.to_string()),
            _ => return Err(PropertiesJsonError::Header(name.to_string())),
        };
        headers.insert(name.to_string(), value);
    }
    let stored = Stored {
        content_type: text(properties.content_type()),
        delivery_mode: *properties.delivery_mode(),
        message_id: text(properties.message_id()),
        correlation_id: text(properties.correlation_id()),
        kind: text(properties.kind()),
        app_id: text(properties.app_id()),
        timestamp: *properties.timestamp(),
        headers,
    };
    Ok(serde_json::to_string(&stored)?)
}

/// Reads what [`to_json`] wrote.
///
/// # Errors
///
/// When it is something else.
pub fn from_json(json: &str) -> Result<BasicProperties, PropertiesJsonError> {
    let stored: Stored = serde_json::from_str(json)?;
    let mut headers = FieldTable::default();
    for (name, value) in stored.headers {
        let value = match value {
            Value::Number(number) => AMQPValue::LongLongInt(number),
            Value::Text(text) => AMQPValue::LongString(LongString::from(text)),
        };
        headers.insert(name.into(), value);
    }
    let mut properties = BasicProperties::default().with_headers(headers);
    if let Some(content_type) = stored.content_type {
        properties = properties.with_content_type(content_type.into());
    }
    if let Some(mode) = stored.delivery_mode {
        properties = properties.with_delivery_mode(mode);
    }
    if let Some(id) = stored.message_id {
        properties = properties.with_message_id(id.into());
    }
    if let Some(id) = stored.correlation_id {
        properties = properties.with_correlation_id(id.into());
    }
    if let Some(kind) = stored.kind {
        properties = properties.with_type(kind.into());
    }
    if let Some(app) = stored.app_id {
        properties = properties.with_app_id(app.into());
    }
    if let Some(timestamp) = stored.timestamp {
        properties = properties.with_timestamp(timestamp);
    }
    Ok(properties)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::message;
    use crate::domain::event::{Filter, Recognised, recognise};

    #[test]
    fn what_was_stored_is_read_back_as_it_was() {
        let body = r#"{"data":{"id":"call-\"1\"-é","channelType":"voice"}}"#.as_bytes();
        let Ok(Recognised::Event(event)) = recognise(body, None, &Filter::everything()) else {
            panic!("not recognised");
        };
        let received_at = "2026-03-10T14:12:48.123456789Z".parse().unwrap();
        let accepted =
            message::accepted_properties(&event, received_at, "00-0af7-b7ad-01", "ingest");

        let json = to_json(&accepted).unwrap();

        assert!(json.contains("2026-03-10T14:12:48.123456789Z"), "{json}");
        assert_eq!(from_json(&json).unwrap(), accepted);
    }

    #[test]
    fn what_would_come_back_as_something_else_is_not_stored() {
        let mut headers = FieldTable::default();
        headers.insert("x-flag".into(), AMQPValue::Boolean(true));

        let refused = to_json(&BasicProperties::default().with_headers(headers));

        assert!(matches!(refused, Err(PropertiesJsonError::Header(name)) if name == "x-flag"));
        assert!(from_json(r#"{"priority":1}"#).is_err());
    }
}
