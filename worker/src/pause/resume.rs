//! Whether an operator ended the present pause.

use jiff::Timestamp;

use super::reason::PauseReason;
use crate::store::{PausedWorker, Pauses};

/// Watches for `worker resume` during one pause, and says there that this worker is paused.
#[derive(Debug)]
pub(crate) struct ResumeWatch<'p> {
    pauses: &'p Pauses,
    worker: &'p str,
    since: Timestamp,
    /// Requests that were made before this pause.
    earlier: Option<u64>,
}

impl<'p> ResumeWatch<'p> {
    /// For a pause that began at `since`.
    pub fn new(pauses: &'p Pauses, worker: &'p str, since: Timestamp) -> Self {
        Self {
            pauses,
            worker,
            since,
            earlier: None,
        }
    }

    /// Whether an operator requested to resume since this was asked first. A Redis that does not answer brings no request.
    pub async fn is_requested(&mut self, reason: &PauseReason) -> bool {
        let name = self.worker.to_owned();
        let paused = PausedWorker::new(name, reason.label(), reason.explain(), self.since);
        let Ok(requests) = self.pauses.report(&paused).await else {
            return false;
        };
        requests > *self.earlier.get_or_insert(requests)
    }

    /// The pause is over.
    pub async fn end(self) {
        if let Err(error) = self.pauses.remove(self.worker).await {
            tracing::debug!(%error, "The worker stays on the list of paused ones for a moment");
        }
    }
}
