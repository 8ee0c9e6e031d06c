//! What becomes of a message: settled, retried or dead-lettered. Plain functions, no runtime.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use shared::config::RetryDelay;

/// How a failure is to be treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// May heal: the next rung of the ladder, and one attempt more.
    Retry,
    /// Nobody's fault: wait at least so long, no attempt spent.
    Park(Duration),
    /// Will not heal by itself.
    DeadLetter,
}

/// Where a message goes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next<'a> {
    /// To the retry queue of this delay, with this many attempts on its account.
    Retry {
        /// The rung.
        delay: &'a RetryDelay,
        /// Failed attempts so far.
        attempts: u32,
    },
    /// To the dead letter queue: it will not heal.
    Permanent,
    /// To the dead letter queue: it had its time.
    Exhausted,
}

/// The ladder of delays and the age at which it ends.
#[derive(Clone, Debug)]
pub struct RetrySchedule {
    delays: Vec<RetryDelay>,
    max_age: Duration,
}

impl RetrySchedule {
    /// A ladder of at least one delay.
    ///
    /// # Panics
    ///
    /// Without a delay; the settings are checked for it.
    #[must_use]
    pub fn new(delays: Vec<RetryDelay>, max_age: Duration) -> Self {
        assert!(!delays.is_empty(), "retry.delays has at least one member");
        Self { delays, max_age }
    }

    /// Decides where a message goes that failed with `attempts` failed attempts before, and is retried since `since`.
    ///
    /// A first failure is never the last: a message may have waited for days for its first attempt, while a budget was
    /// spent or a token expired.
    #[must_use]
    pub fn next(
        &self,
        disposition: Disposition,
        attempts: u32,
        since: Timestamp,
        now: Timestamp,
    ) -> Next<'_> {
        match disposition {
            Disposition::DeadLetter => Next::Permanent,
            Disposition::Park(wait) => Next::Retry {
                delay: self.at_least(wait),
                attempts,
            },
            Disposition::Retry if attempts > 0 && self.is_over(since, now) => Next::Exhausted,
            Disposition::Retry => {
                let rung = (attempts as usize).min(self.delays.len() - 1);
                Next::Retry {
                    delay: &self.delays[rung],
                    attempts: attempts + 1,
                }
            }
        }
    }

    /// The shortest delay.
    #[must_use]
    pub fn shortest(&self) -> Duration {
        self.delays
            .iter()
            .map(|delay| delay.duration)
            .min()
            .unwrap_or_default()
    }

    fn is_over(&self, since: Timestamp, now: Timestamp) -> bool {
        let max_age = SignedDuration::try_from(self.max_age).unwrap_or(SignedDuration::MAX);
        now.duration_since(since) >= max_age
    }

    /// The shortest delay that is at least `wait`, else the longest.
    fn at_least(&self, wait: Duration) -> &RetryDelay {
        let long_enough = self
            .delays
            .iter()
            .filter(|delay| delay.duration >= wait)
            .min_by_key(|delay| delay.duration);
        let longest = || self.delays.iter().max_by_key(|delay| delay.duration);
        long_enough
            .or_else(longest)
            .expect("a ladder has at least one delay")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule() -> RetrySchedule {
        let delays = ["5s", "30s", "2m"].map(|delay| RetryDelay::parse(delay).unwrap());
        RetrySchedule::new(delays.to_vec(), Duration::from_secs(3600))
    }

    fn next(disposition: Disposition, attempts: u32, age_s: i64) -> String {
        let since = Timestamp::from_second(1_000_000).unwrap();
        let now = Timestamp::from_second(1_000_000 + age_s).unwrap();
        match schedule().next(disposition, attempts, since, now) {
            Next::Retry { delay, attempts } => format!("{} {attempts}", delay.name()),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn the_ladder_is_climbed_and_its_last_rung_repeats_until_the_age_limit() {
        assert_eq!(next(Disposition::Retry, 0, 0), "5s 1");
        assert_eq!(next(Disposition::Retry, 1, 5), "30s 2");
        assert_eq!(next(Disposition::Retry, 2, 35), "2m 3");
        assert_eq!(next(Disposition::Retry, 9, 3599), "2m 10");
        assert_eq!(next(Disposition::Retry, 9, 3600), "Exhausted");
        assert_eq!(next(Disposition::Retry, 0, 99_999), "5s 1");
    }

    #[test]
    fn parking_costs_no_attempt_and_does_not_age() {
        assert_eq!(
            next(Disposition::Park(Duration::from_secs(6)), 3, 999_999),
            "30s 3"
        );
        assert_eq!(next(Disposition::Park(Duration::ZERO), 0, 0), "5s 0");
        assert_eq!(
            next(Disposition::Park(Duration::from_secs(9999)), 0, 0),
            "2m 0"
        );
    }

    #[test]
    fn what_will_not_heal_is_dead_at_once() {
        assert_eq!(next(Disposition::DeadLetter, 0, 0), "Permanent");
    }
}
