//! What lists read while they are behind: the records as they were before their latest changes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The records that lists do not yet hold as they are.
#[derive(Debug)]
pub(super) struct Replica<T> {
    behind: BTreeMap<i64, Behind<T>>,
}

/// Earlier states of a record, for an index that lags.
#[derive(Debug)]
struct Behind<T> {
    until: Instant,
    /// `None` if there was no such record.
    old: Option<T>,
}

impl<T> Default for Replica<T> {
    fn default() -> Self {
        Self {
            behind: BTreeMap::new(),
        }
    }
}

impl<T> Replica<T> {
    /// Notes that a record is about to change. Lists hold `old` until `lag` is over; what they hold of an
    /// earlier change that they have not seen either stays.
    pub(super) fn touch(&mut self, id: i64, old: Option<T>, lag: Duration) {
        if lag.is_zero() {
            return;
        }
        let now = Instant::now();
        let until = now + lag;
        match self.behind.get_mut(&id).filter(|behind| behind.until > now) {
            Some(behind) => behind.until = until,
            None => drop(self.behind.insert(id, Behind { until, old })),
        }
    }

    /// Forgets what lists have caught up with.
    pub(super) fn catch_up(&mut self) {
        let now = Instant::now();
        self.behind.retain(|_, behind| behind.until > now);
    }

    /// Whether lists hold every record as it is.
    pub(super) fn is_current(&self) -> bool {
        self.behind.is_empty()
    }

    /// What lists hold of a record.
    pub(super) fn see<'r>(&'r self, id: i64, present: &'r T) -> Option<&'r T> {
        match self.behind.get(&id) {
            None => Some(present),
            Some(behind) => behind.old.as_ref(),
        }
    }
}
