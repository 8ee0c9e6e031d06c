//! Pauses between attempts: they double, with jitter, so that a fleet does not return in step.
//!
//! The only user of the crate `backoff`, of which no more than the schedule is used: the crate is unmaintained (see
//! `deny.toml`).

use std::time::Duration;

use backoff::backoff::Backoff as _;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};

/// First and longest pause between attempts to connect.
const CONNECT_PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(10));

/// Pauses without end, each between half of and all of its nominal length. The nominal length doubles up to a limit.
#[derive(Debug)]
pub struct Backoff(ExponentialBackoff);

impl Backoff {
    /// Pauses of nominally `first`, then doubling up to `longest`.
    #[must_use]
    pub fn new(first: Duration, longest: Duration) -> Self {
        // A third around three quarters is the span from half to all.
        let schedule = schedule(first.mul_f64(0.75), 1.0 / 3.0)
            .with_max_interval(longest.mul_f64(0.75))
            .build();
        Self(schedule)
    }

    /// How long to wait before the next attempt; grows with each call.
    pub fn next_pause(&mut self) -> Duration {
        let longest = self.0.max_interval;
        self.0.next_backoff().unwrap_or(longest)
    }

    /// Begins with the first pause again, after a success.
    pub fn reset(&mut self) {
        self.0.reset();
    }
}

/// The pauses between attempts to connect to a server: from 500 ms to 10 s.
impl Default for Backoff {
    fn default() -> Self {
        let (first, longest) = CONNECT_PAUSES;
        Self::new(first, longest)
    }
}

/// A bounded number of pauses, each between half and one and a half of its nominal length, which doubles.
pub fn pauses(first: Duration, count: usize) -> impl Iterator<Item = Duration> {
    let mut schedule = schedule(first, 0.5).build();
    std::iter::from_fn(move || schedule.next_backoff()).take(count)
}

fn schedule(first: Duration, jitter: f64) -> ExponentialBackoffBuilder {
    let mut schedule = ExponentialBackoffBuilder::new();
    schedule
        .with_initial_interval(first)
        .with_multiplier(2.0)
        .with_randomization_factor(jitter)
        // The crate's default would end the schedule after 15 minutes of wall clock, whatever was tried.
        .with_max_elapsed_time(None);
    schedule
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounded_pauses_double_with_jitter_and_end() {
        let pauses: Vec<u128> = pauses(Duration::from_millis(100), 3)
            .map(|pause| pause.as_millis())
            .collect();

        assert_eq!(pauses.len(), 3);
        for (pause, nominal) in pauses.iter().zip([100, 200, 400]) {
            assert!(
                (nominal / 2..=nominal * 3 / 2).contains(pause),
                "{pauses:?}"
            );
        }
    }

    #[test]
    fn pauses_between_connections_double_up_to_ten_seconds_and_begin_anew() {
        let mut backoff = Backoff::default();

        for nominal in [500, 1000, 2000, 4000, 8000, 10_000, 10_000] {
            let pause = backoff.next_pause().as_millis();
            assert!((nominal / 2..=nominal).contains(&pause), "{pause}");
        }
        backoff.reset();
        assert!(backoff.next_pause() <= Duration::from_millis(500));
    }
}
