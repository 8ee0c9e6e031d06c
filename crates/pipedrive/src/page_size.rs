//! The size of a page, which adapts to how long pages take.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Records a page; the cost of a list does not depend on it. 500 is the most that Pipedrive gives.
const LARGEST_PAGE: usize = 500;
/// A page is never made smaller than this.
const SMALLEST_PAGE: usize = 31;

/// How many records a page has at present: half as many after one that timed out, more again after one that did not.
#[derive(Clone, Debug)]
pub(crate) struct PageSize(Arc<AtomicUsize>);

impl Default for PageSize {
    fn default() -> Self {
        Self(Arc::new(AtomicUsize::new(LARGEST_PAGE)))
    }
}

impl PageSize {
    pub fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// A page of `from` records timed out.
    pub fn halve(&self, from: usize) {
        let half = (from / 2).max(SMALLEST_PAGE);
        self.0.fetch_min(half, Ordering::Relaxed);
    }

    /// A list with pages of `from` records came to its end.
    pub fn double(&self, from: usize) {
        let double = (from * 2).min(LARGEST_PAGE);
        self.0.fetch_max(double, Ordering::Relaxed);
    }
}
