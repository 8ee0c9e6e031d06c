//! Isolates messages that may kill the process.
//!
//! A crash gives back every message that was held, and the broker counts a failed delivery for each: the count does not
//! tell which one did it. A message that failed often is therefore worked on alone, and that is written down before and
//! struck out after. A note that was never struck out is proof.

use shared::domain::ids::sha256_hex_of;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::failure::Failure;
use crate::inbound::Inbound;
use crate::redis::Suspects;

/// Crashes while a message was worked on alone that prove it to be poison. One may have been bad luck.
const PROOF: u32 = 2;

/// Lets messages in: most side by side, a suspect alone.
#[derive(Debug)]
pub struct Quarantine {
    suspects: Suspects,
    alone: RwLock<()>,
}

/// The right to work on a message. To be given back by [`Quarantine::leave`].
#[derive(Debug)]
#[must_use = "a suspect that does not leave counts as a crash"]
pub enum Pass<'q> {
    /// Beside others.
    Shared(RwLockReadGuard<'q, ()>),
    /// Alone, with the suspect's key.
    Alone(RwLockWriteGuard<'q, ()>, String),
}

impl Quarantine {
    /// A quarantine that keeps its notes in `suspects`.
    #[must_use]
    pub fn new(suspects: Suspects) -> Self {
        Self {
            suspects,
            alone: RwLock::new(()),
        }
    }

    /// Waits for the right to work on `message`.
    ///
    /// # Errors
    ///
    /// When the message is proven to be poison, or Redis does not answer.
    pub async fn enter(&self, message: &Inbound) -> Result<Pass<'_>, Failure> {
        if !message.is_suspect() {
            return Ok(Pass::Shared(self.alone.read().await));
        }
        let key = sha256_hex_of(message.body());
        let alone = self.alone.write().await;
        let crashes = self.suspects.begin(&key).await?;
        if crashes >= PROOF {
            return Err(Failure::Poison { crashes });
        }
        tracing::warn!(
            crashes,
            "Working alone on a message that may have killed a worker"
        );
        Ok(Pass::Alone(alone, key))
    }

    /// Gives a pass back: the process is still alive. Where the message was not worked on after all (`was_tried`), that
    /// proves nothing about earlier crashes.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn leave(&self, pass: Pass<'_>, was_tried: bool) -> Result<(), Failure> {
        match pass {
            Pass::Shared(_) => Ok(()),
            Pass::Alone(_, key) if was_tried => Ok(self.suspects.acquit(&key).await?),
            Pass::Alone(_, key) => Ok(self.suspects.withdraw(&key).await?),
        }
    }
}
