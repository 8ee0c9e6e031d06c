//! How long what was sent to Pipedrive may be under way, and what has to wait for that.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use shared::domain::times::CLOCK_SKEW;
use shared::{clock, config};

use crate::delivery::failure::Failure;

/// How long things take in Pipedrive.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// How long one request may take.
    pub request_timeout: Duration,
    /// How long after a lost answer a record may still appear.
    pub settle_time: Duration,
    /// How long the search may not know a person.
    pub search_lag: Duration,
}

impl Timing {
    /// From the settings.
    #[must_use]
    pub fn new(settings: &config::Pipedrive) -> Self {
        Self {
            request_timeout: settings.request_timeout,
            settle_time: settings.settle_time,
            search_lag: settings.search_lag,
        }
    }

    /// How long after it was sent a request whose sender is unknown may still change something.
    #[must_use]
    pub fn in_flight(&self) -> Duration {
        self.request_timeout + self.settle_time
    }

    /// When a request that begins now has surely ended. Written down as the time of an intent, so that a crash, or a
    /// second note that is not written, never makes it look older than it is.
    #[must_use]
    pub fn latest_end(&self) -> Timestamp {
        let now = clock::now();
        now.checked_add(self.request_timeout).unwrap_or(now)
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

/// A time from which on a list surely holds what was written at `moment`, by whichever clock.
pub(crate) fn surely_before(moment: Timestamp) -> Timestamp {
    moment.checked_sub(CLOCK_SKEW).unwrap_or(moment)
}
