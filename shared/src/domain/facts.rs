//! What one event says, in the form that is remembered until all events of its interaction are known.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::event::{Channel, Details, Event, Kind, Part};
use super::times::CLOCK_SKEW;

/// How long before an event something of its interaction may have been recorded, where the event does not say when the
/// interaction began: an agent's leg can end hours before the call does, and a sender can repeat itself as late.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(24);

/// What one event says of an interaction.
///
/// Kept in Redis as JSON: members may be added, never renamed. The members of [`Details`] stand among the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Which event it was.
    pub kind: Kind,
    /// When the event happened, if it says so and that is possible; else when it was received.
    pub at: Timestamp,
    /// Whether `at` is only when it was received.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_receipt: bool,
    /// How customer and company spoke.
    pub channel: Channel,
    /// Details that the event states.
    #[serde(flatten)]
    pub details: Details,
    /// Set when the event was cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
}

impl Facts {
    /// Takes the facts out of an event. `received` stands in for times that it does not say, and for those of a clock that
    /// is ahead: what is over by then did not happen later.
    #[must_use]
    pub fn of(event: &Event, received: Timestamp) -> Self {
        let latest = received.checked_add(CLOCK_SKEW).unwrap_or(Timestamp::MAX);
        let times = [event.at, event.details.started];
        let is_ahead = times.into_iter().flatten().any(|time| time > latest);
        let mut details = event.details.clone();
        if is_ahead {
            details.started = None;
        }
        let at = event.at.filter(|_| !is_ahead);
        Self {
            kind: event.kind,
            at: at.unwrap_or(received),
            at_receipt: at.is_none(),
            channel: event.channel.clone(),
            details,
            part: event.part.clone(),
        }
    }

    /// The earliest moment at which anything of the interaction can have been recorded, by this event's own evidence. How
    /// long the customer's session lasted is none: an agent's leg of the same conversation may have ended long before it.
    #[must_use]
    pub fn earliest(&self) -> Timestamp {
        let looking_back = || self.at.checked_sub(LOOK_BACK).unwrap_or(Timestamp::MIN);
        self.details.started.unwrap_or_else(looking_back)
    }

    /// When the session or leg began whose end this event is: the stated time, else the end less the stated durations.
    /// `otherwise` stands in for the durations where none is stated.
    #[must_use]
    pub fn began(&self, otherwise: Option<u64>) -> Timestamp {
        let details = &self.details;
        if let Some(started) = details.started {
            return started;
        }
        let parts = [details.duration_ms, details.hold_ms, details.ringing_ms];
        let lasted = parts.into_iter().flatten().reduce(u64::saturating_add);
        let lasted = lasted.or(otherwise).or(details.after_call_ms);
        let lasted = i64::try_from(lasted.unwrap_or(0)).unwrap_or(0);
        let lasted = SignedDuration::from_millis(lasted);
        self.at.checked_sub(lasted).unwrap_or(self.at)
    }

    /// Whether this event, which is whole by itself, says the same as `other`: it is the same event again, though under
    /// another key. A time of receipt is no part of what an event says.
    ///
    /// Older versions keyed the guide's event by its interaction alone. Such a key stays in Redis for weeks, and the body
    /// that made it may come again under the key of today. Where one of the two `is_legacy`, what those versions kept is
    /// compared, and no more.
    #[must_use]
    pub fn repeats(&self, other: &Self, is_legacy: bool) -> bool {
        let is_whole = |facts: &Self| facts.kind == Kind::Completed && facts.part.is_none();
        is_whole(self)
            && is_whole(other)
            && self.channel == other.channel
            && self.time() == other.time()
            && if is_legacy {
                self.details.repeats_what_was_kept(&other.details)
            } else {
                self.details == other.details
            }
    }

    /// When it happened, if it says so.
    fn time(&self) -> Option<Timestamp> {
        (!self.at_receipt).then_some(self.at)
    }
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
