//! The quickest answers of late: what the way to Pipedrive and back takes at least.
//!
//! A request was counted between the moment at which it was sent and that of its answer. What matters is how much later a
//! request was counted than one that follows two seconds after it, and both take the same way: so the least time of all is
//! taken off. A period that has passed must confirm it, since the first requests make their connections.

use std::time::{Duration, Instant};

/// How long answers are compared.
const PERIOD: Duration = Duration::from_secs(10);
/// Answers that a period has at least: a few prove nothing.
const ENOUGH: u32 = 20;
/// What is taken off at most.
const MOST: Duration = Duration::from_millis(200);

/// The least times of the present period and of the one before it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Quickest {
    present: Period,
    former: Period,
}

/// The answers of one period.
#[derive(Clone, Copy, Debug, Default)]
struct Period {
    began: Option<Instant>,
    answers: u32,
    least: Duration,
}

impl Quickest {
    /// Notes that an answer took so long; what an answer takes at least, 0 while that is not known.
    pub(super) fn note(&mut self, now: Instant, took: Duration) -> Duration {
        let began = *self.present.began.get_or_insert(now);
        let age = now.saturating_duration_since(began);
        if age >= PERIOD {
            let is_recent = age < 2 * PERIOD;
            self.former = if is_recent {
                self.present
            } else {
                Period::default()
            };
            self.present = Period {
                began: Some(now),
                ..Period::default()
            };
        }
        self.present.add(took);
        if self.former.answers < ENOUGH {
            return Duration::ZERO;
        }
        self.former.least.min(self.present.least).min(MOST)
    }
}

impl Period {
    fn add(&mut self, took: Duration) {
        self.least = if self.answers == 0 {
            took
        } else {
            self.least.min(took)
        };
        self.answers += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn nothing_is_taken_off_before_a_period_has_passed() {
        let (mut quickest, began) = (Quickest::default(), Instant::now());

        for n in 0..ENOUGH {
            assert_eq!(quickest.note(began + n * 100 * MS, 50 * MS), Duration::ZERO);
        }

        assert_eq!(quickest.note(began + PERIOD, 60 * MS), 50 * MS);
    }

    #[test]
    fn a_quicker_answer_counts_at_once() {
        let (mut quickest, began) = (Quickest::default(), Instant::now());
        for n in 0..ENOUGH {
            quickest.note(began + n * 100 * MS, 50 * MS);
        }

        assert_eq!(quickest.note(began + PERIOD, 20 * MS), 20 * MS);
        assert_eq!(quickest.note(began + PERIOD + MS, 60 * MS), 20 * MS);
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
        let (mut quickest, began) = (Quickest::default(), Instant::now());
        for n in 0..ENOUGH {
            quickest.note(began + n * 100 * MS, 50 * MS);
        }

        assert_eq!(quickest.note(began + 3 * PERIOD, 60 * MS), Duration::ZERO);
    }
}
