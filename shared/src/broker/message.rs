//! What travels beside a body: properties and headers, as `ingest` writes them, as `worker` reads them, and as an
//! operator sees them in the management UI. The body is the webhook's, byte for byte.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};

use crate::domain::event::Event;
use crate::domain::ids::InteractionId;

/// Version of the properties and headers; a newer worker still reads older ones.
pub const SCHEMA: i64 = 1;

/// `delivery_mode` of a message that survives a restart of the broker.
const PERSISTENT: u8 = 2;
/// The longest detail of a failure that is kept, in characters.
const DETAIL_MAX_CHARS: usize = 500;

/// The longest topic that is kept, in characters. The sender may give any, and a header that does not fit into a frame
/// costs the connection.
const TOPIC_MAX_CHARS: usize = 200;

/// Headers of accepted events.
mod accepted {
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
const TRUNCATED: &str = "truncated";

/// Headers of messages that wait for another attempt.
mod retried {
    pub const ATTEMPT: &str = "x-attempt";
    pub const SINCE: &str = "x-retry-since";
    pub const REASON: &str = "x-retry-reason";
    pub const DEFERRED: &str = "x-deferred";
    pub const FAILED_DELIVERIES: &str = "x-failed-deliveries";
    pub const SETTLING: &str = "x-settling";
    pub const SETTLED_MS: &str = "x-settled-ms";
}

/// Headers of dead letters.
mod dead {
    pub const CLASS: &str = "x-failure-class";
    pub const REASON: &str = "x-failure-reason";
    pub const DETAIL: &str = "x-failure-detail";
    pub const STEP: &str = "x-failed-step";
    pub const STATUS: &str = "x-http-status";
    pub const AT: &str = "x-dead-at";
    pub const WORKER: &str = "x-worker";
}

/// Written by the broker when it dead-letters by itself.
const FIRST_DEATH_QUEUE: &str = "x-first-death-queue";
/// Written by quorum queues: deliveries that were not settled.
const DELIVERY_COUNT: &str = "x-delivery-count";

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
/// dead letter. `topic` came beside the body.
#[must_use]
pub fn refused_properties(
    reason: &str,
    topic: Option<&str>,
    received_at: Timestamp,
    traceparent: &str,
    app_id: &str,
) -> BasicProperties {
    let mut headers = accepted_headers(received_at, traceparent);
    let reason: String = reason.chars().take(DETAIL_MAX_CHARS).collect();
    put(&mut headers, accepted::REFUSED, &reason);
    put_topic(&mut headers, topic);
    common_properties(received_at, traceparent, app_id).with_headers(headers)
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
        // A message in a retry queue dies there by its TTL; one that first died in the work queue was dead-lettered.
        let died_at_work =
            text(FIRST_DEATH_QUEUE).is_some_and(|queue| queue == super::topology::WORK_QUEUE);
        let is_replay = text(dead::AT).is_some() || died_at_work;
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
            settling: if is_replay {
                Settling::OVER
            } else {
                Settling::read(text(retried::SETTLING), number(retried::SETTLED_MS))
            },
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

/// How long a message has waited for the other events of its interaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settling {
    /// Sum of the delays of these waits. Not the time by the clock: a message may also have waited in a backlog.
    pub waited: Duration,
    /// Whether the end of the customer's session was known when the last of these waits began.
    pub is_end_known: bool,
}

impl Settling {
    /// Waits no more.
    pub const OVER: Self = Self {
        waited: Duration::MAX,
        is_end_known: true,
    };
    const END_KNOWN: &str = "ended";
    const LEGS: &str = "legs";

    /// With one more wait, for `delay`.
    #[must_use]
    pub fn and(self, delay: Duration, is_end_known: bool) -> Self {
        Self {
            waited: self.waited.saturating_add(delay),
            is_end_known,
        }
    }

    /// The moment from which a message that was received then is late: these waits are none of its delay.
    #[must_use]
    pub fn after(self, received: Timestamp) -> Timestamp {
        let waited = SignedDuration::try_from(self.waited);
        let due = waited
            .ok()
            .and_then(|waited| received.checked_add(waited).ok());
        due.unwrap_or(received)
    }

    fn read(what: Option<String>, waited_ms: Option<i64>) -> Self {
        let waited_ms = waited_ms.and_then(|ms| u64::try_from(ms).ok());
        Self {
            waited: Duration::from_millis(waited_ms.unwrap_or(0)),
            is_end_known: what.is_some_and(|what| what == Self::END_KNOWN),
        }
    }

    fn write(self, headers: &mut FieldTable) {
        if self == Self::default() {
            return;
        }
        let what = if self.is_end_known {
            Self::END_KNOWN
        } else {
            Self::LEGS
        };
        put(headers, retried::SETTLING, what);
        let waited_ms = i64::try_from(self.waited.as_millis()).unwrap_or(i64::MAX);
        headers.insert(
            retried::SETTLED_MS.into(),
            AMQPValue::LongLongInt(waited_ms),
        );
    }
}

/// How a message is to be tried again.
#[derive(Clone, Debug)]
pub struct Retry<'a> {
    /// Failed attempts so far, this one included where it counts.
    pub attempts: u32,
    /// When it was first sent to a retry queue.
    pub since: Timestamp,
    /// When it was first received, for a message that does not say it: one that was published by hand.
    pub received: Timestamp,
    /// Why: a stable code.
    pub reason: &'a str,
    /// Whether it waits for the event that it enriches.
    pub deferred: bool,
    /// How long it waited for the other events of its interaction, the coming wait included.
    pub settling: Settling,
    /// Deliveries that were not settled so far: the broker begins to count anew.
    pub failed_deliveries: u32,
}

/// Why a message is a dead letter.
#[derive(Clone, Debug)]
pub struct DeadLetter<'a> {
    /// `permanent`, `exhausted` or `poison`.
    pub class: &'static str,
    /// Stable code, such as `pipedrive_forbidden`.
    pub reason: &'a str,
    /// For a person; without personal data and secrets.
    pub detail: String,
    /// Which of the worker's steps failed.
    pub step: &'static str,
    /// Pipedrive's status, where it answered.
    pub http_status: Option<u16>,
    /// Attempts, this one included.
    pub attempts: u32,
    /// Time of the dead-lettering.
    pub at: Timestamp,
    /// Worker that dead-lettered the message, for its log.
    pub worker: &'a str,
}

/// The properties with which a failed message is published to a retry queue.
#[must_use]
pub fn retry_properties(original: &BasicProperties, retry: &Retry<'_>) -> BasicProperties {
    let mut headers = kept_headers(original);
    if !headers.inner().contains_key(accepted::RECEIVED_AT) {
        put(
            &mut headers,
            accepted::RECEIVED_AT,
            &retry.received.to_string(),
        );
    }
    headers.insert(
        retried::ATTEMPT.into(),
        AMQPValue::LongLongInt(retry.attempts.into()),
    );
    put(&mut headers, retried::SINCE, &retry.since.to_string());
    put(&mut headers, retried::REASON, retry.reason);
    if retry.failed_deliveries > 0 {
        headers.insert(
            retried::FAILED_DELIVERIES.into(),
            AMQPValue::LongLongInt(retry.failed_deliveries.into()),
        );
    }
    if retry.deferred {
        put(&mut headers, retried::DEFERRED, "true");
    }
    retry.settling.write(&mut headers);
    persistent(original).with_headers(headers)
}

/// The properties with which a message is published to the dead letter queue.
#[must_use]
pub fn dead_letter_properties(
    original: &BasicProperties,
    letter: &DeadLetter<'_>,
) -> BasicProperties {
    let mut headers = kept_headers(original);
    put(&mut headers, dead::CLASS, letter.class);
    put(&mut headers, dead::REASON, letter.reason);
    put(
        &mut headers,
        dead::DETAIL,
        &letter
            .detail
            .chars()
            .take(DETAIL_MAX_CHARS)
            .collect::<String>(),
    );
    put(&mut headers, dead::STEP, letter.step);
    if let Some(status) = letter.http_status {
        headers.insert(dead::STATUS.into(), AMQPValue::LongLongInt(status.into()));
    }
    headers.insert(
        retried::ATTEMPT.into(),
        AMQPValue::LongLongInt(letter.attempts.into()),
    );
    put(&mut headers, dead::AT, &letter.at.to_string());
    put(&mut headers, dead::WORKER, letter.worker);
    persistent(original).with_headers(headers)
}

/// The reason of a dead letter, as a filter of `worker replay` compares it.
#[must_use]
pub fn failure_reason(properties: &BasicProperties) -> Option<String> {
    properties
        .headers()
        .as_ref()
        .and_then(|headers| read_text(headers, dead::REASON))
}

/// When a message became a dead letter.
#[must_use]
pub fn dead_at(properties: &BasicProperties) -> Option<Timestamp> {
    properties
        .headers()
        .as_ref()
        .and_then(|headers| read_text(headers, dead::AT))?
        .parse()
        .ok()
}

/// The properties without `expiration` and `priority`, which an operator may have set by hand, and persistent.
fn persistent(original: &BasicProperties) -> BasicProperties {
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

fn kept_headers(original: &BasicProperties) -> FieldTable {
    let mut headers = FieldTable::default();
    for name in KEPT {
        let value = original
            .headers()
            .as_ref()
            .and_then(|headers| headers.inner().get(name));
        if let Some(value) = value {
            headers.insert(name.into(), value.clone());
        }
    }
    headers
}

fn put(headers: &mut FieldTable, name: &str, value: &str) {
    headers.insert(name.into(), AMQPValue::LongString(LongString::from(value)));
}

fn read_text(headers: &FieldTable, name: &str) -> Option<String> {
    match headers.inner().get(name)? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

fn read_number(headers: &FieldTable, name: &str) -> Option<i64> {
    match headers.inner().get(name)? {
        AMQPValue::LongLongInt(number) => Some(*number),
        AMQPValue::LongInt(number) => Some((*number).into()),
        AMQPValue::ShortInt(number) => Some((*number).into()),
        AMQPValue::ShortShortInt(number) => Some((*number).into()),
        AMQPValue::LongUInt(number) => Some((*number).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{Filter, Recognised, recognise};

    fn accepted_call() -> BasicProperties {
        let body = br#"{"data":{"id":"call-1","channelType":"voice"}}"#;
        let Ok(Recognised::Event(event)) = recognise(body, None, &Filter::everything()) else {
            panic!("not recognised");
        };
        accepted_properties(
            &event,
            "2026-03-10T14:12:48Z".parse().unwrap(),
            "00-0af7-b7ad-01",
            "ingest",
        )
    }

    #[test]
    fn a_retried_message_keeps_its_origin_and_loses_what_the_broker_wrote() {
        let mut original = accepted_call();
        let mut headers = original.headers().clone().unwrap();
        put(&mut headers, FIRST_DEATH_QUEUE, "interactions.retry.5s");
        original = original.with_headers(headers);
        let since = "2026-03-10T14:12:50Z".parse().unwrap();

        let again = retry_properties(
            &original,
            &Retry {
                attempts: 2,
                since,
                received: since,
                reason: "server",
                deferred: false,
                settling: Settling::default().and(Duration::from_secs(75), true),
                failed_deliveries: 0,
            },
        );

        let envelope = Envelope::read(&again, false);
        assert_eq!((envelope.attempts, envelope.retry_since), (2, Some(since)));
        let settling = envelope.settling;
        assert_eq!(
            (settling.waited, settling.is_end_known),
            (Duration::from_secs(75), true)
        );
        assert_eq!(
            envelope.received_at,
            Some("2026-03-10T14:12:48Z".parse().unwrap())
        );
        assert_eq!(envelope.event.as_deref(), Some("interaction.completed"));
        assert!(
            !again
                .headers()
                .as_ref()
                .unwrap()
                .inner()
                .contains_key(FIRST_DEATH_QUEUE)
        );
    }

    #[test]
    fn a_wait_for_other_events_is_no_delay_of_a_message() {
        let received: Timestamp = "2026-03-10T14:12:48Z".parse().unwrap();
        let waited = Settling::default().and(Duration::from_secs(75), true);

        assert_eq!(
            waited.after(received),
            "2026-03-10T14:14:03Z".parse().unwrap()
        );
        assert_eq!(Settling::OVER.after(received), received);
    }

    #[test]
    fn a_message_published_by_hand_carries_from_its_first_wait_when_it_was_received() {
        let received: Timestamp = "2026-03-10T14:12:50Z".parse().unwrap();
        let retry = |received| Retry {
            attempts: 0,
            since: received,
            received,
            reason: "busy",
            deferred: false,
            settling: Settling::default(),
            failed_deliveries: 0,
        };

        let once = retry_properties(&BasicProperties::default(), &retry(received));
        let later = "2026-03-10T15:00:00Z".parse().unwrap();
        let twice = retry_properties(&once, &retry(later));

        let envelope = Envelope::read(&twice, false);
        assert_eq!(envelope.received_at, Some(received));
    }

    #[test]
    fn attempts_of_a_replayed_dead_letter_start_anew() {
        let letter = DeadLetter {
            class: "permanent",
            reason: "rejected",
            detail: "x".repeat(2000),
            step: "record",
            http_status: Some(400),
            attempts: 7,
            at: "2026-03-11T00:00:00Z".parse().unwrap(),
            worker: "w1",
        };

        let dead = dead_letter_properties(&accepted_call(), &letter);

        let envelope = Envelope::read(&dead, false);
        assert!(envelope.is_replay);
        assert_eq!((envelope.attempts, envelope.retry_since), (0, None));
        assert_eq!(envelope.settling, Settling::OVER);
        assert_eq!(failure_reason(&dead).as_deref(), Some("rejected"));
    }

    #[test]
    fn a_message_dead_lettered_by_the_broker_is_a_replay_one_from_a_retry_queue_is_not() {
        for (queue, is_replay) in [
            ("interactions.work", true),
            ("interactions.retry.5s", false),
        ] {
            let mut headers = FieldTable::default();
            put(&mut headers, FIRST_DEATH_QUEUE, queue);
            let envelope = Envelope::read(&BasicProperties::default().with_headers(headers), false);
            assert_eq!(envelope.is_replay, is_replay, "{queue}");
        }
    }

    #[test]
    fn failed_deliveries_of_a_replay_count_from_its_own_first_one() {
        let looked_at = |header: &str| {
            let mut headers = FieldTable::default();
            put(&mut headers, header, "2026-03-11T00:00:00Z");
            headers.insert(DELIVERY_COUNT.into(), AMQPValue::LongLongInt(3));
            headers.insert(retried::FAILED_DELIVERIES.into(), AMQPValue::LongLongInt(2));
            BasicProperties::default().with_headers(headers)
        };
        let failed = |properties: &BasicProperties, redelivered| {
            Envelope::read(properties, redelivered).failed_deliveries
        };

        let replay = looked_at(dead::AT);
        assert_eq!((failed(&replay, false), failed(&replay, true)), (0, 3));
        let retried = looked_at(retried::SINCE);
        assert_eq!(failed(&retried, false), 5);
    }
}
