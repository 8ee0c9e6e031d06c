//! Whether the day's tokens will last until there are new ones. Plain functions of samples and the time.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::store::Spent;

/// The pace is that of the last hour: a day's calls come in waves that are longer than that.
const HORIZON: SignedDuration = SignedDuration::from_hours(1);
/// A pace of less than ten minutes says little about hours.
const LEAST: SignedDuration = SignedDuration::from_mins(10);
/// Least time between two samples.
const SPACING: SignedDuration = SignedDuration::from_secs(30);

/// The day's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// A day's tokens.
    pub limit: u64,
    /// Spent since the last reset, by all workers.
    pub spent: u64,
    /// Spent at the next reset, at the present pace. Not known in the first minutes.
    pub projected: Option<u64>,
    /// Time until the daily reset.
    pub until_reset: Duration,
}

/// Tokens that the workers counted in the last hour. Pipedrive's own count is not sampled: it may be of another day.
#[derive(Debug, Default)]
pub struct Forecast {
    samples: VecDeque<(Timestamp, u64)>,
}

impl Forecast {
    /// Adds a sample, and projects what is spent at the reset.
    pub fn update(
        &mut self,
        limit: u64,
        spent: Spent,
        until_reset: Duration,
        now: Timestamp,
    ) -> Budget {
        // A lower count is another day's.
        if self
            .samples
            .back()
            .is_some_and(|(_, last)| spent.ours < *last)
        {
            self.samples.clear();
        }
        let is_due = |(at, _): &(Timestamp, u64)| now.duration_since(*at) >= SPACING;
        if self.samples.back().is_none_or(is_due) {
            self.samples.push_back((now, spent.ours));
        }
        while self
            .samples
            .front()
            .is_some_and(|(at, _)| now.duration_since(*at) > HORIZON)
        {
            self.samples.pop_front();
        }
        Budget {
            limit,
            spent: spent.at_least(),
            projected: self.project(spent, until_reset, now),
            until_reset,
        }
    }

    fn project(&self, spent: Spent, until_reset: Duration, now: Timestamp) -> Option<u64> {
        let (since, then) = self.samples.front()?;
        let observed = now.duration_since(*since);
        if observed < LEAST {
            return None;
        }
        let rest = u128::from(spent.ours - then) * until_reset.as_millis()
            / observed.unsigned_abs().as_millis();
        let spent = spent.at_least();
        Some(spent.saturating_add(u64::try_from(rest).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(ours: u64) -> Spent {
        Spent { ours, reported: 0 }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    #[test]
    fn the_pace_of_the_last_hour_is_projected_to_the_reset() {
        let mut forecast = Forecast::default();
        let mut budget = None;
        for minute in 0..120 {
            // One token a minute in the first hour, ten in the second.
            let spent = if minute < 60 {
                minute
            } else {
                60 + (minute - 60) * 10
            };
            let rest = Duration::from_secs(6 * 3600);
            let second = i64::try_from(minute * 60).unwrap();
            budget = Some(forecast.update(5000, ours(spent), rest, at(second)));
        }

        let budget = budget.unwrap();
        assert_eq!(budget.spent, 650);
        let projected = budget.projected.unwrap();
        assert!((4150..=4260).contains(&projected), "{projected}");
    }

    #[test]
    fn the_first_minutes_project_nothing() {
        let mut forecast = Forecast::default();
        let rest = Duration::from_secs(3600);

        assert_eq!(forecast.update(100, ours(0), rest, at(0)).projected, None);
        assert_eq!(
            forecast.update(100, ours(90), rest, at(599)).projected,
            None
        );
        assert!(
            forecast
                .update(100, ours(90), rest, at(600))
                .projected
                .is_some()
        );
    }

    #[test]
    fn a_new_day_is_observed_anew() {
        let mut forecast = Forecast::default();
        let rest = Duration::from_secs(3600);
        forecast.update(100, ours(90), rest, at(0));

        assert_eq!(forecast.update(100, ours(2), rest, at(900)).projected, None);
        let projected = forecast.update(100, ours(4), rest, at(1800)).projected;
        assert_eq!(projected, Some(12));
    }

    #[test]
    fn a_report_of_pipedrive_that_comes_and_goes_is_no_pace() {
        let mut forecast = Forecast::default();
        let rest = Duration::from_secs(3600);
        let reported = |reported| Spent { ours: 20, reported };
        forecast.update(100, reported(60), rest, at(0));
        forecast.update(100, reported(0), rest, at(900));

        let budget = forecast.update(100, reported(70), rest, at(1800));

        assert_eq!((budget.spent, budget.projected), (70, Some(70)));
    }
}
