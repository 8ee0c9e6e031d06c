//! What the scripts of the budget are called with, and the keys that they share.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use pipedrive::ports::{Receipt, Spend};
use pipedrive::{Allowance, Limits};

use super::call::Call;
use super::{
    ANSWERED_MARGIN, DAY_TTL, LEAD, LIMIT_TTL, MARGIN, OTHERS_PERIOD, OVERTAKING, TokenBucket,
    UNSENT_MARGIN, WINDOW, Window,
};
use crate::metrics as names;
use crate::store::script::ms;

impl TokenBucket {
    /// The call of `scripts/take.lua` at the second `now` of our clock.
    pub(super) fn take_call(
        &self,
        spend: Spend,
        planned: Option<Receipt>,
        longest: Duration,
        now: i64,
    ) -> Call {
        let settings = &self.settings;
        Call::new()
            .key(self.slots(Window::Requests))
            .key(self.slots(Window::Searches))
            .key(self.pause_key(Window::Requests))
            .key(self.pause_key(Window::Searches))
            .key(self.spent_key(Allowance::Tokens))
            .key(self.spent_key(Allowance::Writes))
            .key(self.day_key(now))
            .key(self.writes_key(now))
            .key(self.report_key())
            .arg(WINDOW.as_micros())
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
            .arg(UNSENT_MARGIN.as_micros())
            .arg(LEAD.as_micros())
            .arg(OTHERS_PERIOD.as_micros())
    }

    /// The call of `scripts/learn.lua` for an answer that came at `now`.
    pub(super) fn learn_call(
        &self,
        receipt: Option<Receipt>,
        limits: Limits,
        now: Instant,
    ) -> Call {
        let is_search = receipt.is_some_and(|receipt| receipt.spend.is_search);
        // Its caller may have noted its intent in between.
        let counted_after = receipt.map_or(Duration::ZERO, |receipt| {
            receipt.delay + self.counted_after(receipt.took, now)
        });
        let (window, used) = self.note_window(is_search, limits.requests);
        if let Some(left) = limits.daily_left {
            #[expect(clippy::cast_precision_loss, reason = "a gauge")]
            metrics::gauge!(names::DAILY_LEFT).set(left as f64);
        }
        let or_none =
            |value: Option<u64>| value.map_or(-1, |value| i64::try_from(value).unwrap_or(i64::MAX));
        Call::new()
            .key(self.slots(Window::Requests))
            .key(self.slots(Window::Searches))
            .key(self.report_key())
            .key(self.limit_key())
            .key(self.spent_key(Allowance::Tokens))
            .arg(WINDOW.as_micros())
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
            .arg(counted_after.as_micros())
            .arg(OTHERS_PERIOD.as_micros())
            .arg(u8::from(receipt.is_some_and(|it| it.was_refused)))
            .arg(OVERTAKING.as_micros())
            .arg(self.limit(window))
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
        // What is left beside that which is ours to use, others may take.
        let used = self.limit(window).saturating_sub(left);
        (window, i64::from(used))
    }

    /// How long after it was sent a request whose answer took so long was counted, at the latest: less what the way there
    /// and back takes at least, since that is the same for those that follow.
    fn counted_after(&self, took: Duration, now: Instant) -> Duration {
        let mut quickest = self.quickest.lock().unwrap_or_else(PoisonError::into_inner);
        let since = quickest.note(now, took);
        took.saturating_sub(since).min(ANSWERED_MARGIN)
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

    pub(super) fn pause_call(&self, spend: Spend, wait: Duration) -> Call {
        let window = if spend.is_search {
            Window::Searches
        } else {
            Window::Requests
        };
        Call::new().key(self.pause_key(window)).arg(ms(wait))
    }

    pub(super) fn slots(&self, window: Window) -> String {
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
    pub(super) fn key(&self, name: &str) -> String {
        self.store.key(&format!("{{tokens}}:{name}"))
    }
}
