//! The requests of a minute, counted by all workers together.
//!
//! Genesys counts in windows of a minute, of which answers say the count, the limit and the end. A window of ours that began
//! at another time is put right by those.

use std::sync::LazyLock;
use std::time::Duration;

use genesys::Limits;
use genesys::ports::{Budget, NoRoom, Permit, PortFuture};
use rand::Rng;
use redis::{RedisError, Script};
use shared::error::chain;

use crate::store::Store;
use crate::store::script::{ms, unknown_verdict};

/// `scripts/genesys_take.lua`, hashed once.
static TAKE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../scripts/genesys_take.lua")));
/// `scripts/genesys_learn.lua`, hashed once.
static LEARN: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../scripts/genesys_learn.lua")));

/// Genesys' window.
const WINDOW: Duration = Duration::from_secs(60);
/// How long a limit is believed that Genesys reported.
const LIMIT_TTL: Duration = Duration::from_secs(600);
/// Longest wait for a request: a record is not held up for longer, and is completed later instead.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// Spreads the requests of those who waited for the same window.
const JITTER_MS: u64 = 50;

/// The window of requests in Redis.
#[derive(Clone, Debug)]
pub(crate) struct RequestWindow {
    store: Store,
    limit: u32,
}

impl RequestWindow {
    /// A window of `limit` requests a minute.
    pub fn new(store: Store, limit: u32) -> Self {
        Self { store, limit }
    }

    async fn take_or_wait(&self) -> Result<(), NoRoom> {
        let mut waited = Duration::ZERO;
        while let Some(wait) = self
            .take()
            .await
            .map_err(|error| NoRoom::Store(error.into()))?
        {
            if waited + wait > LONGEST_WAIT {
                return Err(NoRoom::Busy(wait));
            }
            let jitter = Duration::from_millis(rand::rng().random_range(1..=JITTER_MS));
            tokio::time::sleep(wait + jitter).await;
            waited += wait + jitter;
        }
        Ok(())
    }

    /// Takes a request; how long there is none otherwise.
    async fn take(&self) -> Result<Option<Duration>, RedisError> {
        let mut call = TAKE.prepare_invoke();
        call.key(self.key("requests"))
            .key(self.key("pause"))
            .key(self.key("limit"));
        call.arg(self.limit).arg(ms(WINDOW));
        let (verdict, wait): (String, u64) =
            call.invoke_async(&mut self.store.connection()?).await?;
        match verdict.as_str() {
            "taken" => Ok(None),
            "wait" => Ok(Some(Duration::from_millis(wait.max(1)))),
            other => Err(unknown_verdict("genesys_take.lua", other)),
        }
    }

    /// Puts the window right by an answer: `count` requests were taken of it, it ends after `reset`, and it holds no more
    /// than `allowed`. After a 429 nothing is sent for `retry_after`.
    async fn correct(&self, limits: Limits) -> Result<(), RedisError> {
        let number =
            |value: Option<u64>| value.map_or(-1, |value| i64::try_from(value).unwrap_or(-1));
        let lower = limits
            .allowed
            .filter(|allowed| *allowed < self.limit.into());
        let limit = lower.or(limits.allowed).unwrap_or(self.limit.into());
        // Asking Redis after every request would cost a round trip each: what others take matters near the limit alone.
        let is_near = limits
            .count
            .is_some_and(|count| count * 4 >= limit.min(self.limit.into()) * 3);
        if lower.is_none() && !is_near && limits.retry_after.is_none() {
            return Ok(());
        }
        let mut call = LEARN.prepare_invoke();
        call.key(self.key("requests"))
            .key(self.key("pause"))
            .key(self.key("limit"));
        call.arg(number(limits.count.filter(|_| is_near)))
            .arg(limits.reset.map_or(0, ms))
            .arg(number(lower))
            .arg(limits.retry_after.map_or(0, ms))
            .arg(ms(LIMIT_TTL));
        call.invoke_async(&mut self.store.connection()?).await
    }

    /// The keys lie in one slot of a cluster: one script touches them.
    fn key(&self, name: &str) -> String {
        self.store.key(&format!("{{genesys}}:{name}"))
    }
}

impl Budget for RequestWindow {
    fn reserve(&self) -> PortFuture<'_, Result<Permit, NoRoom>> {
        Box::pin(async { self.take_or_wait().await.map(|()| Permit::granted()) })
    }

    fn learn(&self, limits: Limits) -> PortFuture<'_, ()> {
        Box::pin(async move {
            if let Err(error) = self.correct(limits).await {
                tracing::debug!(
                    error = chain(&error),
                    "Cannot store what Genesys says of its rate limit"
                );
            }
        })
    }
}
