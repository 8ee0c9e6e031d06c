//! Isolates messages that may kill the process.
//!
//! A crash gives back every message that was held, and the broker counts a failed delivery for each: the count does not
//! tell which one did it. A message that failed often is therefore worked on alone, and that is written down before and
//! struck out after. A note that was never struck out is proof, once the process that made it is gone: one that lives on
//! takes back what it could not strike out while Redis did not answer. Until a note is older than any work on a message,
//! its process may be at work on a copy, and the message waits.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use shared::domain::ids::sha256_hex_of;
use shared::error::chain;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::delivery::failure::Failure;
use crate::delivery::message::Inbound;
use crate::store::{AttemptState, DeliveryAttempts};

/// Processes that died while they worked alone on a message, which prove it to be poison. One may have been bad luck.
const PROOF: u32 = 2;

/// Lets messages in: most side by side, a suspect alone.
#[derive(Debug)]
pub struct PoisonGuard {
    suspects: DeliveryAttempts,
    alone: RwLock<()>,
    /// Messages of which a note of ours may be in Redis.
    noted: Mutex<BTreeSet<String>>,
}

/// The right to work on a message. To be given back by [`PoisonGuard::leave`].
#[derive(Debug)]
#[must_use = "a suspect that does not leave counts as a crash, if the process dies"]
pub enum WorkPermit<'q> {
    /// Beside others.
    Shared { _beside: RwLockReadGuard<'q, ()> },
    /// Alone, with the suspect's key.
    Alone(RwLockWriteGuard<'q, ()>, String),
}

impl PoisonGuard {
    /// A quarantine that keeps its notes in `suspects`.
    #[must_use]
    pub fn new(suspects: DeliveryAttempts) -> Self {
        Self {
            suspects,
            alone: RwLock::new(()),
            noted: Mutex::default(),
        }
    }

    /// Waits for the right to work on `message`.
    ///
    /// # Errors
    ///
    /// When the message is proven to be poison, another process may be at work on it, or Redis does not answer.
    pub async fn enter(&self, message: &Inbound) -> Result<WorkPermit<'_>, Failure> {
        if !message.is_suspect() {
            return Ok(WorkPermit::Shared {
                _beside: self.alone.read().await,
            });
        }
        let key = sha256_hex_of(message.body());
        // Before others are kept waiting for it.
        if self.suspects.look(&key).await? == AttemptState::Open {
            return Err(Failure::Busy);
        }
        let alone = self.alone.write().await;
        // Before it is sent: an answer that does not come leaves the note in Redis, now or later.
        self.change_noted(|noted| noted.insert(key.clone()));
        let failure = match self.suspects.begin(&key).await? {
            AttemptState::Crashes(crashes) if crashes < PROOF => {
                tracing::warn!(
                    crashes,
                    "Working alone on a message that may have killed a worker"
                );
                return Ok(WorkPermit::Alone(alone, key));
            }
            AttemptState::Crashes(crashes) => Failure::Poison { crashes },
            AttemptState::Open => Failure::Busy,
        };
        // It is not worked on: the notes of others are what is known of it.
        self.take_back(vec![key]).await;
        Err(failure)
    }

    /// Gives a pass back: the process is still alive. Where the message was not worked on after all (`was_tried`), that
    /// proves nothing about earlier crashes.
    ///
    /// # Errors
    ///
    /// When Redis does not answer. The note is taken back later then.
    pub async fn leave(&self, pass: WorkPermit<'_>, was_tried: bool) -> Result<(), Failure> {
        // The guard is held until the note is struck out.
        let WorkPermit::Alone(_alone, key) = pass else {
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

    /// Takes back what could not be struck out: this process is alive. Of a suspect that is worked on, the note stays.
    pub async fn settle(&self) {
        if let Ok(_nobody_is_alone) = self.alone.try_read() {
            self.take_all_back().await;
        }
    }

    /// Takes every note back: the process ends, and no message killed it.
    pub async fn close(&self) {
        self.take_all_back().await;
    }

    async fn take_all_back(&self) {
        let left: Vec<String> = self.change_noted(|noted| noted.iter().cloned().collect());
        if !left.is_empty() {
            self.take_back(left).await;
        }
    }

    async fn take_back(&self, keys: Vec<String>) {
        match self.suspects.withdraw(&keys).await {
            Ok(()) => self.change_noted(|noted| noted.retain(|key| !keys.contains(key))),
            Err(error) => tracing::debug!(
                error = chain(&error),
                notes = keys.len(),
                "Notes on suspects are taken back later"
            ),
        }
    }

    fn change_noted<T>(&self, change: impl FnOnce(&mut BTreeSet<String>) -> T) -> T {
        change(&mut self.noted.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
