//! Notes on messages that are worked on alone, since they may have killed a worker.

use std::time::Duration;

use redis::RedisResult;

use super::idempotency::ms;
use super::store::Store;

/// Longer than any message goes on failing.
const TTL: Duration = Duration::from_secs(86_400);

/// Counts how often work on a message began and never ended.
#[derive(Clone, Debug)]
pub struct Suspects {
    store: Store,
}

impl Suspects {
    /// Notes in `store`.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Writes down that work begins; tells how often it began before and never ended.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn begin(&self, message: &str) -> RedisResult<u32> {
        let key = self.key(message);
        let mut pipe = redis::pipe();
        pipe.atomic()
            .incr(&key, 1)
            .cmd("PEXPIRE")
            .arg(&key)
            .arg(ms(TTL))
            .ignore();
        let (begun,): (u32,) = pipe.query_async(&mut self.store.connection()?).await?;
        Ok(begun.saturating_sub(1))
    }

    /// Takes the last note back: work did not begin.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn withdraw(&self, message: &str) -> RedisResult<()> {
        redis::cmd("DECR")
            .arg(self.key(message))
            .query_async(&mut self.store.connection()?)
            .await
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

    fn key(&self, message: &str) -> String {
        self.store.key(&format!("suspect:{message}"))
    }
}
