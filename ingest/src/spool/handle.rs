//! The handle on the spool: sends commands to the thread that owns the file.

use std::fmt;
use std::path::Path;

use shared::config;
use tokio::sync::{mpsc, oneshot, watch};

use super::record::{Record, SpoolError, Stored};
use super::store::{OpenError, Store};
use super::thread::{self, Command, Status};

/// Commands that wait for the thread. Beyond that callers wait, and each bounds its wait.
const MAX_QUEUED: usize = 1024;

/// The spool of this process. Clones share it.
#[derive(Clone)]
pub struct Spool {
    commands: mpsc::Sender<Command>,
    pub(super) status: watch::Receiver<Status>,
    max_bytes: u64,
}

impl Spool {
    /// Opens the spool that the settings name, if any.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub fn open(settings: &config::Spool) -> Result<Option<Self>, OpenError> {
        let Some(path) = &settings.path else {
            return Ok(None);
        };
        Self::open_at(path, settings.max_bytes).map(Some)
    }

    fn open_at(path: &Path, max_bytes: u64) -> Result<Self, OpenError> {
        let store = Store::open(path)?;
        let (commands, queue) = mpsc::channel(MAX_QUEUED);
        let status =
            thread::start(store, queue, max_bytes).map_err(|error| OpenError::Unusable {
                path: path.to_owned(),
                problem: error.to_string(),
            })?;
        Ok(Self {
            commands,
            status,
            max_bytes,
        })
    }

    /// Stores a message. It is on disk when this returns. The caller bounds the wait.
    ///
    /// # Errors
    ///
    /// When the size limit is reached, or the disk reports an error.
    ///
    /// # Cancel safety
    ///
    /// Dropped early, the message may or may not be stored.
    pub async fn append(&self, record: Record) -> Result<(), SpoolError> {
        self.ask(|reply| Command::Append { record, reply }).await?
    }

    /// How much waits in the spool now, and since when.
    #[must_use]
    pub fn status(&self) -> Status {
        let mut status = self.status.borrow().clone();
        // The thread has ended: whatever its last status, it stores nothing more.
        if self.status.has_changed().is_err() {
            status.trouble = Some(closed());
        }
        status
    }

    /// The size limit, in bytes.
    #[must_use]
    pub fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// Closes the file after all earlier commands. Later commands fail.
    pub async fn close(&self) {
        // An error means that it is closed already.
        drop(self.ask(|reply| Command::Close { reply }).await);
    }

    /// Waits until the thread of the file is gone: before it is closed that is a panic.
    pub fn ended(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut status = self.status.clone();
        async move { while status.changed().await.is_ok() {} }
    }

    pub(super) async fn oldest(&self, after: i64, count: usize) -> Result<Vec<Stored>, SpoolError> {
        self.ask(|reply| Command::Oldest {
            after,
            count,
            reply,
        })
        .await?
    }

    pub(super) async fn delete(&self, ids: Vec<i64>) -> Result<(), SpoolError> {
        self.ask(|reply| Command::Delete { ids, reply }).await?
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, SpoolError> {
        let (reply, answer) = oneshot::channel();
        let asked = self.commands.send(command(reply)).await;
        asked.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())
    }
}

fn closed() -> SpoolError {
    SpoolError::Failed("it is closed".to_owned())
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spool")
            .field("status", &self.status())
            .field("max_bytes", &self.max_bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "handle_tests.rs"]
mod tests;
