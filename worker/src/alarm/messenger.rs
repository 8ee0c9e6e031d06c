//! Delivers notifications, and counts them.

use jiff::Timestamp;
use shared::alarm_receiver::{AlarmReceiver, DeliveryError};
use shared::incident::{Incident, Notice};

use super::rules::Rule;
use crate::metrics as names;

/// Posts one notification and waits for the answer.
pub(super) async fn post(
    receiver: &AlarmReceiver,
    rule: Rule,
    notice: Notice,
    incident: &Incident,
    now: Timestamp,
) -> Result<(), DeliveryError> {
    let texts = (rule.title(), rule.advice());
    let outcome = receiver.notify(texts, notice, incident, now).await;
    let result = if outcome.is_ok() {
        "delivered"
    } else {
        "failed"
    };
    metrics::counter!(names::ALARM_DELIVERIES, "result" => result).increment(1);
    outcome
}
