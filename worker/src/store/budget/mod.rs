//! The budget that all workers share: requests and searches in 2 seconds, tokens and writes a day.

mod call;
mod calls;
mod day;
mod quickest;
mod scripts {
    pub(super) const TAKE: &str = include_str!("../scripts/take.lua");
    pub(super) const GIVE_BACK: &str = include_str!("../scripts/give_back.lua");
    pub(super) const PAUSE: &str = include_str!("../scripts/pause.lua");
    pub(super) const LEARN: &str = include_str!("../scripts/learn.lua");
}
#[cfg(test)]
mod simulation;
mod verdict;

use std::sync::atomic::AtomicU32;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use pipedrive::ports::{Budget, Receipt, Spend, SpendError, StoreError};
use pipedrive::{Allowance, Limits, Reservation};
use redis::{RedisError, Script};
use shared::config;
use shared::fail_point::{self, FailPoint};

use super::connection::Store;
use crate::metrics as names;

use call::Call;
pub(crate) use day::{Day, smallest_plan};
use quickest::Quickest;
use verdict::Verdict;

/// `scripts/take.lua`, hashed once.
static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(scripts::TAKE));
/// `scripts/give_back.lua`, hashed once.
static GIVE_BACK: LazyLock<Script> = LazyLock::new(|| Script::new(scripts::GIVE_BACK));
/// `scripts/pause.lua`, hashed once.
static PAUSE: LazyLock<Script> = LazyLock::new(|| Script::new(scripts::PAUSE));
/// `scripts/learn.lua`, hashed once.
static LEARN: LazyLock<Script> = LazyLock::new(|| Script::new(scripts::LEARN));

/// Pipedrive's window of 2 seconds, and a little for clocks.
const WINDOW: Duration = Duration::from_millis(2_002);
/// How long after it is sent Pipedrive counts a request at the latest, as far as is known before its answer.
const MARGIN: Duration = Duration::from_secs(1);
/// The same of a request that is answered, unless its answer came sooner: most of the time that a slow answer takes follows
/// after the count.
const ANSWERED_MARGIN: Duration = Duration::from_millis(300);
/// The same of a request that is not sent yet.
const UNSENT_MARGIN: Duration = Duration::from_millis(2);
/// A moment that is no further away is granted for good: what its caller still has to do is done before it.
const LEAD: Duration = Duration::from_millis(100);
/// A planned moment is asked for again so long before it: some time later than it could be granted, since the answers may
/// have put it off a little.
const EARLY: Duration = Duration::from_millis(50);
/// How much later a request was sent, at most, that is counted before another.
const OVERTAKING: Duration = Duration::from_millis(30);
/// What others take is kept free for one to two such periods after answers showed it: each has more than a whole window.
const OTHERS_PERIOD: Duration = Duration::from_millis(2_500);
/// The longest that a held message waits for its turn: longer waits are in a queue. Four workers of 16 messages each
/// search 10 in 2 seconds, in 12.8 seconds.
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// How long a message waits in a queue at most before it asks again: while it does, the allowance must not run idle.
const LONGEST_QUEUED: Duration = Duration::from_secs(5);
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
    /// The quickest answers of late.
    quickest: Arc<Mutex<Quickest>>,
}

/// How long a caller waits before it asks again for a moment that is planned; `None` where it is granted for good.
fn until_asked_again(wait: Duration) -> Option<Duration> {
    (wait > LEAD).then(|| wait.saturating_sub(EARLY))
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
            quickest: Arc::default(),
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
                    let Some(until_asked) = until_asked_again(wait) else {
                        metrics::histogram!(names::TOKEN_WAIT)
                            .record((waited + wait).as_secs_f64());
                        // Its count is that of the first time; what it is sent by is the last.
                        return Ok(Receipt {
                            granted: receipt.granted,
                            lag: receipt.lag,
                            ..reservation.redeem()
                        });
                    };
                    // Given back if its caller goes away meanwhile.
                    planned = Some(reservation);
                    tokio::time::sleep(until_asked).await;
                    waited += until_asked;
                    continue;
                }
                Verdict::Wait(wait) => SpendError::Busy(wait.min(LONGEST_QUEUED)),
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

    /// Asks for a moment to send a request at; again for one that was planned, shortly before its moment.
    async fn try_take(
        &self,
        spend: Spend,
        planned: Option<Receipt>,
        longest: Duration,
    ) -> Result<Verdict, RedisError> {
        let now = shared::clock::now().as_second();
        let call = self.take_call(spend, planned, longest, now);
        let asked = Instant::now();
        let answer = call.run(&TAKE, &self.store).await?;
        Verdict::parse(spend, now, asked.elapsed(), answer)
    }

    async fn take_back(&self, receipt: Receipt) -> Result<(), RedisError> {
        let call = Call::new()
            .key(self.slots(Window::Requests))
            .key(self.slots(Window::Searches))
            .key(self.day_key(receipt.at))
            .key(self.writes_key(receipt.at))
            .key(self.report_key())
            .arg(receipt.number)
            .arg(receipt.spend.tokens)
            .arg(u8::from(receipt.spend.is_write));
        call.run(&GIVE_BACK, &self.store).await
    }

    /// Corrects the budget by an answer.
    async fn correct(&self, receipt: Option<Receipt>, limits: Limits) -> Result<(), RedisError> {
        let call = self.learn_call(receipt, limits, Instant::now());
        call.run(&LEARN, &self.store).await
    }

    /// Stops searches for `wait`, or, after another request, everything.
    async fn hold(&self, spend: Spend, wait: Duration) -> Result<(), RedisError> {
        let call = self.pause_call(spend, wait);
        call.run(&PAUSE, &self.store).await
    }
}
