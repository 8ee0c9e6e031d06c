//! Names of the headers, and how they are read, written and kept when a message is published again.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};

/// `delivery_mode` of a message that survives a restart of the broker.
pub(super) const PERSISTENT: u8 = 2;
/// The longest detail of a failure that is kept, in characters.
pub(super) const DETAIL_MAX_CHARS: usize = 500;

/// Headers of accepted events.
pub(super) mod accepted {
    pub const SCHEMA: &str = "x-schema";
    pub const SOURCE: &str = "x-source";
    pub const EVENT: &str = "x-event";
    pub const EVENT_KEY: &str = "x-event-key";
    pub const RECEIVED_AT: &str = "x-received-at";
    pub const TRACEPARENT: &str = "traceparent";
    pub const PARTIAL: &str = "x-partial";
    pub const REFUSED: &str = "x-refused";
}

/// What [`accepted::PARTIAL`] says of a body that was cut off.
pub(super) const TRUNCATED: &str = "truncated";

/// Headers of messages that wait for another attempt.
pub(super) mod retried {
    pub const ATTEMPT: &str = "x-attempt";
    pub const SINCE: &str = "x-retry-since";
    pub const REASON: &str = "x-retry-reason";
    pub const DEFERRED: &str = "x-deferred";
    pub const FAILED_DELIVERIES: &str = "x-failed-deliveries";
    pub const SETTLING: &str = "x-settling";
    pub const SETTLED_MS: &str = "x-settled-ms";
}

/// Headers of dead letters.
pub(super) mod dead {
    pub const CLASS: &str = "x-failure-class";
    pub const REASON: &str = "x-failure-reason";
    pub const DETAIL: &str = "x-failure-detail";
    pub const STEP: &str = "x-failed-step";
    pub const STATUS: &str = "x-http-status";
    pub const AT: &str = "x-dead-at";
    pub const WORKER: &str = "x-worker";
}

/// Written by the broker when it dead-letters by itself.
pub(super) const FIRST_DEATH_QUEUE: &str = "x-first-death-queue";
/// Written by quorum queues: deliveries that were not settled.
pub(super) const DELIVERY_COUNT: &str = "x-delivery-count";

/// What is kept when a message is published again. The broker's own headers are left behind: RabbitMQ 3.10 takes a
/// message with an old `x-death` for a cycle and drops it.
const KEPT: [&str; 8] = [
    accepted::SCHEMA,
    accepted::SOURCE,
    accepted::EVENT,
    accepted::EVENT_KEY,
    accepted::RECEIVED_AT,
    accepted::TRACEPARENT,
    accepted::PARTIAL,
    accepted::REFUSED,
];

/// What a message that returns to the backfill queue keeps of its attempts, beside that.
pub(super) const KEPT_OF_ATTEMPTS: [&str; 6] = [
    retried::ATTEMPT,
    retried::SINCE,
    retried::REASON,
    retried::DEFERRED,
    retried::SETTLING,
    retried::SETTLED_MS,
];

/// The properties without `expiration` and `priority`, which an operator may have set by hand, and persistent.
pub(super) fn persistent(original: &BasicProperties) -> BasicProperties {
    let mut properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
    let content_type = original
        .content_type()
        .clone()
        .unwrap_or_else(|| ShortString::from("application/json"));
    properties = properties.with_content_type(content_type);
    if let Some(id) = original.message_id() {
        properties = properties.with_message_id(id.clone());
    }
    if let Some(id) = original.correlation_id() {
        properties = properties.with_correlation_id(id.clone());
    }
    if let Some(kind) = original.kind() {
        properties = properties.with_type(kind.clone());
    }
    if let Some(app) = original.app_id() {
        properties = properties.with_app_id(app.clone());
    }
    if let Some(timestamp) = original.timestamp() {
        properties = properties.with_timestamp(*timestamp);
    }
    properties
}

pub(super) fn kept_headers(original: &BasicProperties) -> FieldTable {
    let mut headers = FieldTable::default();
    keep(original, &KEPT, &mut headers);
    headers
}

pub(super) fn keep(original: &BasicProperties, names: &[&'static str], headers: &mut FieldTable) {
    for name in names {
        let value = original
            .headers()
            .as_ref()
            .and_then(|headers| headers.inner().get(*name));
        if let Some(value) = value {
            headers.insert((*name).into(), value.clone());
        }
    }
}

pub(super) fn put(headers: &mut FieldTable, name: &str, value: &str) {
    headers.insert(name.into(), AMQPValue::LongString(LongString::from(value)));
}

pub(super) fn read_text(headers: &FieldTable, name: &str) -> Option<String> {
    match headers.inner().get(name)? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

pub(super) fn read_number(headers: &FieldTable, name: &str) -> Option<i64> {
    match headers.inner().get(name)? {
        AMQPValue::LongLongInt(number) => Some(*number),
        AMQPValue::LongInt(number) => Some((*number).into()),
        AMQPValue::ShortInt(number) => Some((*number).into()),
        AMQPValue::ShortShortInt(number) => Some((*number).into()),
        AMQPValue::LongUInt(number) => Some((*number).into()),
        _ => None,
    }
}
