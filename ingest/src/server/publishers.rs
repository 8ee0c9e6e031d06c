//! The publishers of all threads as one: their state, and whether one of them is gone.

use std::sync::{Arc, Mutex, PoisonError};

use shared::broker::{Publisher, PublisherState};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The publishers of every thread that takes requests. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Publishers {
    states: Arc<Mutex<Vec<watch::Receiver<PublisherState>>>>,
    ended: CancellationToken,
}

impl Publishers {
    /// Adds a publisher, which runs on the caller's thread.
    pub fn add(&self, publisher: &Publisher) {
        let mut state = publisher.watch();
        // Also where the thread ends, and this task with it.
        let ended = self.ended.clone().drop_guard();
        tokio::spawn(async move {
            let _ended = ended;
            while state.changed().await.is_ok() {}
        });
        self.lock().push(publisher.watch());
    }

    /// The state of the first publisher that is not ready, else ready: a request may arrive at any of them.
    pub fn state(&self) -> PublisherState {
        let mut states = self.lock();
        // The publisher of a thread that ended is gone.
        states.retain(|state| state.has_changed().is_ok());
        let mut states = states.iter().map(|state| state.borrow().clone());
        states
            .find(|state| *state != PublisherState::Ready)
            .unwrap_or(PublisherState::Ready)
    }

    /// Waits until a publisher is gone: before shutdown that is a panic of its task or its thread.
    pub fn one_ended(&self) -> impl Future<Output = ()> + Send + use<> {
        self.ended.clone().cancelled_owned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<watch::Receiver<PublisherState>>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
