//! What `ingest` writes beside a body: of an accepted event, of one that was cut off, and of one that it refused.

use jiff::Timestamp;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};

use super::headers::{DETAIL_MAX_CHARS, PERSISTENT, TRUNCATED, accepted, put};
use crate::domain::event::Event;
use crate::domain::ids::InteractionId;

/// Version of the properties and headers; a newer worker still reads older ones.
pub const SCHEMA: i64 = 1;

/// The longest topic that is kept, in characters. The sender may give any, and a header that does not fit into a frame
/// costs the connection.
const TOPIC_MAX_CHARS: usize = 200;

/// The properties of a newly accepted event.
#[must_use]
pub fn accepted_properties(
    event: &Event,
    received_at: Timestamp,
    traceparent: &str,
    app_id: &str,
) -> BasicProperties {
    let mut headers = accepted_headers(received_at, traceparent);
    put(&mut headers, accepted::SOURCE, event.source.as_str());
    put(&mut headers, accepted::EVENT, event.kind.as_str());
    put(&mut headers, accepted::EVENT_KEY, event.key.as_str());
    if event.part.is_some() {
        put(&mut headers, accepted::PARTIAL, TRUNCATED);
    }
    common_properties(received_at, traceparent, app_id)
        .with_message_id(event.interaction.as_str().into())
        .with_type(event.kind.as_str().into())
        .with_headers(headers)
}

/// The properties of a body that was cut off before a complete event: the worker makes it a dead letter. `topic` came beside
/// the body, `interaction` is in it.
#[must_use]
pub fn unrecognised_properties(
    interaction: Option<&InteractionId>,
    topic: Option<&str>,
    received_at: Timestamp,
    traceparent: &str,
    app_id: &str,
) -> BasicProperties {
    let mut headers = accepted_headers(received_at, traceparent);
    put(&mut headers, accepted::PARTIAL, TRUNCATED);
    put_topic(&mut headers, topic);
    let mut properties = common_properties(received_at, traceparent, app_id);
    if let Some(id) = interaction {
        properties = properties.with_message_id(id.as_str().into());
    }
    properties.with_headers(headers)
}

/// The properties of a body that `ingest` answered 4xx for a `reason`, and publishes all the same: the worker makes it a
/// dead letter. `topic` came beside the body, `interaction` may be in it.
#[must_use]
pub fn refused_properties(
    reason: &str,
    interaction: Option<&InteractionId>,
    topic: Option<&str>,
    received_at: Timestamp,
    traceparent: &str,
    app_id: &str,
) -> BasicProperties {
    let mut headers = accepted_headers(received_at, traceparent);
    let reason: String = reason.chars().take(DETAIL_MAX_CHARS).collect();
    put(&mut headers, accepted::REFUSED, &reason);
    put_topic(&mut headers, topic);
    let mut properties = common_properties(received_at, traceparent, app_id);
    if let Some(id) = interaction {
        properties = properties.with_message_id(id.as_str().into());
    }
    properties.with_headers(headers)
}

fn put_topic(headers: &mut FieldTable, topic: Option<&str>) {
    if let Some(topic) = topic {
        let topic: String = topic.chars().take(TOPIC_MAX_CHARS).collect();
        put(headers, accepted::EVENT, &topic);
    }
}

fn accepted_headers(received_at: Timestamp, traceparent: &str) -> FieldTable {
    let mut headers = FieldTable::default();
    headers.insert(accepted::SCHEMA.into(), AMQPValue::LongLongInt(SCHEMA));
    put(
        &mut headers,
        accepted::RECEIVED_AT,
        &received_at.to_string(),
    );
    put(&mut headers, accepted::TRACEPARENT, traceparent);
    headers
}

fn common_properties(received_at: Timestamp, traceparent: &str, app_id: &str) -> BasicProperties {
    let trace_id = traceparent.split('-').nth(1).unwrap_or_default();
    BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_content_type("application/json".into())
        .with_correlation_id(trace_id.into())
        .with_app_id(app_id.into())
        .with_timestamp(u64::try_from(received_at.as_second()).unwrap_or_default())
}
