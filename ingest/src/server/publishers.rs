//! The publishers of all threads, looked at as one.

use std::sync::{Arc, Mutex, PoisonError};

use shared::broker::{Publisher, PublisherState};
use tokio::sync::watch;

/// Whether messages can be published, wherever a request arrives. Clones are one.
#[derive(Clone, Debug, Default)]
pub struct Publishers(Arc<Mutex<Vec<watch::Receiver<PublisherState>>>>);

impl Publishers {
    /// Adds one more.
    pub fn add(&self, publisher: &Publisher) {
        self.lock().push(publisher.watch());
    }

    /// The state of the first that is not ready, else ready. A request may arrive at any of them.
    #[must_use]
    pub fn state(&self) -> PublisherState {
        let mut states = self.lock();
        // A thread that ended took its publisher with it.
        states.retain(|state| state.has_changed().is_ok());
        let mut states = states.iter().map(|state| state.borrow().clone());
        states
            .find(|state| *state != PublisherState::Ready)
            .unwrap_or(PublisherState::Ready)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<watch::Receiver<PublisherState>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
