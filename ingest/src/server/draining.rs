//! Draining, the time between the order to stop and the stop: connections are still accepted, and each answer closes its
//! own.
//!
//! A connection that is cut while idle may be cut in the very moment in which its client sends a request, and a webhook
//! sender will not know whether to send it again. So clients are asked to leave: by readiness, which load balancers
//! follow, and by `Connection: close`, which both sides know of before it happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the service is about to stop. Clones share the state.
#[derive(Clone, Debug, Default)]
pub struct Draining(Arc<AtomicBool>);

impl Draining {
    /// From now on each connection is closed with its next answer.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether draining has started.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
