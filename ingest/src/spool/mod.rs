//! The spool: messages on disk that wait while RabbitMQ is away, short of memory or full.
//!
//! A webhook whose message the broker does not confirm is appended to the spool, and answered 200 once it is on disk. As
//! soon as the broker accepts messages again they are published unchanged, and deleted once confirmed. A crash in
//! between, or a confirm after our timeout, leads to a second message, which the worker skips as a duplicate by its
//! interaction and event; no message is lost.
//!
//! One thread owns the file. It groups all waiting commands into one transaction, so that a sync of the disk serves many
//! requests.

mod drain;
mod store;
mod thread;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use shared::config;
use tokio::sync::{mpsc, oneshot, watch};

pub use drain::Drain;
pub use store::{Depth, OpenError, Store, inspect};

use thread::Command;

/// Commands that wait for the thread. Beyond that callers wait, and each bounds its wait.
const MAX_QUEUED: usize = 1024;

/// A message to store.
#[derive(Clone, Debug)]
pub struct Record {
    /// When the webhook was received.
    pub received_at: Timestamp,
    /// The message's properties, by `shared::broker::properties_json`.
    pub properties: String,
    /// The body, unchanged.
    pub body: Bytes,
}

/// A stored message.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its position in the order of arrival.
    pub id: i64,
    /// The message's properties, by `shared::broker::properties_json`.
    pub properties: String,
    /// The body, unchanged.
    pub body: Bytes,
}

/// The message is not stored, or it is not certain that it is.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum SpoolError {
    /// The size limit is reached.
    #[error("the spool is full: it may hold {0} bytes")]
    Full(u64),
    /// The disk reported an error.
    #[error("the spool cannot be used: {0}")]
    Failed(String),
    /// The disk did not answer in time; the message may be stored.
    #[error("the disk did not answer within {}", humantime::format_duration(*.0))]
    TimedOut(Duration),
}

/// The content of the spool, and whether it accepts more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Number and size of the messages.
    pub depth: Depth,
    /// The error of the last attempt to store a message.
    pub trouble: Option<SpoolError>,
}

/// The spool of this process. Clones share it.
#[derive(Clone)]
pub struct Spool {
    commands: mpsc::Sender<Command>,
    status: watch::Receiver<Status>,
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

    /// The present content.
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

    async fn oldest(&self, after: i64, count: usize) -> Result<Vec<Stored>, SpoolError> {
        self.ask(|reply| Command::Oldest {
            after,
            count,
            reply,
        })
        .await?
    }

    async fn delete(&self, ids: Vec<i64>) -> Result<(), SpoolError> {
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
#[path = "spool_tests.rs"]
mod tests;
