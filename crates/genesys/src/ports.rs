//! What a caller has to bring: a budget of requests.
//!
//! Genesys counts requests for each OAuth client, so processes that share one have to share a budget too. Where it is kept
//! is the caller's business.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use crate::answer::Limits;

/// A future that a port returns; boxed, so that a port can be a trait object.
pub type PortFuture<'p, T> = Pin<Box<dyn Future<Output = T> + Send + 'p>>;

/// Hands out requests, and learns what Genesys says about the limit.
pub trait Budget: fmt::Debug + Send + Sync {
    /// Takes one request out of the budget. May wait for it, within reason.
    ///
    /// The permit is dropped when the request has been answered or has failed.
    fn reserve(&self) -> PortFuture<'_, Result<Permit, NoRoom>>;

    /// Learns the limits that an answer gave. After a 429, `retry_after` is set: nothing should be sent before it is over.
    ///
    /// Does not fail: what Genesys answered must not be lost because a counter could not be corrected.
    fn learn(&self, limits: Limits) -> PortFuture<'_, ()>;
}

/// The right to send one request. Dropping it runs what the budget attached.
#[must_use = "a permit stands for one request"]
#[derive(Default)]
pub struct Permit(Option<Box<dyn Send>>);

impl Permit {
    /// A permit with nothing attached.
    pub fn granted() -> Self {
        Self(None)
    }

    /// A permit that holds `guard` until the request is over, such as a place among the requests in flight.
    pub fn holding(guard: impl Send + 'static) -> Self {
        Self(Some(Box::new(guard)))
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = if self.0.is_some() { "guard" } else { "nothing" };
        f.debug_tuple("Permit").field(&held).finish()
    }
}

/// No request was handed out.
#[derive(Debug, thiserror::Error)]
pub enum NoRoom {
    /// Not within a wait that is worth holding a message for.
    #[error("no request is free for {}s", .0.as_secs())]
    Busy(Duration),
    /// Whatever keeps the budget failed.
    #[error("the budget of requests is not available")]
    Store(#[source] Box<dyn Error + Send + Sync>),
}

/// A budget without a limit, for checks by hand and for tests. Genesys' own limit still holds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unlimited;

impl Budget for Unlimited {
    fn reserve(&self) -> PortFuture<'_, Result<Permit, NoRoom>> {
        Box::pin(std::future::ready(Ok(Permit::granted())))
    }

    fn learn(&self, _limits: Limits) -> PortFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}
