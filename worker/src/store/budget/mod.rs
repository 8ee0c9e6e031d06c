//! The budget that all workers share: requests and searches in 2 seconds, tokens and writes a day.

mod day;
mod verdict;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use pipedrive::ports::{Budget, Receipt, Spend, SpendError, StoreError};
use pipedrive::{Allowance, Limits, Reservation};
use redis::{RedisError, Script};
use shared::config;
use shared::fail_point::{self, FailPoint};

use super::connection::Store;
use super::script::ms;
use crate::metrics as names;

pub(crate) use day::{Day, smallest_plan};
use verdict::Verdict;

/// `scripts/take.lua`, hashed once.
static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("../scripts/take.lua")));
/// `scripts/give_back.lua`, hashed once.
static GIVE_BACK: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../scripts/give_back.lua")));
/// `scripts/pause.lua`, hashed once.
static PAUSE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../scripts/pause.lua")));
/// `scripts/learn.lua`, hashed once.
static LEARN: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../scripts/learn.lua")));

/// Pipedrive's window of 2 seconds, and a little for clocks.
const WINDOW: Duration = Duration::from_millis(2_005);
/// How long after it is sent Pipedrive counts a request at the latest, as far as is known before its answer.
const MARGIN: Duration = Duration::from_secs(1);
/// The same of a request that is answered, unless its answer came sooner: most of the time that a slow answer takes follows
/// after the count.
const ANSWERED_MARGIN: Duration = Duration::from_millis(300);
/// The same of a request that is planned only.
const PLANNED_MARGIN: Duration = Duration::from_millis(10);
/// The longest that a held message waits for its turn: longer waits are in a queue.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How much longer it waits where a planned moment is put off.
const LONGEST_DELAY: Duration = Duration::from_secs(1);
/// A day's counter outlives its day, whatever the clocks say.
const DAY_TTL: Duration = Duration::from_secs(2 * 86_400);
/// How long a plan's limit is remembered.
const LIMIT_TTL: Duration = Duration::from_secs(30 * 86_400);

/// How much may be spent.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucketSettings {
    /// Requests in 2 seconds.
    pub requests: u32,
    /// Searches in 2 seconds.
    pub searches: u32,
    /// Tokens a day for this installation; `None`: as many as the company has.
    pub daily_tokens: Option<u64>,
    /// Writes a day; `None`: Pipedrive counts none.
    pub daily_writes: Option<u64>,
    /// When a day begins by our own count of tokens, UTC.
    pub daily_reset: config::ClockTime,
    /// How long it is believed that an allowance is spent, before Pipedrive is asked.
    pub probe_interval: Duration,
}

impl TokenBucketSettings {
    /// What the settings say.
    #[must_use]
    pub fn of(settings: &config::Pipedrive) -> Self {
        // Pipedrive limits the writes of API tokens only.
        let writes = settings.api_token.as_ref().map(|_| settings.daily_writes);
        Self {
            requests: settings.requests_per_2s,
            searches: settings.searches_per_2s,
            daily_tokens: settings.daily_tokens,
            daily_writes: writes.filter(|writes| *writes > 0),
            daily_reset: settings.daily_reset,
            probe_interval: settings.budget_probe_interval,
        }
    }
}

impl Budget for TokenBucket {
    fn take(&self, spend: Spend) -> BoxFuture<'_, Result<Receipt, SpendError>> {
        self.take_or_wait(spend).boxed()
    }

    fn give_back(&self, receipt: Receipt) -> BoxFuture<'_, Result<(), StoreError>> {
        async move { self.take_back(receipt).await.map_err(StoreError::new) }.boxed()
    }

    fn pause(&self, spend: Spend, wait: Duration) -> BoxFuture<'_, Result<(), StoreError>> {
        async move { self.hold(spend, wait).await.map_err(StoreError::new) }.boxed()
    }

    fn end_day(
        &self,
        of: Allowance,
        renewed_in: Option<Duration>,
    ) -> BoxFuture<'_, Result<Duration, StoreError>> {
        async move {
            let wait = self.longest_pause(of, renewed_in);
            self.end(of, wait).await.map_err(StoreError::new)?;
            Ok(wait)
        }
        .boxed()
    }

    fn learn(
        &self,
        receipt: Option<Receipt>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        async move { self.correct(receipt, limits).await.map_err(StoreError::new) }.boxed()
    }

    fn answered(&self, spend: Spend) -> BoxFuture<'_, ()> {
        fail_point::reach_with(FailPoint::PipedriveAnswered, spend.operation).boxed()
    }
}

/// Grants tokens of the budget.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    store: Store,
    settings: TokenBucketSettings,
    /// The limits that Pipedrive reported last, where they are lower than those configured: of requests, of searches.
    reported: Arc<[AtomicU32; 2]>,
}

/// What a window counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Window {
    Requests,
    Searches,
}

impl TokenBucket {
    /// A bucket in `store`.
    #[must_use]
    pub fn new(store: Store, settings: TokenBucketSettings) -> Self {
        Self {
            store,
            settings,
            reported: Arc::new([AtomicU32::new(u32::MAX), AtomicU32::new(u32::MAX)]),
        }
    }

    async fn take_or_wait(&self, spend: Spend) -> Result<Receipt, SpendError> {
        let mut waited = Duration::ZERO;
        let mut planned: Option<Reservation> = None;
        loop {
            let mut rest = LONGEST_WAIT.saturating_sub(waited);
            if planned.is_some() {
                rest = rest.max(LONGEST_DELAY);
            }
            let receipt = planned.as_ref().map(Reservation::receipt);
            let verdict = self.try_take(spend, receipt, rest).await;
            return Err(match verdict.map_err(StoreError::new)? {
                Verdict::Granted(receipt, wait) => {
                    let reservation = planned
                        .take()
                        .unwrap_or_else(|| Reservation::new(Arc::new(self.clone()), receipt));
                    if wait.is_zero() {
                        metrics::histogram!(names::TOKEN_WAIT).record(waited.as_secs_f64());
                        // Its count is that of the first time; what it is sent by is the last.
                        let granted = receipt.granted;
                        return Ok(Receipt {
                            granted,
                            ..reservation.redeem()
                        });
                    }
                    // Given back if its caller goes away meanwhile.
                    planned = Some(reservation);
                    tokio::time::sleep(wait).await;
                    waited += wait;
                    continue;
                }
                Verdict::Wait(wait) => SpendError::Busy(wait),
                Verdict::Spent(of, wait) => SpendError::Spent { of, wait },
                Verdict::Counted(of) => self.spent(of, self.until_renewed(of)).await?,
                Verdict::Reported(Allowance::Tokens, _) => {
                    let of = Allowance::Tokens;
                    self.spent(of, self.until_renewed(of)).await?
                }
                Verdict::Reported(of, wait) => self.spent(of, wait).await?,
            });
        }
    }

    /// Nothing is left for `wait`. All workers know it from here on, and one of them asks Pipedrive from time to time;
    /// of our share it has no word to say.
    async fn spent(&self, of: Allowance, wait: Duration) -> Result<SpendError, StoreError> {
        if of != Allowance::Share {
            self.end(of, wait).await.map_err(StoreError::new)?;
        }
        Ok(SpendError::Spent { of, wait })
    }

    /// Asks for a moment to send a request at; again for one that was planned, once its moment has come.
    async fn try_take(
        &self,
        spend: Spend,
        planned: Option<Receipt>,
        longest: Duration,
    ) -> Result<Verdict, RedisError> {
        let settings = &self.settings;
        let now = shared::clock::now().as_second();
        let mut call = TAKE.prepare_invoke();
        call.key(self.slots(Window::Requests))
            .key(self.slots(Window::Searches))
            .key(self.pause_key(Window::Requests))
            .key(self.pause_key(Window::Searches))
            .key(self.spent_key(Allowance::Tokens))
            .key(self.spent_key(Allowance::Writes))
            .key(self.day_key(now))
            .key(self.writes_key(now))
            .key(self.report_key());
        call.arg(WINDOW.as_micros())
            .arg(MARGIN.as_micros())
            .arg(self.limit(Window::Requests))
            .arg(self.limit(Window::Searches))
            .arg(u8::from(spend.is_search))
            .arg(spend.tokens)
            .arg(settings.daily_tokens.unwrap_or(0))
            .arg(u8::from(spend.is_write))
            .arg(settings.daily_writes.unwrap_or(0))
            .arg(ms(DAY_TTL))
            .arg(longest.as_micros())
            .arg(settings.probe_interval.as_micros())
            .arg(planned.map_or(0, |receipt| receipt.number))
            .arg(PLANNED_MARGIN.as_micros());
        let answer = call.invoke_async(&mut self.store.connection()?).await?;
        Verdict::parse(spend, now, answer)
    }

    async fn take_back(&self, receipt: Receipt) -> Result<(), RedisError> {
        let mut call = GIVE_BACK.prepare_invoke();
        call.key(self.slots(Window::Requests))
            .key(self.slots(Window::Searches))
            .key(self.day_key(receipt.at))
            .key(self.writes_key(receipt.at))
            .key(self.report_key());
        call.arg(receipt.number)
            .arg(receipt.spend.tokens)
            .arg(u8::from(receipt.spend.is_write))
            .invoke_async(&mut self.store.connection()?)
            .await
    }

    /// Corrects the budget by an answer.
    async fn correct(&self, receipt: Option<Receipt>, limits: Limits) -> Result<(), RedisError> {
        let is_search = receipt.is_some_and(|receipt| receipt.spend.is_search);
        // Its caller may have noted its intent in between.
        let delay = receipt.map_or(Duration::ZERO, |receipt| receipt.delay);
        let (window, used) = self.note_window(is_search, limits.requests);
        if let Some(left) = limits.daily_left {
            #[expect(clippy::cast_precision_loss, reason = "a gauge")]
            metrics::gauge!(names::DAILY_LEFT).set(left as f64);
        }
        let or_none =
            |value: Option<u64>| value.map_or(-1, |value| i64::try_from(value).unwrap_or(i64::MAX));
        let mut call = LEARN.prepare_invoke();
        call.key(self.slots(Window::Requests))
            .key(self.slots(Window::Searches))
            .key(self.report_key())
            .key(self.limit_key())
            .key(self.spent_key(Allowance::Tokens));
        call.arg(WINDOW.as_micros())
            .arg(MARGIN.as_micros())
            .arg(receipt.map_or(0, |receipt| receipt.number))
            .arg(receipt.map_or(0, |receipt| receipt.tokens))
            .arg(receipt.map_or(0, |receipt| receipt.writes))
            .arg(used)
            .arg(match window {
                Window::Requests => 1,
                Window::Searches => 2,
            })
            .arg(or_none(limits.daily_left))
            .arg(or_none(limits.daily_limit))
            .arg(or_none(limits.writes_left))
            .arg(ms(LIMIT_TTL))
            .arg((delay + ANSWERED_MARGIN).as_micros());
        call.invoke_async(&mut self.store.connection()?).await
    }

    /// Notes what an answer says of its window; which one it is, and how many requests it has, or -1.
    fn note_window(&self, is_search: bool, reported: Option<(u32, u32)>) -> (Window, i64) {
        let Some((limit, left)) = reported else {
            return (Window::Requests, -1);
        };
        // A search counts in both windows. A limit above that of searches is that of requests.
        let window = if is_search && limit <= self.settings.searches {
            Window::Searches
        } else {
            Window::Requests
        };
        self.reported[window as usize].store(limit, Ordering::Relaxed);
        if window == Window::Requests {
            metrics::gauge!(names::REQUESTS_LEFT).set(left);
        }
        // What others take matters near the limit only.
        let used = (left <= limit / 4).then(|| limit.saturating_sub(left));
        (window, used.map_or(-1, i64::from))
    }

    /// The limit of a window: the one configured, or a lower one that Pipedrive reported.
    fn limit(&self, window: Window) -> u32 {
        let configured = match window {
            Window::Requests => self.settings.requests,
            Window::Searches => self.settings.searches,
        };
        let reported = self.reported[window as usize].load(Ordering::Relaxed);
        configured.min(reported).max(1)
    }

    /// Stops searches for `wait`, or, after another request, everything.
    async fn hold(&self, spend: Spend, wait: Duration) -> Result<(), RedisError> {
        let window = if spend.is_search {
            Window::Searches
        } else {
            Window::Requests
        };
        let mut call = PAUSE.prepare_invoke();
        call.key(self.pause_key(window))
            .arg(ms(wait))
            .invoke_async(&mut self.store.connection()?)
            .await
    }

    fn slots(&self, window: Window) -> String {
        self.key(match window {
            Window::Requests => "slots",
            Window::Searches => "slots:searches",
        })
    }

    fn pause_key(&self, window: Window) -> String {
        self.key(match window {
            Window::Requests => "pause",
            Window::Searches => "pause:searches",
        })
    }

    /// The keys lie in one slot of a cluster: one script touches them.
    fn key(&self, name: &str) -> String {
        self.store.key(&format!("{{tokens}}:{name}"))
    }
}
