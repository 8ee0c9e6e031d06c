//! Since when queues have not been empty, so that a restart does not make their messages young.

use std::collections::BTreeMap;

use jiff::Timestamp;
use redis::{AsyncCommands, RedisResult};

use super::connection::Store;

/// Keeps the times in one hash, by queue, in milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct QueueAges {
    store: Store,
}

impl QueueAges {
    /// In this Redis.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The times of all queues that are not empty.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn read(&self) -> RedisResult<BTreeMap<String, Timestamp>> {
        let kept: BTreeMap<String, i64> = self.store.connection()?.hgetall(self.key()).await?;
        let time = |ms| Timestamp::from_millisecond(ms).ok();
        Ok(kept
            .into_iter()
            .filter_map(|(queue, ms)| Some((queue, time(ms)?)))
            .collect())
    }

    /// Notes that a queue was found with messages, unless that is known already.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn filled(&self, queue: &str, at: Timestamp) -> RedisResult<()> {
        let mut connection = self.store.connection()?;
        connection
            .hset_nx(self.key(), queue, at.as_millisecond())
            .await
    }

    /// Notes that a queue was found empty.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn emptied(&self, queue: &str) -> RedisResult<()> {
        self.store.connection()?.hdel(self.key(), queue).await
    }

    fn key(&self) -> String {
        self.store.key("{alarm}:filled")
    }
}
