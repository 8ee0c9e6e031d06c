//! How full Redis is.

use redis::RedisError;

use super::connection::{Store, info_field, is_forbidden};

/// Memory of Redis, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// In use.
    pub used: u64,
    /// The limit; 0 for none.
    pub limit: u64,
}

impl Memory {
    /// How much of the limit is in use; 0 without a limit.
    #[must_use]
    pub fn percent(self) -> u64 {
        self.used
            .saturating_mul(100)
            .checked_div(self.limit)
            .unwrap_or(0)
    }
}

impl Store {
    /// The memory of Redis.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub(crate) async fn memory(&self) -> Result<Memory, RedisError> {
        let info: Result<String, RedisError> = redis::cmd("INFO")
            .arg("memory")
            .query_async(&mut self.connection()?)
            .await;
        let info = match info {
            // Unknown, and counts as unlimited.
            Err(error) if is_forbidden(&error) => String::new(),
            answer => answer?,
        };
        let bytes = |name| info_field(&info, name).and_then(|bytes| bytes.parse().ok());
        Ok(Memory {
            used: bytes("used_memory").unwrap_or(0),
            limit: bytes("maxmemory").unwrap_or(0),
        })
    }
}
