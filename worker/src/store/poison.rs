//! Notes on messages that are worked on alone, since they may have killed a worker.

use std::sync::LazyLock;
use std::time::Duration;

use redis::{RedisResult, Script};
use uuid::Uuid;

use super::connection::Store;
use super::script::ms;

/// `scripts/suspect.lua`, hashed once.
static SUSPECT: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/suspect.lua")));

/// Longer than any message goes on failing.
const TTL: Duration = Duration::from_secs(86_400);

/// Processes that began to process a message and never ended.
///
/// A note is the name of a process, with the time: one that is stored late, twice, or by a process that still lives
/// proves nothing. Another process may hold a copy of the message, so its note is no proof before it is old.
#[derive(Clone, Debug)]
pub struct DeliveryAttempts {
    store: Store,
    process: String,
    /// Age up to which a note's process may be alive, and at work.
    work: Duration,
}

/// What the notes of other processes prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptState {
    /// A process may be processing it, or died just now.
    Open,
    /// Number of processes that died while they processed it.
    Crashes(u32),
}

impl DeliveryAttempts {
    /// Notes in `store`, under a unique name of this process. A process whose note is older than `work` is dead: `work` is
    /// as long as a lease, which limits the work on one message.
    #[must_use]
    pub fn new(store: Store, work: Duration) -> Self {
        Self {
            store,
            process: Uuid::new_v4().to_string(),
            work,
        }
    }

    /// Whether other processes are processing a message, or died of it.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn state(&self, message: &str) -> RedisResult<AttemptState> {
        self.ask(message, false).await
    }

    /// Stores a note that work begins, unless another process may be at work.
    ///
    /// # Errors
    ///
    /// When Redis does not answer. The note may be there then.
    pub async fn begin(&self, message: &str) -> RedisResult<AttemptState> {
        self.ask(message, true).await
    }

    async fn ask(&self, message: &str, begins: bool) -> RedisResult<AttemptState> {
        let mut call = SUSPECT.prepare_invoke();
        call.key(self.key(message))
            .arg(&self.process)
            .arg(ms(self.work))
            .arg(u8::from(begins))
            .arg(ms(TTL));
        let (dead, living): (u32, u32) = call.invoke_async(&mut self.store.connection()?).await?;
        Ok(match living {
            0 => AttemptState::Crashes(dead),
            _ => AttemptState::Open,
        })
    }

    /// Deletes the notes of this process. Those of others stay: that this process lives proves nothing about them.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn withdraw(&self, messages: &[String]) -> RedisResult<()> {
        let mut pipe = redis::pipe();
        for message in messages {
            pipe.hdel(self.key(message), &self.process).ignore();
        }
        pipe.query_async(&mut self.store.connection()?).await
    }

    /// Deletes all notes: work ended, and the process is alive.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn clear(&self, message: &str) -> RedisResult<()> {
        redis::cmd("DEL")
            .arg(self.key(message))
            .query_async(&mut self.store.connection()?)
            .await
    }

    /// Not `suspect:` or `suspected:`, under which earlier versions kept notes without a time.
    fn key(&self, message: &str) -> String {
        self.store.key(&format!("suspects:{message}"))
    }
}
