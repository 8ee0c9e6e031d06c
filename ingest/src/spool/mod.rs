//! Where events wait while RabbitMQ is away, short of memory or full.
//!
//! A webhook whose message the broker does not confirm is appended here, and answered 200 once it is on disk. As soon as
//! the broker takes messages again they are published, as they would have been, and deleted once confirmed. A crash in
//! between, or a confirm that came too late for us, makes a second message, which the worker knows for a duplicate by
//! its interaction and event; none is lost.
//!
//! One thread has the file. It puts all that waits for it into one transaction, so that a sync of the disk serves many
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

/// Requests that wait for the thread. Beyond it callers wait, each for as long as it likes.
const MAX_QUEUED: usize = 1024;

/// A message to keep.
#[derive(Clone, Debug)]
pub struct Record {
    /// When the webhook was received.
    pub received_at: Timestamp,
    /// The message's properties, by `shared::broker::properties_json`.
    pub properties: String,
    /// The body, untouched.
    pub body: Bytes,
}

/// A message that is kept.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its place in the order of arrival.
    pub id: i64,
    /// The message's properties, by `shared::broker::properties_json`.
    pub properties: String,
    /// The body, untouched.
    pub body: Bytes,
}

/// The message is not kept, or it is not certain that it is.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum SpoolError {
    /// There is no room.
    #[error("the spool is full: it may hold {0} bytes")]
    Full(u64),
    /// The disk does not take it.
    #[error("the spool cannot be used: {0}")]
    Failed(String),
    /// The disk did not answer in time; it may be kept.
    #[error("the disk did not answer within {}", humantime::format_duration(*.0))]
    TimedOut(Duration),
}

/// What is in the spool, and whether it takes more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// How much.
    pub depth: Depth,
    /// Why it took nothing of late.
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

    /// Keeps a message. It is on disk when this returns. The caller bounds the wait.
    ///
    /// # Errors
    ///
    /// When there is no room, or the disk does not take it.
    ///
    /// # Cancel safety
    ///
    /// Dropped early, the message may or may not be kept.
    pub async fn append(&self, record: Record) -> Result<(), SpoolError> {
        self.ask(|reply| Command::Append { record, reply }).await?
    }

    /// What is in it.
    #[must_use]
    pub fn status(&self) -> Status {
        let mut status = self.status.borrow().clone();
        // Its thread ended: whatever it said last, it takes nothing more.
        if self.status.has_changed().is_err() {
            status.trouble = Some(closed());
        }
        status
    }

    /// How much it may hold.
    #[must_use]
    pub fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// Closes the file, after all that was asked before. What is asked later fails.
    pub async fn close(&self) {
        // An error says that it is closed already.
        drop(self.ask(|reply| Command::Close { reply }).await);
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
