//! What the worker writes beside the body of a message that it could not record: for a retry queue, or as a dead letter.

use jiff::Timestamp;
use lapin::BasicProperties;
use lapin::types::AMQPValue;

use super::headers::{
    DETAIL_MAX_CHARS, KEPT_OF_ATTEMPTS, accepted, dead, keep, kept_headers, persistent, put,
    read_text, retried,
};
use super::settling::Settling;

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

/// The properties with which a message returns to the backfill queue from a retry queue. `failed_deliveries` is how many
/// were not settled so far: the broker begins to count anew.
#[must_use]
pub fn backfill_properties(original: &BasicProperties, failed_deliveries: u32) -> BasicProperties {
    let mut headers = kept_headers(original);
    keep(original, &KEPT_OF_ATTEMPTS, &mut headers);
    if failed_deliveries > 0 {
        headers.insert(
            retried::FAILED_DELIVERIES.into(),
            AMQPValue::LongLongInt(failed_deliveries.into()),
        );
    }
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
