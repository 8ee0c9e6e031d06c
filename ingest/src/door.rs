//! What came of the webhooks of the last hour, by minute.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

/// Minutes that are kept.
const KEPT: usize = 60;

/// What came of webhooks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// All that were answered.
    pub received: u64,
    /// Answered 200 and stored.
    pub accepted: u64,
    /// Answered 200 and not recorded, by reason.
    pub ignored: BTreeMap<&'static str, u64>,
    /// Answered 4xx, by reason.
    pub refused: BTreeMap<&'static str, u64>,
}

/// What came of one webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It was stored.
    Accepted,
    /// It is not recorded, for this reason.
    Ignored(&'static str),
    /// It was answered 4xx, for this reason.
    Refused(&'static str),
    /// It was answered 503: another alarm's.
    Unavailable,
}

/// Counts webhooks. Clones share the counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct DoorCounts(Arc<Mutex<VecDeque<(i64, Counts)>>>);

impl DoorCounts {
    /// Counts one that was answered at `now`.
    pub fn note(&self, fate: Fate, now: Timestamp) {
        let minute = now.as_second().div_euclid(60);
        let mut minutes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if minutes.back().is_none_or(|(last, _)| *last < minute) {
            if minutes.len() == KEPT {
                minutes.pop_front();
            }
            minutes.push_back((minute, Counts::default()));
        }
        if let Some((_, counts)) = minutes.back_mut() {
            counts.add(fate);
        }
    }

    /// The sum of the last `minutes`, of which the present one has just begun.
    pub fn within(&self, minutes: i64, now: Timestamp) -> Counts {
        let first = now.as_second().div_euclid(60) - minutes;
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = kept.iter().filter(|(minute, _)| *minute > first);
        let mut sum = Counts::default();
        for (_, counts) in recent {
            sum.received += counts.received;
            sum.accepted += counts.accepted;
            for (own, more) in [
                (&mut sum.ignored, &counts.ignored),
                (&mut sum.refused, &counts.refused),
            ] {
                for (reason, count) in more {
                    *own.entry(reason).or_default() += count;
                }
            }
        }
        sum
    }
}

impl Counts {
    fn add(&mut self, fate: Fate) {
        self.received += 1;
        match fate {
            Fate::Accepted => self.accepted += 1,
            Fate::Ignored(reason) => *self.ignored.entry(reason).or_default() += 1,
            Fate::Refused(reason) => *self.refused.entry(reason).or_default() += 1,
            Fate::Unavailable => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_the_minutes_asked_for_does_not_count() {
        let at = |minute: i64| Timestamp::from_second(minute * 60 + 5).unwrap();
        let counts = DoorCounts::default();
        counts.note(Fate::Refused("stale"), at(0));
        counts.note(Fate::Accepted, at(10));
        for minute in 20..90 {
            counts.note(Fate::Ignored("topic"), at(minute));
        }

        let hour = counts.within(60, at(89));
        assert_eq!((hour.received, hour.accepted), (60, 0));
        assert_eq!(counts.within(15, at(89)).ignored["topic"], 15);
        assert_eq!(counts.within(15, at(120)), Counts::default());
    }
}
