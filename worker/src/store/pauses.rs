//! Which workers are paused and why, and the request of an operator to resume.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use redis::RedisError;
use serde::{Deserialize, Serialize};
use shared::clock;

use super::connection::Store;
use super::script::ms;

/// How long after its last word a worker counts as gone.
const SILENCE: Duration = Duration::from_secs(10);
/// How long the list of paused workers outlives them.
const LIST_TTL: Duration = Duration::from_secs(60);

/// A worker that consumes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PausedWorker {
    /// Its name: `worker@host/process`.
    #[serde(skip)]
    pub name: String,
    /// The label of the reason in metrics.
    pub reason: String,
    /// The reason and its remedy.
    pub explanation: String,
    /// When it was paused.
    pub since: Timestamp,
    /// When it said so last.
    seen: Timestamp,
}

impl PausedWorker {
    /// A worker that is paused now.
    #[must_use]
    pub fn new(name: String, reason: &str, explanation: String, since: Timestamp) -> Self {
        Self {
            name,
            reason: reason.to_owned(),
            explanation,
            since,
            seen: clock::now(),
        }
    }
}

/// The pauses of all workers.
#[derive(Clone, Debug)]
pub struct Pauses {
    store: Store,
}

impl Pauses {
    /// Those of the workers that share `store`.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Says that a worker is paused, and reads how often operators requested to resume.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn report(&self, worker: &PausedWorker) -> Result<u64, RedisError> {
        let text = serde_json::to_string(worker).unwrap_or_default();
        let (requests,): (Option<u64>,) = redis::pipe()
            .hset(self.list_key(), &worker.name, text)
            .ignore()
            .cmd("PEXPIRE")
            .arg(self.list_key())
            .arg(ms(LIST_TTL))
            .ignore()
            .get(self.request_key())
            .query_async(&mut self.store.connection()?)
            .await?;
        Ok(requests.unwrap_or(0))
    }

    /// Says that a worker is paused no more.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn remove(&self, worker: &str) -> Result<(), RedisError> {
        redis::cmd("HDEL")
            .arg(self.list_key())
            .arg(worker)
            .query_async(&mut self.store.connection()?)
            .await
    }

    /// The workers that are paused.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn list(&self) -> Result<Vec<PausedWorker>, RedisError> {
        let entries: HashMap<String, String> = redis::cmd("HGETALL")
            .arg(self.list_key())
            .query_async(&mut self.store.connection()?)
            .await?;
        let now = clock::now();
        let read = |(name, text): (String, String)| {
            let worker: PausedWorker = serde_json::from_str(&text).ok()?;
            let silent = now.duration_since(worker.seen).unsigned_abs();
            (silent < SILENCE).then_some(PausedWorker { name, ..worker })
        };
        let mut workers: Vec<_> = entries.into_iter().filter_map(read).collect();
        workers.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(workers)
    }

    /// Requests that every paused worker resumes.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn request(&self) -> Result<(), RedisError> {
        redis::cmd("INCR")
            .arg(self.request_key())
            .query_async(&mut self.store.connection()?)
            .await
    }

    fn list_key(&self) -> String {
        self.store.key("paused")
    }

    fn request_key(&self) -> String {
        self.store.key("resume")
    }
}
