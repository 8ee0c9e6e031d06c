//! Which of Pipedrive's operations one message began, and which of them passed.
//!
//! The client reports both through its budget: tokens are taken before a request, and it says what was answered.
//! One message is one task, so the operations belong to the message of the task.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::BoxFuture;
use pipedrive::ports::{Budget, Receipt, Spend, SpendError, StoreError};
use pipedrive::{Allowance, Limits};

tokio::task_local! {
    static TRACE: RefCell<Trace>;
}

/// The operations of one message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    /// The one that began last.
    pub last: Option<&'static str>,
    /// Operations that Pipedrive accepted.
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
    fn take(&self, spend: Spend) -> BoxFuture<'_, Result<Receipt, SpendError>> {
        note(|trace| trace.last = Some(spend.operation));
        self.0.take(spend)
    }

    fn give_back(&self, receipt: Receipt) -> BoxFuture<'_, Result<(), StoreError>> {
        self.0.give_back(receipt)
    }

    fn pause(&self, spend: Spend, wait: Duration) -> BoxFuture<'_, Result<(), StoreError>> {
        self.0.pause(spend, wait)
    }

    fn end_day(
        &self,
        of: Allowance,
        renewed_in: Option<Duration>,
    ) -> BoxFuture<'_, Result<Duration, StoreError>> {
        self.0.end_day(of, renewed_in)
    }

    fn learn(
        &self,
        receipt: Option<Receipt>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.0.learn(receipt, limits)
    }

    fn answered(&self, spend: Spend) -> BoxFuture<'_, ()> {
        note(|trace| {
            trace.passed.insert(spend.operation);
        });
        self.0.answered(spend)
    }
}
