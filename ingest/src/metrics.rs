//! Metrics of the service. Handles are registered once, so that counting needs no lookup and every series begins at zero.

use jiff::Timestamp;
use metrics::{Counter, Histogram};
use metrics_exporter_prometheus::PrometheusHandle;
use shared::clock;
use shared::metrics::{Kind, Metric, describe};

use crate::door::{DoorCounts, Fate};
use crate::spool::Depth;

const RECEIVED: &str = "bridge_ingest_received_total";
const ACCEPTED: &str = "bridge_ingest_accepted_total";
const PARTIAL: &str = "bridge_ingest_partial_total";
const IGNORED: &str = "bridge_ingest_ignored_total";
const REJECTED: &str = "bridge_ingest_rejected_total";
const UNREADABLE: &str = "bridge_ingest_unreadable_total";
const SLOWED: &str = "bridge_ingest_slowed_total";
const UNAVAILABLE: &str = "bridge_ingest_unavailable_total";
const PUBLISH: &str = "bridge_ingest_publish_seconds";
const PUBLISHER_UP: &str = "bridge_ingest_publisher_up";
const SPOOLED: &str = "bridge_ingest_spooled_total";
const DRAINED: &str = "bridge_ingest_drained_total";
const SPOOL_MESSAGES: &str = "bridge_ingest_spool_messages";
const SPOOL_BYTES: &str = "bridge_ingest_spool_bytes";
const SPOOL_MAX_BYTES: &str = "bridge_ingest_spool_max_bytes";
const SPOOL_OLDEST: &str = "bridge_ingest_spool_oldest_age_seconds";
const CERTIFICATE_EXPIRY: &str = "bridge_ingest_tls_certificate_expiry_timestamp_seconds";
const ALARM_FIRING: &str = "bridge_ingest_alarm_firing";
const RELOAD_FAILING: &str = "bridge_ingest_tls_reload_failing";

/// Every metric of the service.
const METRICS: [Metric; 19] = [
    (RECEIVED, Kind::Counter, "Webhook requests received"),
    (
        ACCEPTED,
        Kind::Counter,
        "Webhook requests answered 200 because the broker or the spool has stored them",
    ),
    (
        PARTIAL,
        Kind::Counter,
        "Webhook requests accepted although their body was cut off, by whether the interaction was recognised",
    ),
    (
        IGNORED,
        Kind::Counter,
        "Authentic webhook requests with nothing to record, by reason",
    ),
    (
        REJECTED,
        Kind::Counter,
        "Webhook requests answered 4xx, by reason",
    ),
    (
        UNREADABLE,
        Kind::Counter,
        "Bodies of authenticated senders that were answered 4xx because they cannot be read, by whether they are kept for \
         the dead letter queue",
    ),
    (
        SLOWED,
        Kind::Counter,
        "Failed authentications whose answer waited, or that were refused because too many wait, by outcome",
    ),
    (
        UNAVAILABLE,
        Kind::Counter,
        "Webhook requests answered 503, by reason",
    ),
    (
        PUBLISH,
        Kind::Durations,
        "Time from publishing a message to the broker's confirm",
    ),
    (
        PUBLISHER_UP,
        Kind::Gauge,
        "1 when messages can be published, 0 when the broker is away or blocks",
    ),
    (
        SPOOLED,
        Kind::Counter,
        "Events that the broker did not confirm and that were stored in the spool",
    ),
    (
        DRAINED,
        Kind::Counter,
        "Events of the spool that the broker confirmed",
    ),
    (SPOOL_MESSAGES, Kind::Gauge, "Events in the spool"),
    (SPOOL_BYTES, Kind::Bytes, "Size of the events in the spool"),
    (
        SPOOL_MAX_BYTES,
        Kind::Bytes,
        "Size limit of the spool; 0 without a spool",
    ),
    (
        SPOOL_OLDEST,
        Kind::Seconds,
        "Time since the oldest event in the spool was received; 0 when there is none",
    ),
    (
        CERTIFICATE_EXPIRY,
        Kind::Seconds,
        "Unix time at which the served TLS certificate expires; NaN without TLS",
    ),
    (
        ALARM_FIRING,
        Kind::Gauge,
        "1 while the alarm fires, by alarm: everything_ignored, share_refused",
    ),
    (
        RELOAD_FAILING,
        Kind::Gauge,
        "1 while the files of ingest.tls hold another pair than the served one, because it is not sound",
    ),
];

/// Handles of the metrics that each webhook counts in.
pub struct Metrics {
    /// Requests to the webhook.
    pub received: Counter,
    /// Requests answered 200 after the confirm, or after the spool's sync.
    accepted: Counter,
    /// Accepted requests that were stored in the spool.
    pub spooled: Counter,
    /// Time from publishing to the confirm.
    pub publish_seconds: Histogram,
    /// What came of the last hour's webhooks, for the alarm.
    pub(crate) door: DoorCounts,
    slowed: ByReason,
    unreadable: ByReason,
    partial: ByReason,
    ignored: ByReason,
    rejected: ByReason,
    unavailable: ByReason,
}

impl Metrics {
    /// Registers everything. The handle proves that there is a recorder: a counter registered before would count nothing.
    pub fn new(_recorder: &PrometheusHandle) -> Self {
        describe(&METRICS);
        begin_at_zero();
        Self {
            received: metrics::counter!(RECEIVED),
            accepted: metrics::counter!(ACCEPTED),
            spooled: metrics::counter!(SPOOLED),
            publish_seconds: metrics::histogram!(PUBLISH),
            door: DoorCounts::default(),
            slowed: ByReason::new(SLOWED, "outcome", &["waited", "refused"]),
            unreadable: ByReason::new(
                UNREADABLE,
                "outcome",
                &["kept", "repeated", "over_budget", "lost"],
            ),
            partial: ByReason::new(PARTIAL, "outcome", &["recognised", "unrecognised"]),
            ignored: ByReason::new(IGNORED, "reason", &["topic", "status", "channel", "test"]),
            rejected: ByReason::new(
                REJECTED,
                "reason",
                &[
                    "head_too_large",
                    "too_large",
                    "incomplete",
                    "timed_out",
                    "unauthenticated",
                    "no_client_certificate",
                    "stale",
                    "too_many_failures",
                    "foreign",
                    "compressed",
                    "malformed",
                    "unrecognised",
                ],
            ),
            unavailable: ByReason::new(
                UNAVAILABLE,
                "reason",
                &[
                    "down",
                    "blocked",
                    "refused",
                    "returned",
                    "lost",
                    "unconfirmed",
                    "timeout",
                    "out_of_memory",
                    "spool_full",
                    "spool_failed",
                ],
            ),
        }
    }

    /// Counts a webhook that was answered 200 after the confirm, or after the spool's sync.
    pub fn accepted(&self) {
        self.accepted.increment(1);
        self.door.note(Fate::Accepted, clock::now());
    }

    /// Counts a truncated body that was accepted.
    pub fn partial(&self, outcome: &'static str) {
        self.partial.increment(outcome);
    }

    /// Counts a body that cannot be read.
    pub fn unreadable(&self, outcome: &'static str) {
        self.unreadable.increment(outcome);
    }

    /// Counts a failed authentication whose answer was delayed or refused.
    pub fn slowed(&self, outcome: &'static str) {
        self.slowed.increment(outcome);
    }

    /// Counts an event that is not recorded.
    pub fn ignored(&self, reason: &'static str) {
        self.door.note(Fate::Ignored(reason), clock::now());
        self.ignored.increment(reason);
    }

    /// Counts a webhook that was not accepted.
    pub fn failed(&self, is_our_fault: bool, reason: &'static str) {
        let (counter, fate) = if is_our_fault {
            (&self.unavailable, Fate::Unavailable)
        } else {
            (&self.rejected, Fate::Refused(reason))
        };
        counter.increment(reason);
        self.door.note(fate, clock::now());
    }
}

/// Sets the series that are described but not handed out to zero, so that they exist from the start.
fn begin_at_zero() {
    for gauge in [SPOOL_MESSAGES, SPOOL_BYTES, SPOOL_MAX_BYTES, SPOOL_OLDEST] {
        metrics::gauge!(gauge).set(0.0);
    }
    drop(drained());
    metrics::gauge!(CERTIFICATE_EXPIRY).set(f64::NAN);
    metrics::gauge!(RELOAD_FAILING).set(0.0);
}

/// Sets whether an alarm of the door fires.
pub fn set_alarm(alarm: &'static str, is_firing: bool) {
    metrics::gauge!(ALARM_FIRING, "alarm" => alarm).set(f64::from(u8::from(is_firing)));
}

/// Sets the expiry of the served certificate, and whether a newer one is rejected.
#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float, exact up to 2^53"
)]
pub fn set_certificate(expiry: Timestamp, is_reload_failing: bool) {
    metrics::gauge!(CERTIFICATE_EXPIRY).set(expiry.as_second() as f64);
    metrics::gauge!(RELOAD_FAILING).set(f64::from(u8::from(is_reload_failing)));
}

/// Counter of messages drained from the spool.
pub fn drained() -> Counter {
    metrics::counter!(DRAINED)
}

/// Sets the content of the spool, when metrics are read.
#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float, exact up to 2^53"
)]
pub fn set_spool(depth: &Depth, max_bytes: u64, now: Timestamp) {
    let age = depth
        .oldest
        .map_or(0.0, |oldest| now.duration_since(oldest).as_secs_f64());
    metrics::gauge!(SPOOL_MESSAGES).set(depth.messages as f64);
    metrics::gauge!(SPOOL_BYTES).set(depth.bytes as f64);
    metrics::gauge!(SPOOL_MAX_BYTES).set(max_bytes as f64);
    metrics::gauge!(SPOOL_OLDEST).set(age.max(0.0));
}

/// Sets whether messages can be published, when metrics are read.
pub fn set_publisher_up(is_up: bool) {
    metrics::gauge!(PUBLISHER_UP).set(f64::from(u8::from(is_up)));
}

/// One counter for each value of a label.
struct ByReason {
    name: &'static str,
    label: &'static str,
    counters: Vec<(&'static str, Counter)>,
}

impl ByReason {
    fn new(name: &'static str, label: &'static str, values: &[&'static str]) -> Self {
        let counters = values
            .iter()
            .map(|value| (*value, metrics::counter!(name, label => *value)));
        Self {
            name,
            label,
            counters: counters.collect(),
        }
    }

    fn increment(&self, value: &'static str) {
        match self.counters.iter().find(|(known, _)| *known == value) {
            Some((_, counter)) => counter.increment(1),
            None => metrics::counter!(self.name, self.label => value).increment(1),
        }
    }
}
