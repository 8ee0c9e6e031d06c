//! Whether the day's tokens and writes will last until there are new ones. Plain functions of samples and the time.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pipedrive::Allowance;

use crate::metrics as names;
use crate::store::Day;

/// The pace is that of the last hour: a day's calls come in waves that are longer than that.
const HORIZON: SignedDuration = SignedDuration::from_hours(1);
/// A pace of less than ten minutes says little about hours.
const LEAST: SignedDuration = SignedDuration::from_mins(10);
/// Unless so much goes in it that the rest of the day is at stake: this part of the limit, after a minute.
const RUSH_PART: u64 = 10;
const LEAST_OF_A_RUSH: SignedDuration = SignedDuration::from_mins(1);
/// Time between two samples that are kept.
const SPACING: SignedDuration = SignedDuration::from_secs(30);
/// A count that falls by more than this part of the limit is of another day. Less is a correction: answers come out of
/// order, and what was not sent is given back.
const CORRECTION_PART: u64 = 20;

/// An allowance of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// What there is so much of.
    pub of: Allowance,
    /// How much a day.
    pub limit: u64,
    /// Spent since the last reset.
    pub spent: u64,
    /// Spent at the next reset, at the present pace. Not known in the first minutes.
    pub projected: Option<u64>,
    /// When nothing will be left at this pace, if that is before the reset.
    pub ends_at: Option<Timestamp>,
    /// Time until the day's tokens are counted anew.
    pub until_reset: Duration,
}

impl Budget {
    /// What is spent, and how long the rest lasts.
    #[must_use]
    pub fn explain(&self) -> String {
        let (spent, limit, of) = (self.spent, self.limit, self.of);
        let until = self.ends_at.zip(self.projected).map(|(ends_at, projected)| {
            let minutes = self.until_reset.as_secs() / 60;
            let ends_at = ends_at.strftime("%H:%M");
            format!(
                "; at this rate until {ends_at} UTC: at the pace of the last hour it will be {projected} at the reset, \
                 in {minutes} min"
            )
        });
        let until = until.unwrap_or_default();
        format!("{spent} of {limit} of {of} are spent{until}")
    }
}

/// Forecasts of each allowance.
#[derive(Debug, Default)]
pub struct Forecasts {
    share: Forecast,
    company: Forecast,
    writes: Forecast,
}

impl Forecasts {
    /// Adds samples; `until_reset` says how long each allowance has to last.
    pub fn update(
        &mut self,
        day: Day,
        until_reset: impl Fn(Allowance) -> Duration,
        now: Timestamp,
    ) -> Vec<Budget> {
        let share = day.share.map(|share| (share, day.ours));
        let company = day.limit.zip(day.of_company());
        let writes = day.writes_limit.map(|limit| (limit, day.writes));
        let allowances = [
            (Allowance::Share, &mut self.share, share),
            (Allowance::Tokens, &mut self.company, company),
            (Allowance::Writes, &mut self.writes, writes),
        ];
        let known = allowances.into_iter().filter_map(|(of, forecast, known)| {
            let (limit, spent) = known?;
            Some(forecast.update(of, limit, spent, until_reset(of), now))
        });
        known.collect()
    }
}

/// Shows the day in the metrics. What is projected relates to the limit that is shown, whichever allowance ends first.
pub fn show(day: Day, budgets: &[Budget]) {
    let tokens = budgets
        .iter()
        .filter(|budget| budget.of != Allowance::Writes);
    let excess = tokens.filter_map(|budget| {
        let projected = i128::from(budget.projected?);
        Some(projected - i128::from(budget.limit))
    });
    let projected = day.tokens().zip(excess.max()).map(|(limit, excess)| {
        let projected = i128::from(limit).saturating_add(excess);
        u64::try_from(projected.max(0)).unwrap_or(u64::MAX)
    });
    #[expect(clippy::cast_precision_loss, reason = "gauges")]
    let gauge = |value: Option<u64>| value.map_or(f64::NAN, |value| value as f64);
    metrics::gauge!(names::DAILY_LIMIT).set(gauge(day.tokens()));
    metrics::gauge!(names::DAILY_SPENT).set(gauge(Some(day.spent())));
    metrics::gauge!(names::DAILY_PROJECTED).set(gauge(projected));
    metrics::gauge!(names::WRITES_LIMIT).set(gauge(day.writes_limit));
    metrics::gauge!(names::WRITES_SPENT).set(gauge(Some(day.writes)));
}

/// What was spent of one allowance in the last hour.
#[derive(Debug, Default)]
struct Forecast {
    samples: VecDeque<(Timestamp, u64)>,
}

impl Forecast {
    /// Adds a sample, and projects what is spent at the reset.
    fn update(
        &mut self,
        of: Allowance,
        limit: u64,
        spent: u64,
        until_reset: Duration,
        now: Timestamp,
    ) -> Budget {
        self.sample(limit, spent, now);
        let pace = self.pace(limit, spent, now);
        let projected = pace.map(|pace| spent.saturating_add(pace.in_time(until_reset)));
        let ends = pace.filter(|_| projected.is_some_and(|projected| projected > limit));
        Budget {
            of,
            limit,
            spent,
            projected,
            ends_at: ends
                .map(|pace| now.saturating_add(pace.time_of(limit.saturating_sub(spent))))
                .and_then(Result::ok),
            until_reset,
        }
    }

    fn sample(&mut self, limit: u64, spent: u64, now: Timestamp) {
        let last = self.samples.back().map_or(0, |(_, last)| *last);
        if last.saturating_sub(spent) > limit / CORRECTION_PART {
            self.samples.clear();
        }
        let is_due = |(at, _): &(Timestamp, u64)| now.duration_since(*at) >= SPACING;
        if self.samples.back().is_none_or(is_due) {
            self.samples.push_back((now, spent));
        }
        let is_old = |(at, _): &(Timestamp, u64)| now.duration_since(*at) > HORIZON;
        while self.samples.front().is_some_and(is_old) {
            self.samples.pop_front();
        }
    }

    fn pace(&self, limit: u64, spent: u64, now: Timestamp) -> Option<Pace> {
        let (since, then) = self.samples.front()?;
        let (time, count) = (now.duration_since(*since), spent.saturating_sub(*then));
        let is_rush = count >= (limit / RUSH_PART).max(1) && time >= LEAST_OF_A_RUSH;
        (time >= LEAST || is_rush).then_some(Pace {
            count,
            time: time.unsigned_abs(),
        })
    }
}

/// So many in such a time, which is not zero.
#[derive(Clone, Copy, Debug)]
struct Pace {
    count: u64,
    time: Duration,
}

impl Pace {
    fn in_time(self, time: Duration) -> u64 {
        let count = u128::from(self.count) * time.as_millis() / self.time.as_millis();
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    fn time_of(self, count: u64) -> SignedDuration {
        let count = u128::from(count) * self.time.as_millis() / u128::from(self.count.max(1));
        SignedDuration::from_millis(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn update(forecast: &mut Forecast, spent: u64, rest: Duration, second: i64) -> Budget {
        forecast.update(Allowance::Tokens, 5_000, spent, rest, at(second))
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
            let second = i64::try_from(minute * 60).unwrap();
            budget = Some(update(&mut forecast, spent, HOUR * 6, second));
        }

        let budget = budget.unwrap();
        assert_eq!(budget.spent, 650);
        let projected = budget.projected.unwrap();
        assert!((4150..=4260).contains(&projected), "{projected}");
        assert_eq!(budget.ends_at, None, "it lasts");
    }

    #[test]
    fn a_pace_that_the_day_does_not_bear_says_until_when_it_does() {
        let mut forecast = Forecast::default();
        update(&mut forecast, 1_000, HOUR * 6, 0);

        let budget = update(&mut forecast, 2_000, HOUR * 6, 1_800);

        assert_eq!(budget.projected, Some(14_000));
        assert_eq!(budget.ends_at, Some(at(1_800 + 5_400)));
        let text = budget.explain();
        assert!(
            text.starts_with(
                "2000 of 5000 of the day's Pipedrive tokens are spent; at this rate until 15:46 UTC"
            ),
            "{text}"
        );
    }

    #[test]
    fn the_first_minutes_project_nothing_unless_a_good_part_is_gone() {
        let mut forecast = Forecast::default();

        assert_eq!(update(&mut forecast, 0, HOUR, 0).projected, None);
        assert_eq!(update(&mut forecast, 499, HOUR, 599).projected, None);
        assert!(update(&mut forecast, 499, HOUR, 600).projected.is_some());

        let mut rush = Forecast::default();
        update(&mut rush, 0, HOUR, 0);
        assert_eq!(update(&mut rush, 500, HOUR, 59).projected, None);
        assert_eq!(update(&mut rush, 500, HOUR, 60).projected, Some(30_500));
    }

    #[test]
    fn a_new_day_is_observed_anew() {
        let mut forecast = Forecast::default();
        update(&mut forecast, 4_500, HOUR, 0);

        assert_eq!(update(&mut forecast, 2, HOUR, 900).projected, None);
        assert_eq!(update(&mut forecast, 4, HOUR, 1800).projected, Some(12));
    }

    #[test]
    fn a_small_correction_begins_no_new_day() {
        let mut forecast = Forecast::default();
        update(&mut forecast, 1_000, HOUR, 0);
        update(&mut forecast, 1_300, HOUR, 900);

        let budget = update(&mut forecast, 1_280, HOUR, 1_800);

        assert_eq!(budget.projected, Some(1_840));
    }

    #[test]
    fn each_allowance_is_forecast_by_its_own_count() {
        let mut forecasts = Forecasts::default();
        let day = |ours, left, writes| Day {
            ours,
            share: Some(500),
            limit: Some(5_000),
            left: Some(left),
            writes,
            writes_limit: Some(10_000),
        };
        forecasts.update(day(0, 5_000, 0), |_| HOUR, at(0));

        let budgets = forecasts.update(day(100, 3_000, 20), |_| HOUR, at(1_800));

        let seen: Vec<_> = budgets
            .iter()
            .map(|budget| (budget.of, budget.spent, budget.projected))
            .collect();
        assert_eq!(
            seen,
            [
                (Allowance::Share, 100, Some(300)),
                (Allowance::Tokens, 2_000, Some(6_000)),
                (Allowance::Writes, 20, Some(60)),
            ]
        );
    }
}
