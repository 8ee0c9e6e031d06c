//! Which refusals are worth a line in the log: of each reason the first, and then one a minute with how many there were.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Shortest time between two lines of one reason.
const LINE_INTERVAL: Duration = Duration::from_secs(60);

/// Refusals by reason since the last line about each.
#[derive(Debug, Default)]
pub(super) struct RefusalLog(Mutex<BTreeMap<&'static str, Refusals>>);

#[derive(Debug)]
struct Refusals {
    unlogged: u64,
    logged_at: Option<Instant>,
}

impl RefusalLog {
    /// Notes a refusal at `now`. Returns the number of them since the last line, this one included, if a line is due.
    pub fn note(&self, reason: &'static str, now: Instant) -> Option<u64> {
        let mut reasons = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let refusals = reasons.entry(reason).or_insert(Refusals {
            unlogged: 0,
            logged_at: None,
        });
        refusals.unlogged += 1;
        let is_recent = |at| now.duration_since(at) < LINE_INTERVAL;
        if refusals.logged_at.is_some_and(is_recent) {
            return None;
        }
        refusals.logged_at = Some(now);
        Some(std::mem::take(&mut refusals.unlogged))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_logged_at_once_and_then_once_a_minute_with_its_count() {
        let log = RefusalLog::default();
        let start = Instant::now();

        assert_eq!(log.note("malformed", start), Some(1));
        for second in 1..60 {
            assert_eq!(
                log.note("malformed", start + Duration::from_secs(second)),
                None
            );
        }
        assert_eq!(log.note("unrecognised", start), Some(1), "another reason");
        assert_eq!(
            log.note("malformed", start + Duration::from_secs(60)),
            Some(60)
        );
    }
}
