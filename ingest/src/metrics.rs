//! What is counted. Handles are registered once, so that counting takes no look-up and every series exists at zero.

use jiff::Timestamp;
use metrics::{Counter, Histogram, Unit};
use metrics_exporter_prometheus::PrometheusHandle;

use crate::error::WebhookError;
use crate::spool::Depth;
use crate::tls::Pair;

/// The webhook's metrics.
pub struct Metrics {
    /// Requests to the webhook.
    pub received: Counter,
    /// Answered 200 after the confirm, or after the spool's sync.
    pub accepted: Counter,
    /// Those of them that went to the spool.
    pub spooled: Counter,
    /// Time from the hand-over to the broker to its confirm.
    pub publish_seconds: Histogram,
    slowed: ByReason,
    partial: ByReason,
    ignored: ByReason,
    rejected: ByReason,
    unavailable: ByReason,
}

impl Metrics {
    /// Registers everything. Takes the handle as the proof that there is a recorder: a counter registered before would
    /// count nothing.
    pub fn new(_recorder: &PrometheusHandle) -> Self {
        describe_webhook();
        describe_spool();
        describe_tls();
        Self {
            received: metrics::counter!("bridge_ingest_received_total"),
            accepted: metrics::counter!("bridge_ingest_accepted_total"),
            spooled: metrics::counter!("bridge_ingest_spooled_total"),
            publish_seconds: metrics::histogram!("bridge_ingest_publish_seconds"),
            slowed: ByReason::new(
                "bridge_ingest_slowed_total",
                "outcome",
                &["waited", "refused"],
            ),
            partial: ByReason::new(
                "bridge_ingest_partial_total",
                "outcome",
                &["recognised", "unrecognised"],
            ),
            ignored: ByReason::new(
                "bridge_ingest_ignored_total",
                "reason",
                &["topic", "status", "channel", "test"],
            ),
            rejected: ByReason::new(
                "bridge_ingest_rejected_total",
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
                "bridge_ingest_unavailable_total",
                "reason",
                &[
                    "down",
                    "blocked",
                    "refused",
                    "returned",
                    "lost",
                    "unconfirmed",
                    "timeout",
                    "spool_full",
                    "spool_failed",
                ],
            ),
        }
    }

    /// Counts a body that was cut off, and accepted.
    pub fn partial(&self, outcome: &'static str) {
        self.partial.increment(outcome);
    }

    /// Counts a failure that did not get its answer at once.
    pub fn slowed(&self, outcome: &'static str) {
        self.slowed.increment(outcome);
    }

    /// Counts an event that is none of ours.
    pub fn ignored(&self, reason: &'static str) {
        self.ignored.increment(reason);
    }

    /// Counts a webhook that was not taken.
    pub fn failed(&self, error: &WebhookError) {
        if error.status().is_server_error() {
            self.unavailable.increment(error.label());
        } else {
            self.rejected.increment(error.label());
        }
    }
}

fn describe_webhook() {
    metrics::describe_counter!("bridge_ingest_received_total", "Webhook requests received");
    metrics::describe_counter!(
        "bridge_ingest_accepted_total",
        "Webhook requests answered 200 because the broker or the spool has them"
    );
    metrics::describe_counter!(
        "bridge_ingest_partial_total",
        "Webhook requests accepted although their body was cut off, by whether the interaction could be recognised"
    );
    metrics::describe_counter!(
        "bridge_ingest_ignored_total",
        "Authentic webhook requests that tell nothing to record, by reason"
    );
    metrics::describe_counter!(
        "bridge_ingest_rejected_total",
        "Webhook requests answered 4xx, by reason"
    );
    metrics::describe_counter!(
        "bridge_ingest_slowed_total",
        "Failed authentications whose answer waited, or that were refused because too many wait, by outcome"
    );
    metrics::describe_counter!(
        "bridge_ingest_unavailable_total",
        "Webhook requests answered 503, by reason"
    );
    metrics::describe_histogram!(
        "bridge_ingest_publish_seconds",
        Unit::Seconds,
        "Time from the hand-over of a message to the broker's confirm"
    );
    metrics::describe_gauge!(
        PUBLISHER_UP,
        "1 when messages can be published, 0 when the broker is away or blocks"
    );
}

const PUBLISHER_UP: &str = "bridge_ingest_publisher_up";

const SPOOL_MESSAGES: &str = "bridge_ingest_spool_messages";
const SPOOL_BYTES: &str = "bridge_ingest_spool_bytes";
const SPOOL_MAX_BYTES: &str = "bridge_ingest_spool_max_bytes";
const SPOOL_OLDEST: &str = "bridge_ingest_spool_oldest_age_seconds";
const DRAINED: &str = "bridge_ingest_drained_total";

fn describe_spool() {
    metrics::describe_counter!(
        "bridge_ingest_spooled_total",
        "Events that the broker did not take, and that went to the spool"
    );
    metrics::describe_counter!(DRAINED, "Events of the spool that the broker confirmed");
    metrics::describe_gauge!(SPOOL_MESSAGES, "Events in the spool");
    metrics::describe_gauge!(SPOOL_BYTES, Unit::Bytes, "Size of the events in the spool");
    metrics::describe_gauge!(
        SPOOL_MAX_BYTES,
        Unit::Bytes,
        "What the spool may hold; 0 without a spool"
    );
    metrics::describe_gauge!(
        SPOOL_OLDEST,
        Unit::Seconds,
        "Time since the oldest event in the spool was received; 0 when there is none"
    );
    // They exist from the start, and without a spool too.
    for gauge in [SPOOL_MESSAGES, SPOOL_BYTES, SPOOL_MAX_BYTES, SPOOL_OLDEST] {
        metrics::gauge!(gauge).set(0.0);
    }
    drop(drained());
}

const CERTIFICATE_EXPIRY: &str = "bridge_ingest_tls_certificate_expiry_timestamp_seconds";
const RELOAD_FAILING: &str = "bridge_ingest_tls_reload_failing";

fn describe_tls() {
    metrics::describe_gauge!(
        CERTIFICATE_EXPIRY,
        Unit::Seconds,
        "When the TLS certificate that is served expires, Unix time; NaN without TLS"
    );
    metrics::describe_gauge!(
        RELOAD_FAILING,
        "1 while the files of ingest.tls hold another pair than is served, because it is not sound"
    );
    metrics::gauge!(CERTIFICATE_EXPIRY).set(f64::NAN);
    metrics::gauge!(RELOAD_FAILING).set(0.0);
}

/// Tells which certificate is served, and whether another one is refused.
#[expect(
    clippy::cast_precision_loss,
    reason = "a gauge is a float, exact up to 2^53"
)]
pub fn set_certificate(served: &Pair, is_reload_failing: bool) {
    metrics::gauge!(CERTIFICATE_EXPIRY).set(served.expiry.as_second() as f64);
    metrics::gauge!(RELOAD_FAILING).set(f64::from(u8::from(is_reload_failing)));
}

/// Counts what is drained from the spool.
pub fn drained() -> Counter {
    metrics::counter!(DRAINED)
}

/// Tells what is in the spool; set when metrics are read.
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

/// Tells whether messages can be published; set when metrics are read.
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
