//! Whether a repeated failure is worth a line in the log: the first of a row is, and then one a minute.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Shortest time between two lines, also where successes lie in between: each thread has a publisher of its own.
const LINE_INTERVAL: Duration = Duration::from_secs(60);

/// A row of failures, from the first one that was logged to a success.
#[derive(Debug, Default)]
pub(super) struct OutageLog {
    logged_at: Mutex<Option<Instant>>,
    is_open: AtomicBool,
}

impl OutageLog {
    /// Notes a failure at `now`. Returns whether to log it.
    pub fn failed(&self, now: Instant) -> bool {
        let mut logged_at = self
            .logged_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if logged_at.is_some_and(|at| now.duration_since(at) < LINE_INTERVAL) {
            return false;
        }
        *logged_at = Some(now);
        self.is_open.store(true, Ordering::Relaxed);
        true
    }

    /// Notes a success. Returns whether to log it: a failure was logged, and no success since.
    pub fn recovered(&self) -> bool {
        // The swap is for the rare case only: every webhook comes by here.
        self.is_open.load(Ordering::Relaxed) && self.is_open.swap(false, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_and_the_first_success_are_logged_and_one_failure_a_minute() {
        let log = OutageLog::default();
        let start = Instant::now();
        assert!(!log.recovered(), "nothing has failed");

        assert!(log.failed(start));
        assert!(!log.failed(start + Duration::from_secs(59)));
        assert!(log.failed(start + Duration::from_secs(60)));
        assert!(log.recovered());
        assert!(!log.recovered());

        let soon_after = start + Duration::from_secs(61);
        assert!(!log.failed(soon_after), "a minute has not passed");
        assert!(!log.recovered(), "the failure was not logged");
    }
}
