//! What the workers share of their comparisons with Genesys' record.
//!
//! | key | content |
//! |---|---|
//! | `reconcile:state` | hash: when each comparison was made last, and the counts of the last one as JSON |
//! | `reconcile:lock` | the right of one worker to compare; it ends by itself |
//! | `reconcile:published` | sorted set: conversations whose events were published to the backfill queue, by when |

use std::sync::LazyLock;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use redis::{AsyncCommands, RedisResult, Script};
use serde::{Deserialize, Serialize};
use shared::domain::ids::InteractionId;
use uuid::Uuid;

use super::connection::Store;
use super::script::ms;

/// `scripts/directory_release.lua`, hashed once.
static RELEASE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/directory_release.lua")));

/// Longer than a comparison may take.
pub(crate) const LEASE: Duration = Duration::from_secs(20 * 60);
/// How long it is known that a conversation was published.
const KEPT: SignedDuration = SignedDuration::from_hours(8 * 24);
const TTL: Duration = Duration::from_secs(9 * 86_400);
/// Conversations that one pipeline reads.
const AT_ONCE: usize = 1_000;

/// The result of a comparison, as far as alarm and metrics need it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct LastRun {
    /// Until when it counts, by its end in Unix time: the next one is due before.
    pub valid_until: i64,
    /// Conversations with an activity.
    pub written: u64,
    /// Those that do not belong into Pipedrive.
    pub left_out: u64,
    /// Those of which a message waits.
    pub waiting: u64,
    /// Those of which a message is a dead letter.
    pub dead: u64,
    /// Those of which no event came.
    pub missing: u64,
    /// Those, among the written and the waiting ones, whose `customer.end` never came.
    pub incomplete: u64,
    /// Those that were missing or incomplete until their events were published.
    pub repaired: u64,
}

/// When comparisons were made last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LastTimes {
    /// Of the last hours.
    pub window: Timestamp,
    /// Of the day.
    pub night: Timestamp,
}

/// The right to compare.
#[derive(Debug)]
pub(crate) struct ReconcileLock(String);

/// State, lock and marks.
#[derive(Clone, Debug)]
pub(crate) struct Reconciliations(Store);

impl Reconciliations {
    /// Keys in `store`.
    pub fn new(store: Store) -> Self {
        Self(store)
    }

    /// When comparisons were made last; `now` for one that never was.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn times(&self, now: Timestamp) -> RedisResult<LastTimes> {
        let key = self.state_key();
        let now = now.as_millisecond();
        let (window, night): (i64, i64) = redis::pipe()
            .hset_nx(&key, "window_at", now)
            .ignore()
            .hset_nx(&key, "night_at", now)
            .ignore()
            .hget(&key, "window_at")
            .hget(&key, "night_at")
            .query_async(&mut self.0.connection()?)
            .await?;
        let at = |ms| Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MIN);
        Ok(LastTimes {
            window: at(window),
            night: at(night),
        })
    }

    /// The last comparison; nothing where there is none, or it is too long ago.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn last(&self, now: Timestamp) -> RedisResult<Option<LastRun>> {
        let text: Option<String> = self.0.connection()?.hget(self.state_key(), "run").await?;
        let run = text.and_then(|text| serde_json::from_str::<LastRun>(&text).ok());
        Ok(run.filter(|run| now.as_second() < run.valid_until))
    }

    /// Keeps the result of a comparison, and when it was made.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn note_run(&self, times: LastTimes, run: &LastRun) -> RedisResult<()> {
        let run = serde_json::to_string(run).unwrap_or_default();
        let fields = [
            ("run", run),
            ("window_at", times.window.as_millisecond().to_string()),
            ("night_at", times.night.as_millisecond().to_string()),
        ];
        let mut connection = self.0.connection()?;
        connection.hset_multiple(self.state_key(), &fields).await
    }

    /// The right to compare, unless another worker has it.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn lock(&self) -> RedisResult<Option<ReconcileLock>> {
        let owner = Uuid::new_v4().simple().to_string();
        let granted: Option<String> = redis::cmd("SET")
            .arg(self.0.key("reconcile:lock"))
            .arg(&owner)
            .arg("NX")
            .arg("PX")
            .arg(ms(LEASE))
            .query_async(&mut self.0.connection()?)
            .await?;
        Ok(granted.map(|_| ReconcileLock(owner)))
    }

    /// Gives the right back, unless it ended already.
    ///
    /// # Errors
    ///
    /// When Redis does not answer; the right then ends by itself.
    pub async fn unlock(&self, lock: ReconcileLock) -> RedisResult<()> {
        RELEASE
            .prepare_invoke()
            .key(self.0.key("reconcile:lock"))
            .arg(lock.0)
            .invoke_async(&mut self.0.connection()?)
            .await
    }

    /// Which conversations were published to the backfill queue, in their order.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn published(&self, ids: &[&InteractionId]) -> RedisResult<Vec<bool>> {
        let mut published = Vec::with_capacity(ids.len());
        for some in ids.chunks(AT_ONCE) {
            let mut pipe = redis::pipe();
            for id in some {
                pipe.zscore(self.published_key(), id.idempotency_key());
            }
            let found: Vec<Option<f64>> = pipe.query_async(&mut self.0.connection()?).await?;
            published.extend(found.iter().map(Option::is_some));
        }
        Ok(published)
    }

    /// Notes that conversations were published.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn note_published(&self, ids: &[&InteractionId], now: Timestamp) -> RedisResult<()> {
        let key = self.published_key();
        let forgotten = now.checked_sub(KEPT).unwrap_or(Timestamp::MIN);
        let mut pipe = redis::pipe();
        for id in ids {
            pipe.zadd(&key, id.idempotency_key(), now.as_millisecond())
                .ignore();
        }
        pipe.zrembyscore(&key, "-inf", forgotten.as_millisecond())
            .ignore()
            .pexpire(&key, i64::try_from(ms(TTL)).unwrap_or(i64::MAX))
            .ignore();
        pipe.query_async(&mut self.0.connection()?).await
    }

    fn state_key(&self) -> String {
        self.0.key("reconcile:state")
    }

    fn published_key(&self) -> String {
        self.0.key("reconcile:published")
    }
}
