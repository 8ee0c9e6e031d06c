//! What all workers know of Pipedrive's operations: which failed for which messages, which passed, which breakers are open.
//!
//! | key | content |
//! |---|---|
//! | `{waits}:failed:<breaker>` | hash: a message → first and last failure, their count, its interaction |
//! | `{waits}:passed` | hash: an operation → when it passed last, and for which interaction |
//! | `{waits}:open` | hash: a breaker → since when it is open, and why; read by every worker each second |
//! | `{waits}:probe` | present until the next probe is due |
//!
//! A breaker is named `<operation>|<label>`. Messages and interactions are digests. Times are those of Redis.

use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;
use redis::{AsyncCommands, RedisResult, Script};
use serde::{Deserialize, Serialize};
use shared::clock;

use super::connection::Store;
use super::script::ms;

/// `scripts/failed.lua`, hashed once.
static FAILED: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/failed.lua")));
/// `scripts/passed.lua`, hashed once.
static PASSED: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/passed.lua")));

/// A failure is forgotten after a day without another one of its message.
const FAILURE_TTL: Duration = Duration::from_secs(86_400);
/// Longer than any breaker stays open.
const TTL: Duration = Duration::from_secs(30 * 86_400);

/// A message that failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FailedMessage<'m> {
    /// Digest of the message.
    pub message: &'m str,
    /// Digest of its interaction.
    pub interaction: &'m str,
    /// Whether earlier failures do not count: it comes back from the dead letter queue.
    pub begins_anew: bool,
}

/// An operation that passed.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    /// The operation.
    pub operation: &'static str,
    /// How long ago.
    pub age: Duration,
    /// Digest of the interaction.
    pub interaction: String,
}

/// What is known after a message failed in an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Observation {
    /// The time of Redis.
    pub now: Timestamp,
    /// Whether the breaker is open.
    pub is_open: bool,
    /// Failures of this message that count, this one included.
    pub count: u32,
    /// Its first one.
    pub first: Timestamp,
    /// The one before this one.
    pub previous: Option<Timestamp>,
    /// When the operation last passed, if that was another interaction's.
    pub passed_by_another: Option<Timestamp>,
    /// Interactions that failed alike, of which the first failure came after the last pass.
    pub stuck: u32,
    /// The earliest of those failures.
    pub stuck_since: Timestamp,
}

/// An open breaker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OpenBreaker {
    /// What fails, such as `create an activity`.
    pub operation: String,
    /// How it fails: a status, `outage`, `blocked` or `redis`.
    pub label: String,
    /// The last failure, without personal data.
    pub why: String,
    /// Since when.
    pub since: Timestamp,
}

impl OpenBreaker {
    /// Its name in Redis.
    pub fn name(&self) -> String {
        breaker_name(&self.operation, &self.label)
    }
}

fn breaker_name(operation: &str, label: &str) -> String {
    format!("{operation}|{label}")
}

/// The keys of the breakers.
#[derive(Clone, Debug)]
pub(crate) struct BreakerStore(Store);

impl BreakerStore {
    /// Keys in `store`.
    pub fn new(store: Store) -> Self {
        Self(store)
    }

    /// Notes a failure, and returns what is known of such failures.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn failed(
        &self,
        failed: FailedMessage<'_>,
        operation: &str,
        label: &str,
    ) -> RedisResult<Observation> {
        let name = breaker_name(operation, label);
        let mut call = FAILED.prepare_invoke();
        call.key(self.key(&format!("failed:{name}")))
            .key(self.key("passed"))
            .key(self.key("open"));
        call.arg(failed.message)
            .arg(failed.interaction)
            .arg(u8::from(failed.begins_anew))
            .arg(ms(FAILURE_TTL))
            .arg(operation)
            .arg(name);
        let answer: [i64; 8] = call.invoke_async(&mut self.0.connection()?).await?;
        let [now, is_open, count, first, previous, passed, stuck, since] = answer;
        let time = |ms| Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
        let known = |ms| (ms > 0).then(|| time(ms));
        let number = |n| u32::try_from(n).unwrap_or(u32::MAX);
        Ok(Observation {
            now: time(now),
            is_open: is_open > 0,
            count: number(count),
            first: time(first),
            previous: known(previous),
            passed_by_another: known(passed),
            stuck: number(stuck),
            stuck_since: time(since),
        })
    }

    /// Forgets the failures of a message that is a dead letter for its own fault.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn forget(&self, message: &str, operation: &str, label: &str) -> RedisResult<()> {
        let failures = self.key(&format!("failed:{}", breaker_name(operation, label)));
        self.0.connection()?.hdel(failures, message).await
    }

    /// Notes passes, and closes the breakers of what passed; returns how many.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn passed(&self, passes: &[Pass]) -> RedisResult<u32> {
        let mut call = PASSED.prepare_invoke();
        call.key(self.key("passed")).key(self.key("open"));
        call.arg(ms(TTL));
        for pass in passes {
            call.arg(pass.operation)
                .arg(ms(pass.age))
                .arg(&pass.interaction);
        }
        call.invoke_async(&mut self.0.connection()?).await
    }

    /// Opens a breaker, unless it is open. The first probe is due after `pause`.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    ///
    /// # Panics
    ///
    /// Never: a breaker is always JSON.
    pub async fn open(&self, breaker: &OpenBreaker, pause: Duration) -> RedisResult<()> {
        let text = serde_json::to_string(breaker).expect("a breaker is JSON");
        let text = format!("{} {text}", breaker.since.as_millisecond());
        let open = self.key("open");
        let mut pipe = redis::pipe();
        pipe.hset_nx(&open, breaker.name(), text).ignore();
        pipe.pexpire(&open, i64::try_from(ms(TTL)).unwrap_or(i64::MAX))
            .ignore();
        pipe.cmd("SET")
            .arg(self.key("probe"))
            .arg(1)
            .arg("NX")
            .arg("PX")
            .arg(ms(pause).max(1))
            .ignore();
        pipe.query_async(&mut self.0.connection()?).await
    }

    /// The open breakers, the oldest first.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn all_open(&self) -> RedisResult<Vec<OpenBreaker>> {
        let texts: Vec<String> = self.0.connection()?.hvals(self.key("open")).await?;
        let json = texts
            .iter()
            .filter_map(|text| Some(text.split_once(' ')?.1));
        // One that a newer version wrote in another form is left to that version.
        let mut open: Vec<OpenBreaker> = json
            .filter_map(|json| serde_json::from_str(json).ok())
            .collect();
        open.sort_by_key(|breaker| breaker.since);
        Ok(open)
    }

    /// Takes the right to send the next probe, for all workers; the one after it is due after `pause`.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn take_probe(&self, pause: Duration) -> RedisResult<bool> {
        let mut take = redis::cmd("SET");
        take.arg(self.key("probe"))
            .arg(1)
            .arg("NX")
            .arg("PX")
            .arg(ms(pause).max(1));
        let taken: Option<String> = take.query_async(&mut self.0.connection()?).await?;
        Ok(taken.is_some())
    }

    /// A probe failed: the next one is due after `pause` from now.
    ///
    /// # Errors
    ///
    /// When Redis does not answer. The next probe may be early then.
    pub async fn postpone_probe(&self, pause: Duration) -> RedisResult<()> {
        let mut connection = self.0.connection()?;
        connection
            .pset_ex(self.key("probe"), 1, ms(pause).max(1))
            .await
    }

    /// Closes all breakers; what failed before counts no more.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn close_all(&self) -> RedisResult<()> {
        let now = clock::now().as_millisecond();
        let mut pipe = redis::pipe();
        for breaker in self.all_open().await? {
            let closed = format!("closed {}", breaker.name());
            pipe.hset(self.key("passed"), closed, now).ignore();
        }
        pipe.del(self.key("open")).ignore();
        pipe.query_async(&mut self.0.connection()?).await
    }

    /// Gives the right back: there was no message to probe with.
    ///
    /// # Errors
    ///
    /// When Redis does not answer. The next probe is late then.
    pub async fn give_probe_back(&self) -> RedisResult<()> {
        self.0.connection()?.del(self.key("probe")).await
    }

    /// The keys lie in one slot of a cluster: one script touches them.
    fn key(&self, name: &str) -> String {
        self.0.key(&format!("{{waits}}:{name}"))
    }
}
