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

/// Who began to work on a message and never ended.
///
/// A note is the name of a process, with the time: one that is written down late, twice, or by a process that still lives
/// proves nothing. Another process may hold a copy of the message, so its note is no proof before it is old.
#[derive(Clone, Debug)]
pub struct DeliveryAttempts {
    store: Store,
    process: String,
    /// For how long the process of a note may be alive, and at work.
    work: Duration,
}

/// What other processes made of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptState {
    /// One may be working on it, or has died just now.
    Open,
    /// So many began and never ended.
    Crashes(u32),
}

impl DeliveryAttempts {
    /// Notes in `store`, under a name of this process's own. Whose note is older than `work` is dead: a lease is as long as
    /// work on one message may be, and keeps others waiting for as long.
    #[must_use]
    pub fn new(store: Store, work: Duration) -> Self {
        Self {
            store,
            process: Uuid::new_v4().to_string(),
            work,
        }
    }

    /// Tells what others made of a message.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn look(&self, message: &str) -> RedisResult<AttemptState> {
        self.ask(message, false).await
    }

    /// Writes down that work begins, unless the suspicion is open.
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

    /// Takes our own notes back. Those of others stay: a process that died is not alive because we are.
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

    /// Strikes all notes out: work ended, and the process is alive.
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
