//! What became of a conversation that ended: the comparison of Genesys' record with what the bridge knows. Pure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::ended::Ended;
use crate::enrichment::Absent;

/// Reason of a dead letter whose body could not be read: it was cut off, and Genesys' record says what it would have.
const UNREADABLE: &str = "unrecognised";

/// What the bridge knows of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is known by itself")]
pub(super) struct Known {
    /// The activity, once it is written.
    pub activity: Option<u64>,
    /// What Genesys did not have yet for it.
    pub absent: Vec<Absent>,
    /// Whether an event of it was seen: a worker stored its facts.
    pub is_seen: bool,
    /// Whether one of them was its `customer.end`, or says as much.
    pub has_end: bool,
    /// Why it waits, and since when, if a message of it is parked.
    pub waits: Option<String>,
    /// Why it is a dead letter, if a message of it is one.
    pub dead: Option<String>,
    /// Whether its events were made from Genesys' record already.
    pub was_published: bool,
    /// Whether messages wait in the backfill queue, which these events may be among.
    pub has_backlog: bool,
}

/// What became of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "standing", rename_all = "lowercase")]
pub(crate) enum Standing {
    /// Its activity is written.
    Written {
        /// The activity's id.
        activity: u64,
        /// What Genesys did not have yet for it.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        absent: Vec<Absent>,
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
    let waiting = |reason: &str| Standing::Waiting {
        reason: reason.to_owned(),
    };
    if let Some(activity) = known.activity {
        let absent = known.absent.clone();
        return Standing::Written { activity, absent };
    }
    if let Err(left_out) = &ended.content {
        return Standing::LeftOut {
            reason: left_out.reason(),
        };
    }
    if known.was_published && known.has_backlog {
        return waiting("made from Genesys' record, in interactions.backfill");
    }
    if let Some(reason) = known.dead.clone() {
        return Standing::Dead { reason };
    }
    if let Some(reason) = &known.waits {
        return waiting(reason);
    }
    if known.is_seen && is_within(ended, patience.settling, now) {
        return waiting("its record settles");
    }
    if is_within(ended, patience.delivery, now) {
        return waiting("it ended just now");
    }
    Standing::Missing
}

/// Whether its `customer.end` is overdue, although it is known by agents' legs: their record is not all there is to say.
pub(super) fn lacks_end(ended: &Ended, known: &Known, patience: Patience, now: Timestamp) -> bool {
    let is_known = known.is_seen && ended.content.is_ok();
    is_known && !known.has_end && !is_within(ended, patience.delivery, now)
}

/// Whether its events are to be made from Genesys' record. Where something is known of it, once is enough.
pub(super) fn is_repairable(standing: &Standing, lacks_end: bool, was_published: bool) -> bool {
    match standing {
        Standing::Missing => true,
        Standing::LeftOut { .. } => false,
        Standing::Dead { reason } => (lacks_end || reason == UNREADABLE) && !was_published,
        Standing::Written { .. } | Standing::Waiting { .. } => lacks_end && !was_published,
    }
}

fn is_within(ended: &Ended, time: Duration, now: Timestamp) -> bool {
    let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
    ended.at.checked_add(time).is_ok_and(|until| now < until)
}

#[cfg(test)]
#[path = "standing_tests.rs"]
mod tests;
