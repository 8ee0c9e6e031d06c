//! The budget that all workers share: requests and searches in 2 seconds, tokens a day.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use pipedrive::Limits;
use pipedrive::ports::{Budget, Spend, SpendError, StoreError};
use rand::Rng;
use redis::{RedisError, Script};
use shared::fail_point::{self, FailPoint};
use shared::{clock, config};

use super::connection::Store;
use super::script::{ms, unknown_verdict};
use crate::metrics as names;

/// `scripts/take.lua`, hashed once.
static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/take.lua")));
/// `scripts/pause.lua`, hashed once.
static PAUSE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/pause.lua")));
/// `scripts/learn.lua`, hashed once.
static LEARN: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/learn.lua")));

/// Pipedrive's window of 2 seconds, and a little for requests that travel at different speeds.
const WINDOW: Duration = Duration::from_millis(2_200);
/// The longest that a held message waits for tokens: longer ones wait in a queue.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// A pause longer than any burst lasts: 10 s is the most that a burst pauses for.
const LONGEST_BURST: Duration = Duration::from_secs(15);
/// Spread over which waiting calls come back, so that they do not all ask at once.
const JITTER_MS: u64 = 50;
const DAY: i64 = 86_400;
/// The day's counter outlives its day, whatever the clocks say.
const DAY_TTL: Duration = Duration::from_secs(2 * 86_400);
/// How long Pipedrive's report counts that little is left. The hour at which its day begins is not documented: the report
/// may be of a day that is over, and while it holds requests back no new report arrives.
const REPORT_TTL: Duration = Duration::from_secs(900);

/// How much may be spent.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucketSettings {
    /// Requests in 2 seconds.
    pub requests: u32,
    /// Searches in 2 seconds.
    pub searches: u32,
    /// Tokens a day.
    pub daily_tokens: u64,
    /// When a day begins, UTC.
    pub daily_reset: config::ClockTime,
}

/// The answer of `scripts/take.lua`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The tokens are taken.
    Taken,
    /// By our own count the day's tokens are spent.
    Spent,
    /// By Pipedrive's headers they are spent; they are believed for this long.
    SpentByHeaders(Duration),
    /// There is no room for this long.
    Wait(Duration),
}

impl Verdict {
    fn parse(word: &str, wait: Duration) -> Result<Self, RedisError> {
        match word {
            "taken" => Ok(Self::Taken),
            "spent" => Ok(Self::Spent),
            "told" => Ok(Self::SpentByHeaders(wait)),
            "wait" => Ok(Self::Wait(wait)),
            other => Err(unknown_verdict("take.lua", other)),
        }
    }
}

impl Budget for TokenBucket {
    fn take(&self, spend: Spend) -> BoxFuture<'_, Result<(), SpendError>> {
        self.take_or_wait(spend).boxed()
    }

    fn pause(&self, wait: Duration) -> BoxFuture<'_, Result<(), StoreError>> {
        async move { self.hold(wait, None).await.map_err(StoreError::new) }.boxed()
    }

    fn end_day(&self, wait: Duration) -> BoxFuture<'_, Result<(), StoreError>> {
        // What the headers said of the day before ends with the day.
        let ended = Some(self.report_key());
        async move { self.hold(wait, ended).await.map_err(StoreError::new) }.boxed()
    }

    fn learn(&self, spend: Spend, limits: Limits) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            fail_point::reach_with(FailPoint::PipedriveAnswered, spend.operation).await;
            self.correct(limits).await.map_err(StoreError::new)
        }
        .boxed()
    }
}

/// Tokens spent in a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// By all workers, since the day began for us.
    pub ours: u64,
    /// By all clients, as Pipedrive reported lately; 0 where it reported nothing, or that much is left.
    pub reported: u64,
}

impl Spent {
    /// Least number of the day's tokens that are spent.
    #[must_use]
    pub fn at_least(self) -> u64 {
        self.ours.max(self.reported)
    }
}

/// Grants tokens of the budget.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    store: Store,
    settings: TokenBucketSettings,
    /// The limit that Pipedrive reported last, where it is lower than the one configured.
    reported_requests: Arc<AtomicU32>,
}

impl TokenBucket {
    /// A bucket in `store`.
    #[must_use]
    pub fn new(store: Store, settings: TokenBucketSettings) -> Self {
        Self {
            store,
            settings,
            reported_requests: Arc::new(AtomicU32::new(u32::MAX)),
        }
    }

    async fn take_or_wait(&self, spend: Spend) -> Result<(), SpendError> {
        let mut waited = Duration::ZERO;
        loop {
            let wait = match self.try_take(spend).await.map_err(StoreError::new)? {
                Verdict::Taken => {
                    metrics::histogram!(names::TOKEN_WAIT).record(waited.as_secs_f64());
                    return Ok(());
                }
                Verdict::Spent => return Err(SpendError::Spent(self.until_reset())),
                Verdict::SpentByHeaders(wait) => return Err(SpendError::Spent(wait)),
                // Pipedrive said that the day's tokens are spent: no burst pauses for so long.
                Verdict::Wait(wait) if wait > LONGEST_BURST => return Err(SpendError::Spent(wait)),
                Verdict::Wait(wait) => wait,
            };
            if waited + wait > LONGEST_WAIT {
                return Err(SpendError::Busy(wait));
            }
            let wait = wait + Duration::from_millis(rand::rng().random_range(1..=JITTER_MS));
            tokio::time::sleep(wait).await;
            waited += wait;
        }
    }

    async fn try_take(&self, spend: Spend) -> Result<Verdict, RedisError> {
        let settings = &self.settings;
        let requests = settings
            .requests
            .min(self.reported_requests.load(Ordering::Relaxed))
            .max(1);
        let mut call = TAKE.prepare_invoke();
        call.key(self.key("requests"))
            .key(self.key("searches"))
            .key(self.key("pause"))
            .key(self.day_key())
            .key(self.report_key());
        call.arg(WINDOW.as_micros())
            .arg(requests)
            .arg(settings.searches)
            .arg(u8::from(spend.is_search));
        call.arg(spend.tokens)
            .arg(settings.daily_tokens)
            .arg(ms(DAY_TTL));
        let (verdict, wait_us): (String, u64) =
            call.invoke_async(&mut self.store.connection()?).await?;
        Verdict::parse(&verdict, Duration::from_micros(wait_us))
    }

    /// Corrects the bucket by an answer's headers, when they say that little is left.
    async fn correct(&self, limits: Limits) -> Result<(), RedisError> {
        let mut used = -1_i64;
        if let Some((limit, left)) = limits.requests {
            self.reported_requests.store(limit, Ordering::Relaxed);
            metrics::gauge!(names::REQUESTS_LEFT).set(left);
            // What others take matters near the limit only; asking Redis after every call would cost a round trip each.
            if left <= limit / 4 {
                used = limit.saturating_sub(left).into();
            }
        }
        let mut spent = -1_i64;
        if let Some(left) = limits.daily_left {
            #[expect(clippy::cast_precision_loss, reason = "a gauge")]
            metrics::gauge!(names::DAILY_LEFT).set(left as f64);
            if left < self.settings.daily_tokens / 4 {
                spent =
                    i64::try_from(self.settings.daily_tokens.saturating_sub(left)).unwrap_or(-1);
            }
        }
        if used < 0 && spent < 0 {
            return Ok(());
        }
        let mut call = LEARN.prepare_invoke();
        call.key(self.key("requests")).key(self.report_key());
        call.arg(WINDOW.as_micros())
            .arg(used)
            .arg(spent)
            .arg(ms(REPORT_TTL));
        call.invoke_async(&mut self.store.connection()?).await
    }

    /// Stops all requests for `wait`; `ended` names what ends together with that.
    async fn hold(&self, wait: Duration, ended: Option<String>) -> Result<(), RedisError> {
        let mut call = PAUSE.prepare_invoke();
        call.key(self.key("pause"));
        if let Some(key) = ended {
            call.key(key);
        }
        call.arg(ms(wait))
            .invoke_async(&mut self.store.connection()?)
            .await
    }

    /// The keys lie in one slot of a cluster: one script touches them.
    fn key(&self, name: &str) -> String {
        self.store.key(&format!("{{tokens}}:{name}"))
    }

    fn day_key(&self) -> String {
        let day = (clock::now().as_second() - i64::from(self.settings.daily_reset.seconds))
            .div_euclid(DAY);
        self.key(&format!("day:{day}"))
    }

    /// What everybody spent of our tokens at least, by Pipedrive's account.
    fn report_key(&self) -> String {
        self.key("told")
    }

    /// Tokens a day.
    #[must_use]
    pub fn daily_tokens(&self) -> u64 {
        self.settings.daily_tokens
    }

    /// What was spent today.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn spent_today(&self) -> Result<Spent, RedisError> {
        let (ours, reported): (Option<u64>, Option<u64>) = redis::cmd("MGET")
            .arg(self.day_key())
            .arg(self.report_key())
            .query_async(&mut self.store.connection()?)
            .await?;
        Ok(Spent {
            ours: ours.unwrap_or(0),
            reported: reported.unwrap_or(0),
        })
    }

    /// How long until the day's tokens are new.
    #[must_use]
    pub fn until_reset(&self) -> Duration {
        let into_day = (clock::now().as_second() - i64::from(self.settings.daily_reset.seconds))
            .rem_euclid(DAY);
        Duration::from_secs(u64::try_from(DAY - into_day).unwrap_or(1))
    }
}
