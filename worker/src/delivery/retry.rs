//! Where a failed message goes: a retry queue or the dead letter queue. Pure functions.

use std::time::Duration;

use shared::config::RetryDelay;

use crate::failure::Disposition;
use crate::pause::breaker::Verdict;

/// Where a message goes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// To the retry queue of this delay.
    Retry {
        /// Delay of the retry queue.
        delay: &'a RetryDelay,
        /// Failed attempts so far.
        attempts: u32,
    },
    /// To the dead letter queue: a retry would fail in the same way.
    Permanent,
    /// To the dead letter queue: its retry window has passed.
    Exhausted,
}

/// The delays between attempts, and the retry window.
#[derive(Clone, Debug)]
pub struct RetrySchedule {
    delays: Vec<RetryDelay>,
    max_age: Duration,
    settle_delay: Option<RetryDelay>,
}

impl RetrySchedule {
    /// A schedule of at least one delay.
    ///
    /// # Panics
    ///
    /// Without a delay; the settings are checked for it.
    #[must_use]
    pub fn new(delays: Vec<RetryDelay>, max_age: Duration) -> Self {
        assert!(!delays.is_empty(), "retry.delays has at least one member");
        Self {
            delays,
            max_age,
            settle_delay: None,
        }
    }

    /// With a queue beside those of the retry delays, for waits of exactly this delay.
    #[must_use]
    pub fn with_settle_delay(self, settle_delay: Option<RetryDelay>) -> Self {
        Self {
            settle_delay,
            ..self
        }
    }

    /// Decides where a message goes that failed with `attempts` failed attempts before.
    ///
    /// Its age is the sum of its delays, not the time by the clock: before any attempt it may have waited for days, while a
    /// budget was spent or a token expired. So a first failure is always retried.
    #[must_use]
    pub fn next(&self, disposition: Disposition, attempts: u32) -> Next<'_> {
        match disposition {
            Disposition::DeadLetter => Next::Permanent,
            Disposition::Park(wait) => Next::Retry {
                delay: self.at_least(wait),
                attempts,
            },
            // Without a judge a message waits.
            Disposition::Judged(_) => self.judged(Verdict::SHORTLY, attempts),
            Disposition::Retry if attempts > 0 && self.age(attempts) >= self.max_age => {
                Next::Exhausted
            }
            Disposition::Retry => Next::Retry {
                delay: self.delay(attempts),
                attempts: attempts + 1,
            },
        }
    }

    /// Decides where a message goes after its failure was judged.
    #[must_use]
    pub(crate) fn judged(&self, verdict: Verdict, attempts: u32) -> Next<'_> {
        match verdict {
            Verdict::CountAttempt => self.next(Disposition::Retry, attempts),
            Verdict::DeadLetter => Next::Permanent,
            Verdict::Pause => self.judged(Verdict::SHORTLY, attempts),
            Verdict::Wait { step, at_most } => Next::Retry {
                delay: self.at_most(step, at_most),
                attempts,
            },
        }
    }

    /// The delay of this step, or the longest one up to `longest` where that is shorter; at least the shortest.
    fn at_most(&self, step: u32, longest: Duration) -> &RetryDelay {
        let delay = self.delay(step);
        if delay.duration <= longest {
            return delay;
        }
        let short_enough = self
            .delays
            .iter()
            .filter(|delay| delay.duration <= longest)
            .max_by_key(|delay| delay.duration);
        short_enough.unwrap_or_else(|| self.at_least(Duration::ZERO))
    }

    /// Sum of the delays of a message with this many failed attempts.
    fn age(&self, attempts: u32) -> Duration {
        let number = u32::try_from(self.delays.len()).unwrap_or(u32::MAX);
        let finished = attempts.min(number);
        let repeated = self
            .delay(attempts)
            .duration
            .saturating_mul(attempts - finished);
        let waits = (0..finished).map(|attempt| self.delay(attempt).duration);
        waits.fold(repeated, Duration::saturating_add)
    }

    /// The delay after this many failed attempts; the last one repeats.
    fn delay(&self, attempts: u32) -> &RetryDelay {
        &self.delays[(attempts as usize).min(self.delays.len() - 1)]
    }

    /// The settle delay if it is `wait`; else the shortest retry delay that is at least `wait`, or the longest.
    fn at_least(&self, wait: Duration) -> &RetryDelay {
        if let Some(settle_delay) = &self.settle_delay
            && settle_delay.duration == wait
        {
            return settle_delay;
        }
        let long_enough = self
            .delays
            .iter()
            .filter(|delay| delay.duration >= wait)
            .min_by_key(|delay| delay.duration);
        let longest = || self.delays.iter().max_by_key(|delay| delay.duration);
        long_enough
            .or_else(longest)
            .expect("there is at least one delay")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule() -> RetrySchedule {
        let delays = ["5s", "30s", "2m"].map(|delay| RetryDelay::parse(delay).unwrap());
        RetrySchedule::new(delays.to_vec(), Duration::from_secs(3600))
    }

    fn next(disposition: Disposition, attempts: u32) -> String {
        match schedule().next(disposition, attempts) {
            Next::Retry { delay, attempts } => format!("{} {attempts}", delay.name()),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn the_delays_follow_each_other_and_the_last_one_repeats_until_the_age_limit() {
        assert_eq!(next(Disposition::Retry, 0), "5s 1");
        assert_eq!(next(Disposition::Retry, 1), "30s 2");
        assert_eq!(next(Disposition::Retry, 2), "2m 3");
        assert_eq!(next(Disposition::Retry, 31), "2m 32", "after 59 min 35 s");
        assert_eq!(
            next(Disposition::Retry, 32),
            "Exhausted",
            "after 61 min 35 s"
        );
        assert_eq!(next(Disposition::Retry, u32::MAX), "Exhausted");
    }

    #[test]
    fn a_first_failure_is_never_the_last() {
        let delays = vec![RetryDelay::parse("5s").unwrap()];
        let impatient = RetrySchedule::new(delays, Duration::ZERO);

        let next = impatient.next(Disposition::Retry, 0);
        assert!(matches!(next, Next::Retry { attempts: 1, .. }));
        assert_eq!(impatient.next(Disposition::Retry, 1), Next::Exhausted);
    }

    #[test]
    fn parking_costs_no_attempt() {
        assert_eq!(next(Disposition::Park(Duration::from_secs(6)), 3), "30s 3");
        assert_eq!(next(Disposition::Park(Duration::ZERO), 0), "5s 0");
        let long = Disposition::Park(Duration::from_secs(9999));
        assert_eq!(next(long, 99), "2m 99");
    }

    #[test]
    fn the_settle_delay_has_its_queue_and_other_waits_stay_on_the_ladder() {
        let settle_delay = RetryDelay::parse("75s").unwrap();
        let schedule = schedule().with_settle_delay(Some(settle_delay));
        let parked =
            |seconds| match schedule.next(Disposition::Park(Duration::from_secs(seconds)), 0) {
                Next::Retry { delay, .. } => delay.name().to_owned(),
                other => format!("{other:?}"),
            };

        assert_eq!(parked(75), "75s");
        assert_eq!(parked(60), "2m");
    }

    #[test]
    fn a_judged_message_waits_without_an_attempt_and_no_longer_than_it_may() {
        let schedule = schedule();
        let delay = |step, at_most| {
            let at_most = Duration::from_secs(at_most);
            match schedule.judged(Verdict::Wait { step, at_most }, 7) {
                Next::Retry { delay, attempts: 7 } => delay.name().to_owned(),
                other => panic!("{other:?}"),
            }
        };

        assert_eq!(delay(0, 0), "5s");
        assert_eq!(delay(1, 3600), "30s");
        assert_eq!(delay(9, 3600), "2m");
        assert_eq!(delay(9, 40), "30s");
        assert_eq!(delay(9, 2), "5s");
        assert_eq!(schedule.judged(Verdict::DeadLetter, 0), Next::Permanent);
        assert!(matches!(
            schedule.judged(Verdict::CountAttempt, 0),
            Next::Retry { attempts: 1, .. }
        ));
    }

    #[test]
    fn what_will_not_heal_is_dead_at_once() {
        assert_eq!(next(Disposition::DeadLetter, 0), "Permanent");
    }
}
