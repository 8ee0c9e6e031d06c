//! Notes on messages that are worked on alone, since they may have killed a worker.

use std::time::Duration;

use redis::RedisResult;
use uuid::Uuid;

use super::idempotency::ms;
use super::store::Store;

/// Longer than any message goes on failing.
const TTL: Duration = Duration::from_secs(86_400);

/// Who began to work on a message and never ended.
///
/// A note is the name of a process: one that is written down late, twice, or by a process that still lives proves nothing.
#[derive(Clone, Debug)]
pub struct Suspects {
    store: Store,
    process: String,
}

impl Suspects {
    /// Notes in `store`, under a name of this process's own.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self {
            store,
            process: Uuid::new_v4().to_string(),
        }
    }

    /// Writes down that work begins; tells how many other processes began it and never ended.
    ///
    /// # Errors
    ///
    /// When Redis does not answer. The note may be there then.
    pub async fn begin(&self, message: &str) -> RedisResult<u32> {
        let key = self.key(message);
        let mut pipe = redis::pipe();
        pipe.atomic()
            .sadd(&key, &self.process)
            .ignore()
            .scard(&key)
            .cmd("PEXPIRE")
            .arg(&key)
            .arg(ms(TTL))
            .ignore();
        let (noted,): (u32,) = pipe.query_async(&mut self.store.connection()?).await?;
        Ok(noted.saturating_sub(1))
    }

    /// Takes our own notes back. Those of others stay: a process that died is not alive because we are.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn withdraw(&self, messages: &[String]) -> RedisResult<()> {
        let mut pipe = redis::pipe();
        for message in messages {
            pipe.srem(self.key(message), &self.process).ignore();
        }
        pipe.query_async(&mut self.store.connection()?).await
    }

    /// Strikes all notes out: work ended, and the process is alive.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn acquit(&self, message: &str) -> RedisResult<()> {
        redis::cmd("DEL")
            .arg(self.key(message))
            .query_async(&mut self.store.connection()?)
            .await
    }

    /// Not `suspect:`, under which earlier versions counted.
    fn key(&self, message: &str) -> String {
        self.store.key(&format!("suspected:{message}"))
    }
}
