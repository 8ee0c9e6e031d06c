//! Pauses between short retries inside one process. The only user of the crate `backoff`, whose schedule is all that is
//! wanted of it: the crate is unmaintained (see `deny.toml`).

use std::time::Duration;

use backoff::ExponentialBackoffBuilder;
use backoff::backoff::Backoff;

/// A bounded number of pauses, doubling, each between half and one and a half of its nominal length.
pub fn pauses(first: Duration, count: usize) -> impl Iterator<Item = Duration> {
    let mut schedule = ExponentialBackoffBuilder::new()
        .with_initial_interval(first)
        .with_multiplier(2.0)
        .with_randomization_factor(0.5)
        // The count ends it. The crate's default would end it after 15 minutes of wall clock, whatever was tried.
        .with_max_elapsed_time(None)
        .build();
    std::iter::from_fn(move || schedule.next_backoff()).take(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_with_jitter_and_end() {
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
}
