//! What a delivery's headers say to the worker.

use jiff::Timestamp;
use lapin::BasicProperties;

use super::headers::{
    DELIVERY_COUNT, FIRST_DEATH_QUEUE, accepted, dead, read_number, read_text, retried,
};
use super::settling::Settling;
use crate::broker::topology;
use crate::domain::event::Source;

/// The content of a delivery's headers. Any may be absent: an operator may publish a bare body by hand.
#[derive(Clone, Debug, Default)]
pub struct Envelope {
    /// The event's kind by its leaf, for bodies that do not hold their topic.
    pub event: Option<String>,
    /// When `ingest` received it.
    pub received_at: Option<Timestamp>,
    /// Failed attempts so far; 0 for a replay.
    pub attempts: u32,
    /// When it was first sent to a retry queue; nothing before that, and after a replay.
    pub retry_since: Option<Timestamp>,
    /// Whether it waited already for the event that it enriches.
    pub deferred: bool,
    /// How long it waited already for the other events of its interaction; a replay waits no more.
    pub settling: Settling,
    /// Whether it was made from Genesys' own record. Its conversation is over: it waits for no other event.
    pub is_reconciled: bool,
    /// Whether it comes back from the dead letter queue.
    pub is_replay: bool,
    /// Deliveries that were not settled: those that the broker counts, and those that it counted before the message was
    /// published again. 0 for a replay's first delivery: reading a dead letter in the UI also counts as a delivery.
    pub failed_deliveries: u32,
    /// Why `ingest` refused the body: it was answered 4xx, and could not be read then.
    pub refused: Option<String>,
    /// W3C trace context of the webhook.
    pub traceparent: Option<String>,
    /// Version of the headers; 0 when written by hand.
    pub schema: i64,
}

impl Envelope {
    /// Reads what is known of a message that is, or is not, `redelivered`.
    #[must_use]
    pub fn read(properties: &BasicProperties, redelivered: bool) -> Self {
        let headers = properties.headers().as_ref();
        let text = |name: &str| headers.and_then(|headers| read_text(headers, name));
        let number = |name: &str| headers.and_then(|headers| read_number(headers, name));
        let count = |name: &str| {
            number(name)
                .and_then(|count| u32::try_from(count).ok())
                .unwrap_or(0)
        };
        let time = |name: &str| text(name).and_then(|text| text.parse::<Timestamp>().ok());
        let sent = || {
            properties
                .timestamp()
                .and_then(|seconds| Timestamp::from_second(i64::try_from(seconds).ok()?).ok())
        };
        // A message in a retry queue dies there by its TTL; one that first died where workers take it was dead-lettered.
        let worked = [topology::WORK_QUEUE, topology::BACKFILL_QUEUE];
        let died_at_work =
            text(FIRST_DEATH_QUEUE).is_some_and(|queue| worked.contains(&queue.as_str()));
        let is_replay = text(dead::AT).is_some() || died_at_work;
        let is_reconciled =
            text(accepted::SOURCE).is_some_and(|source| source == Source::Reconcile.as_str());
        Self {
            event: text(accepted::EVENT),
            received_at: time(accepted::RECEIVED_AT).or_else(sent),
            attempts: if is_replay {
                0
            } else {
                count(retried::ATTEMPT)
            },
            retry_since: if is_replay {
                None
            } else {
                time(retried::SINCE)
            },
            deferred: text(retried::DEFERRED).is_some(),
            settling: if is_replay || is_reconciled {
                Settling::OVER
            } else {
                Settling::read(text(retried::SETTLING), number(retried::SETTLED_MS))
            },
            is_reconciled,
            is_replay,
            failed_deliveries: match (is_replay, redelivered) {
                (true, false) => 0,
                (true, true) => count(DELIVERY_COUNT),
                (false, _) => count(DELIVERY_COUNT) + count(retried::FAILED_DELIVERIES),
            },
            refused: text(accepted::REFUSED),
            traceparent: text(accepted::TRACEPARENT),
            schema: number(accepted::SCHEMA).unwrap_or(0),
        }
    }
}
