//! What became of a conversation that ended: the comparison of Genesys' record with what the bridge knows. Pure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::ended::Ended;

/// What the bridge knows of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// The activity, once it is written.
    pub activity: Option<u64>,
    /// Whether an event of it was seen: a worker stored its facts.
    pub is_seen: bool,
    /// Why it waits, and since when, if a message of it is parked.
    pub waits: Option<String>,
    /// Why it is a dead letter, if a message of it is one.
    pub dead: Option<String>,
}

/// What became of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "standing", rename_all = "lowercase")]
pub(crate) enum Standing {
    /// Its activity is written.
    Written {
        /// The activity's id.
        activity: u64,
    },
    /// Nothing of it belongs into Pipedrive.
    #[serde(rename = "left out")]
    LeftOut {
        /// Why.
        reason: String,
    },
    /// A message of it waits in a queue.
    Waiting {
        /// Why.
        reason: String,
    },
    /// A message of it is a dead letter.
    Dead {
        /// Why.
        reason: String,
    },
    /// No event of it has come, or none is left in a queue.
    Missing,
}

/// How long a conversation may be on its way after its end before it counts as missing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// From the end to its event in the work queue.
    pub delivery: Duration,
    /// From the event to the activity.
    pub settling: Duration,
}

/// Decides what became of a conversation. What is written counts as written, whatever the settings leave out by now, and a
/// dead letter beside an activity is an event that came later.
pub(super) fn standing(
    ended: &Ended,
    known: &Known,
    patience: Patience,
    now: Timestamp,
) -> Standing {
    if let Some(activity) = known.activity {
        return Standing::Written { activity };
    }
    if let Err(left_out) = &ended.content {
        return Standing::LeftOut {
            reason: left_out.reason(),
        };
    }
    if let Some(reason) = known.dead.clone() {
        return Standing::Dead { reason };
    }
    if let Some(reason) = known.waits.clone() {
        return Standing::Waiting { reason };
    }
    let is_within = |time: Duration| {
        let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        ended.at.checked_add(time).is_ok_and(|until| now < until)
    };
    if known.is_seen && is_within(patience.settling) {
        return Standing::Waiting {
            reason: "its record settles".to_owned(),
        };
    }
    if is_within(patience.delivery) {
        return Standing::Waiting {
            reason: "it ended just now".to_owned(),
        };
    }
    Standing::Missing
}

#[cfg(test)]
#[path = "standing_tests.rs"]
mod tests;
