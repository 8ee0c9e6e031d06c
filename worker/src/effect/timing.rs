//! How long a request to Pipedrive may be in flight, and what has to wait for it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use shared::domain::times::CLOCK_SKEW;
use shared::{clock, config};

use crate::failure::Failure;

/// How long requests and their effects take in Pipedrive.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// How long one request may take.
    pub request_timeout: Duration,
    /// How long after a lost answer the request may still take effect.
    pub settle_time: Duration,
    /// How long the search may not show a new person.
    pub search_lag: Duration,
}

impl Timing {
    /// Reads the times from the settings.
    #[must_use]
    pub fn new(settings: &config::Pipedrive) -> Self {
        Self {
            request_timeout: settings.request_timeout,
            settle_time: settings.settle_time,
            search_lag: settings.search_lag,
        }
    }

    /// How long after it was sent a request of an unknown sender may still take effect.
    #[must_use]
    pub fn in_flight(&self) -> Duration {
        self.request_timeout + self.settle_time
    }

    /// When a request that begins after `wait` has certainly ended. It is stored as the time of an intent, so that a crash, or a
    /// second write that fails, never makes the intent seem older than it is.
    #[must_use]
    pub fn latest_end(&self, wait: Duration) -> Timestamp {
        let now = clock::now();
        now.checked_add(wait + self.request_timeout).unwrap_or(now)
    }
}

/// An error while less than `wait` has passed since `moment`.
pub(crate) fn wait_since(moment: Timestamp, wait: Duration) -> Result<(), Failure> {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    let rest = wait.saturating_sub(clock::now().duration_since(moment));
    match Duration::try_from(rest) {
        Ok(rest) if !rest.is_zero() => Err(Failure::Unsettled(rest)),
        _ => Ok(()),
    }
}

/// A time from which on a list certainly contains what was written at `moment`, by whichever clock.
pub(crate) fn surely_before(moment: Timestamp) -> Timestamp {
    moment.checked_sub(CLOCK_SKEW).unwrap_or(moment)
}
