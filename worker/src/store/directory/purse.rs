//! What the directory costs in a day.

use std::time::Duration;

use redis::RedisError;

use super::super::script::ms;
use super::DirectoryStore;

/// The day's counters outlive their day.
const DAY_TTL: Duration = Duration::from_secs(2 * 86_400);
const DAY: i64 = 86_400;

/// What tokens are spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purse {
    /// Filling it and keeping it fresh: within the day's share.
    Background,
    /// Polls before a create, in place of a search.
    AtOnce,
}

impl Purse {
    fn name(self) -> &'static str {
        match self {
            Self::Background => "spent",
            Self::AtOnce => "at_once",
        }
    }
}

impl DirectoryStore {
    /// Counts tokens of the day.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn spend(&self, purse: Purse, tokens: u64) -> Result<(), RedisError> {
        let key = self.day_key(purse);
        redis::pipe()
            .atomic()
            .incr(&key, tokens)
            .ignore()
            .pexpire(&key, i64::try_from(ms(DAY_TTL)).unwrap_or(i64::MAX))
            .ignore()
            .query_async(&mut self.store.connection()?)
            .await
    }

    /// What was spent of the day's tokens.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn spent_today(&self, purse: Purse) -> Result<u64, RedisError> {
        let spent: Option<u64> = redis::cmd("GET")
            .arg(self.day_key(purse))
            .query_async(&mut self.store.connection()?)
            .await?;
        Ok(spent.unwrap_or(0))
    }

    fn day_key(&self, purse: Purse) -> String {
        let seconds = shared::clock::now().as_second() - i64::from(self.daily_reset.seconds);
        self.key(&format!("{}:{}", purse.name(), seconds.div_euclid(DAY)))
    }
}
