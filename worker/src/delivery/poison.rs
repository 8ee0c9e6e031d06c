//! Isolates messages that may kill the process.
//!
//! A crash returns every held message to the queue, and the broker counts a failed delivery for each: the count does not
//! show which message caused it. A message that failed often is therefore processed alone, with a note in Redis that is
//! written before and deleted after. A note that was never deleted is proof, once its process is dead: a living process
//! withdraws the notes that it could not delete while Redis did not answer. Until a note is older than any work on a
//! message, its process may be working on a copy, and the message waits.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use shared::domain::ids::sha256_hex_of;
use shared::error::chain;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::delivery::message::{Delivery, Received};
use crate::failure::Failure;
use crate::store::{AttemptState, DeliveryAttempts};

/// Number of processes that died while they processed a message alone that proves it to be poison. One may be chance.
const PROOF: u32 = 2;

/// Admits messages to processing: most side by side, a suspect alone.
#[derive(Debug)]
pub struct PoisonGuard {
    suspects: DeliveryAttempts,
    alone: RwLock<()>,
    /// Messages of which this process may have a note in Redis.
    noted: Mutex<BTreeSet<String>>,
}

/// The right to process a message. Returned by [`PoisonGuard::leave`].
#[derive(Debug)]
#[must_use = "a suspect that does not leave counts as a crash, if the process dies"]
pub enum WorkPermit<'q> {
    /// Processed beside other messages.
    Shared { _beside: RwLockReadGuard<'q, ()> },
    /// Alone, with the suspect's key.
    Alone(RwLockWriteGuard<'q, ()>, String),
}

impl PoisonGuard {
    /// A guard that keeps its notes in `suspects`.
    #[must_use]
    pub fn new(suspects: DeliveryAttempts) -> Self {
        Self {
            suspects,
            alone: RwLock::new(()),
            noted: Mutex::default(),
        }
    }

    /// Waits for the right to process `message`.
    ///
    /// # Errors
    ///
    /// When the message is proven to be poison, another process may be at work on it, or Redis does not answer.
    pub async fn enter(&self, message: &Delivery<Received>) -> Result<WorkPermit<'_>, Failure> {
        if !message.is_suspect() {
            return Ok(WorkPermit::Shared {
                _beside: self.alone.read().await,
            });
        }
        let key = sha256_hex_of(message.body());
        // Checked before other messages have to wait for this one.
        if self.suspects.state(&key).await? == AttemptState::Open {
            return Err(Failure::Busy);
        }
        let alone = self.alone.write().await;
        // Before it is sent: a lost answer may leave the note in Redis.
        self.change_noted(|noted| noted.insert(key.clone()));
        let failure = match self.suspects.begin(&key).await? {
            AttemptState::Crashes(crashes) if crashes < PROOF => {
                let failed = message.envelope().failed_deliveries;
                tracing::warn!(
                    crashes,
                    failed_deliveries = failed,
                    "Processing interaction {} alone: {failed} failed deliveries, {crashes} crashes while alone",
                    message.interaction()
                );
                return Ok(WorkPermit::Alone(alone, key));
            }
            AttemptState::Crashes(crashes) => Failure::Poison { crashes },
            AttemptState::Open => Failure::Busy,
        };
        // It is not processed: the notes of other processes stay.
        self.withdraw(vec![key]).await;
        Err(failure)
    }

    /// Returns a permit: the process is still alive. Where the message was not processed after all (`was_tried` is false),
    /// that proves nothing about earlier crashes.
    ///
    /// # Errors
    ///
    /// When Redis does not answer. The note is withdrawn later then.
    pub async fn leave(&self, permit: WorkPermit<'_>, was_tried: bool) -> Result<(), Failure> {
        // The lock is held until the note is deleted.
        let WorkPermit::Alone(_alone, key) = permit else {
            return Ok(());
        };
        if was_tried {
            self.suspects.clear(&key).await?;
        } else {
            self.suspects.withdraw(std::slice::from_ref(&key)).await?;
        }
        self.change_noted(|noted| noted.remove(&key));
        Ok(())
    }

    /// Withdraws the notes that could not be deleted: this process is alive. The note of a suspect in progress stays.
    pub async fn retry_withdrawals(&self) {
        if let Ok(_none_is_alone) = self.alone.try_read() {
            self.withdraw_all().await;
        }
    }

    /// Withdraws every note: the process ends, and no message killed it.
    pub async fn close(&self) {
        self.withdraw_all().await;
    }

    async fn withdraw_all(&self) {
        let left: Vec<String> = self.change_noted(|noted| noted.iter().cloned().collect());
        if !left.is_empty() {
            self.withdraw(left).await;
        }
    }

    async fn withdraw(&self, keys: Vec<String>) {
        match self.suspects.withdraw(&keys).await {
            Ok(()) => self.change_noted(|noted| noted.retain(|key| !keys.contains(key))),
            Err(error) => tracing::debug!(
                error = chain(&error),
                notes = keys.len(),
                "Cannot withdraw notes on suspects: the worker tries again later"
            ),
        }
    }

    fn change_noted<T>(&self, change: impl FnOnce(&mut BTreeSet<String>) -> T) -> T {
        change(&mut self.noted.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
