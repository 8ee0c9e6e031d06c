//! Which messages wait in a retry queue, why, and since when: an entry is written where a message is parked or retried, and
//! deleted at its end. A message that passes at its first delivery has none.
//!
//! | key | content |
//! |---|---|
//! | `{waits}:entries` | hash: digest of a message → its entry, as JSON |
//! | `{waits}:received` | sorted set of those digests, by the time of their receipt |
//! | `{waits}:expiries` | sorted set of those digests, by the time at which an entry that was left behind is deleted |

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use redis::{AsyncCommands, RedisResult};
use serde::{Deserialize, Serialize};

use super::connection::Store;
use super::script::ms;

/// An entry whose message is gone without a trace, because its queue was purged, is deleted after that.
const EXPIRY: SignedDuration = SignedDuration::from_hours(8 * 24);
const TTL: Duration = Duration::from_secs(9 * 86_400);

/// A message that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WaitingMessage {
    /// Id of its interaction.
    pub interaction: String,
    /// Kind of its event, where the message says it.
    pub event: Option<String>,
    /// Why it waits: a stable code.
    pub reason: String,
    /// When it was first received.
    pub received: Timestamp,
    /// Since when it waits.
    pub since: Timestamp,
    /// Failed attempts so far.
    pub attempts: u32,
    /// The retry queue that it waits in.
    pub queue: String,
    /// When it returns to the work queue.
    pub returns: Timestamp,
}

/// How many wait, and for how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WaitingSummary {
    /// Messages that were received more than an hour ago.
    pub over_an_hour: u64,
    /// When the oldest was received.
    pub oldest: Option<Timestamp>,
}

/// The list of what waits.
#[derive(Clone, Debug)]
pub(crate) struct WaitingList(Store);

impl WaitingList {
    /// Keys in `store`.
    pub fn new(store: Store) -> Self {
        Self(store)
    }

    /// Notes that a message waits.
    ///
    /// # Errors
    ///
    /// When Redis does not answer: the message waits all the same, without an entry.
    ///
    /// # Panics
    ///
    /// Never: an entry is always JSON.
    pub async fn add(&self, message: &str, entry: &WaitingMessage) -> RedisResult<()> {
        let text = serde_json::to_string(entry).expect("an entry is JSON");
        let expiry = entry
            .returns
            .checked_add(EXPIRY)
            .unwrap_or(Timestamp::MAX)
            .as_millisecond();
        let [entries, received, expiries] = self.keys();
        let mut pipe = redis::pipe();
        pipe.hset(&entries, message, text).ignore();
        pipe.zadd(&received, message, entry.received.as_millisecond())
            .ignore();
        pipe.zadd(&expiries, message, expiry).ignore();
        let ttl = i64::try_from(ms(TTL)).unwrap_or(i64::MAX);
        for key in [entries, received, expiries] {
            pipe.pexpire(key, ttl).ignore();
        }
        pipe.query_async(&mut self.0.connection()?).await
    }

    /// Notes that messages wait no more.
    ///
    /// # Errors
    ///
    /// When Redis does not answer: the entries expire.
    pub async fn remove(&self, messages: &[String]) -> RedisResult<()> {
        let [entries, received, expiries] = self.keys();
        let mut pipe = redis::pipe();
        pipe.hdel(entries, messages).ignore();
        pipe.zrem(received, messages).ignore();
        pipe.zrem(expiries, messages).ignore();
        pipe.query_async(&mut self.0.connection()?).await
    }

    /// Deletes what has expired, and sums up the rest.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn summary(&self, now: Timestamp) -> RedisResult<WaitingSummary> {
        let [_, received, expiries] = self.keys();
        let mut connection = self.0.connection()?;
        let expired: Vec<String> = connection
            .zrangebyscore_limit(&expiries, 0, now.as_millisecond(), 0, 1000)
            .await?;
        if !expired.is_empty() {
            self.remove(&expired).await?;
        }
        let hour_ago = now.as_millisecond() - 3_600_000;
        let mut pipe = redis::pipe();
        pipe.zcount(&received, "-inf", hour_ago);
        pipe.zrange_withscores(&received, 0, 0);
        let (over_an_hour, oldest): (u64, Vec<(String, f64)>) =
            pipe.query_async(&mut connection).await?;
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds")]
        let oldest = oldest
            .first()
            .and_then(|(_, ms)| Timestamp::from_millisecond(*ms as i64).ok());
        Ok(WaitingSummary {
            over_an_hour,
            oldest,
        })
    }

    /// All that wait, the oldest first.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn all(&self) -> RedisResult<Vec<WaitingMessage>> {
        let [entries, ..] = self.keys();
        let texts: Vec<String> = self.0.connection()?.hvals(entries).await?;
        let mut all: Vec<WaitingMessage> = texts
            .iter()
            .filter_map(|text| serde_json::from_str(text).ok())
            .collect();
        all.sort_by_key(|entry| entry.received);
        Ok(all)
    }

    /// The keys lie in one slot of a cluster.
    fn keys(&self) -> [String; 3] {
        ["entries", "received", "expiries"].map(|name| self.0.key(&format!("{{waits}}:{name}")))
    }
}
