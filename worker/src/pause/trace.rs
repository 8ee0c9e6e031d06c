//! Which of Pipedrive's operations one message began, and which of them passed.
//!
//! The client reports both through its budget: tokens are taken before a request, and the budget learns from each answer.
//! One message is one task, so the operations belong to the message of the task.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::BoxFuture;
use pipedrive::Limits;
use pipedrive::ports::{Budget, Spend, SpendError, StoreError};

tokio::task_local! {
    static TRACE: RefCell<Trace>;
}

/// The operations of one message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    /// The one that began last.
    pub last: Option<&'static str>,
    /// Those that passed.
    pub passed: BTreeSet<&'static str>,
}

/// Runs the work on one message with a trace of its own.
pub(crate) async fn traced<T>(work: impl Future<Output = T>) -> T {
    TRACE.scope(RefCell::default(), work).await
}

/// The trace of the present message so far; empty outside of one.
pub(crate) fn current() -> Trace {
    TRACE
        .try_with(|trace| trace.borrow().clone())
        .unwrap_or_default()
}

fn note(change: impl FnOnce(&mut Trace)) {
    // Outside of a message nothing is traced: the directory's requests, and those of commands.
    TRACE.try_with(|trace| change(&mut trace.borrow_mut())).ok();
}

/// A budget that traces the operations for which it is asked.
#[derive(Debug)]
pub(crate) struct TracedBudget<B>(pub B);

impl<B: Budget> Budget for TracedBudget<B> {
    fn take(&self, spend: Spend) -> BoxFuture<'_, Result<(), SpendError>> {
        note(|trace| trace.last = Some(spend.operation));
        self.0.take(spend)
    }

    fn pause(&self, wait: Duration) -> BoxFuture<'_, Result<(), StoreError>> {
        self.0.pause(wait)
    }

    fn end_day(&self, wait: Duration) -> BoxFuture<'_, Result<(), StoreError>> {
        self.0.end_day(wait)
    }

    fn learn(&self, spend: Spend, limits: Limits) -> BoxFuture<'_, Result<(), StoreError>> {
        note(|trace| {
            trace.passed.insert(spend.operation);
        });
        self.0.learn(spend, limits)
    }
}
