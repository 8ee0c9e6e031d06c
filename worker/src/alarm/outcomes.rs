//! Outcomes of this worker's messages since they were last shared.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use shared::clock;

use super::queues::Watermark;
use crate::store::Window;

/// Counts messages by outcome. Clones share the counts.
#[derive(Clone, Debug, Default)]
pub struct OutcomeCounter {
    counts: Arc<Mutex<Window>>,
    head: Arc<Watermark>,
}

impl OutcomeCounter {
    /// A first attempt begins on a message that was received then.
    pub fn begun(&self, received: Timestamp) {
        self.head.advance(received, clock::now());
    }

    /// A message was recorded, or found to be recorded already.
    pub fn done(&self) {
        self.update(|counts| counts.done += 1);
    }

    /// A message failed: it is a dead letter, or retried for an error.
    pub fn failed(&self, reason: &'static str) {
        self.update(|counts| *counts.failed.entry(reason.to_owned()).or_default() += 1);
    }

    /// Takes the counts, and begins again at zero.
    pub(super) fn take(&self) -> Window {
        let mut taken = Window::default();
        self.update(|counts| taken = std::mem::take(counts));
        taken
    }

    /// Adds counts again that could not be shared.
    pub(super) fn give_back(&self, taken: Window) {
        self.update(|counts| {
            counts.done += taken.done;
            for (reason, count) in taken.failed {
                *counts.failed.entry(reason).or_default() += count;
            }
        });
    }

    /// When the youngest message was received on which a first attempt began.
    pub(super) fn head(&self) -> Option<Timestamp> {
        self.head.get()
    }

    fn update(&self, change: impl FnOnce(&mut Window)) {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
