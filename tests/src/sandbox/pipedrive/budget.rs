//! The company's day: its tokens, its writes, and what the headers say of them.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::error::gateway;
use super::reply::Reply;

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// What the headers `x-daily-ratelimit-token-…` say. By default the truth.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DailyHeaders {
    /// So many more answers do without them.
    pub absent_for: u32,
    /// The limit that they name; the true one if `None`.
    pub limit: Option<u64>,
    /// What they say is left; the truth if `None`.
    pub remaining: Option<u64>,
}

impl DailyHeaders {
    /// The headers of one answer.
    pub(super) fn say(&mut self, limit: u64, left: u64) -> Vec<(&'static str, String)> {
        if self.absent_for > 0 {
            self.absent_for -= 1;
            return Vec::new();
        }
        let (limit, left) = (self.limit.unwrap_or(limit), self.remaining.unwrap_or(left));
        vec![
            ("x-daily-ratelimit-token-limit", limit.to_string()),
            ("x-daily-ratelimit-token-remaining", left.to_string()),
        ]
    }
}

/// The daily tokens and writes of the company.
#[derive(Debug)]
pub(super) struct Budget {
    pub(super) spent: u64,
    pub(super) resets_at: Instant,
    /// Tokens that others spend in a second, and until when they have been counted.
    drain: (u64, Instant),
    writes: u32,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self {
            spent: 0,
            resets_at: Instant::now() + until_midnight(),
            drain: (0, Instant::now()),
            writes: 0,
        }
    }

    /// Begins a new day when the old one is over, and counts what others have spent meanwhile.
    pub(super) fn roll_over(&mut self) {
        let now = Instant::now();
        if now >= self.resets_at {
            *self = Self {
                drain: (self.drain.0, now),
                ..Self::new()
            };
        }
        let (per_second, since) = self.drain;
        let seconds = now.duration_since(since).as_secs();
        self.spent = self
            .spent
            .saturating_add(per_second.saturating_mul(seconds));
        self.drain.1 = since + Duration::from_secs(seconds);
    }

    /// Lets another integration of the company spend so many tokens a second from now on.
    pub(super) fn set_drain(&mut self, tokens_per_second: u64) {
        self.roll_over();
        self.drain = (tokens_per_second, Instant::now());
    }

    /// The call that takes the last token may cost more than what was left.
    pub(super) fn left(&self, limit: u64) -> u64 {
        limit.saturating_sub(self.spent)
    }

    pub(super) fn exhausted(&self) -> Reply {
        let wait = self.resets_at.saturating_duration_since(Instant::now());
        gateway(429, "daily request budget exceeded")
            .with_header("retry-after", &whole_seconds(wait).to_string())
    }

    pub(super) fn writes_left(&self, limit: u32) -> u32 {
        limit.saturating_sub(self.writes)
    }

    /// Counts a `POST` or `PUT`, or refuses it. No document shows that answer.
    pub(super) fn count_write(&mut self, limit: u32) -> Result<(), Reply> {
        if self.writes >= limit {
            return Err(gateway(
                429,
                "daily limit of POST and PUT requests exceeded",
            ));
        }
        self.writes += 1;
        Ok(())
    }
}

/// Rounded up, so that a client that waits this long is let in.
pub(super) fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

fn until_midnight() -> Duration {
    let into_the_day = shared::clock::now().as_second().rem_euclid(DAY_SECONDS);
    Duration::from_secs((DAY_SECONDS - into_the_day).unsigned_abs())
}
