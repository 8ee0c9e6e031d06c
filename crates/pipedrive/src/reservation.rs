//! What was taken from the budget for a request that is not sent yet.

use std::sync::Arc;

use crate::ports::{Budget, Receipt};

/// Goes back to the budget when it is dropped before its request is sent: its caller was cancelled, or found that the
/// request is not to be sent.
#[derive(Debug)]
pub struct Reservation {
    budget: Arc<dyn Budget>,
    receipt: Option<Receipt>,
}

impl Reservation {
    /// Guards what `receipt` stands for.
    #[must_use]
    pub fn new(budget: Arc<dyn Budget>, receipt: Receipt) -> Self {
        Self {
            budget,
            receipt: Some(receipt),
        }
    }

    /// What it stands for.
    ///
    /// # Panics
    ///
    /// Never: there is a receipt until [`Self::redeem`].
    #[must_use]
    pub fn receipt(&self) -> Receipt {
        self.receipt.expect("a receipt is redeemed once")
    }

    /// Waits for the moment from which on its request may be sent.
    pub async fn due(&self) {
        tokio::time::sleep_until(self.receipt().granted.into()).await;
    }

    /// Its request is sent now, or is handed on: nothing goes back by itself any more.
    ///
    /// # Panics
    ///
    /// Never: there is a receipt until this or the end.
    #[must_use]
    pub fn redeem(mut self) -> Receipt {
        let receipt = self.receipt.take().expect("a receipt is redeemed once");
        Receipt {
            delay: receipt.granted.elapsed() + receipt.lag,
            ..receipt
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let (Some(receipt), Ok(runtime)) =
            (self.receipt.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let budget = self.budget.clone();
        runtime.spawn(async move {
            if let Err(error) = budget.give_back(receipt).await {
                tracing::debug!(%error, "Tokens of a request that was not sent stay counted");
            }
        });
    }
}
