//! Whose fault a failure is: the message's, or that of the operation, which fails for every message alike. Pure.
//!
//! A failure alone does not say. Other messages show which it is: where one passes, the operation works; where
//! several fail and none passes, it does not, and consumption pauses until one passes.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::store::Observation;

/// Interactions that must fail, while none passes, before consumption pauses. Two may be two calls of one customer whose
/// data is refused; each further one costs every pause another refused request.
pub(crate) const SEVERAL: u32 = 3;
/// Refusals after which a message is at fault, where another one passed meanwhile.
pub(crate) const REFUSALS: u32 = 3;
/// How long a message waits for another one that passes or fails, before it is decided without one.
pub(crate) const QUIET: SignedDuration = SignedDuration::from_hours(1);
/// Longest wait of a message whose operation fails for others, too: it may be the probe that ends the failure.
const OUTAGE_WAIT: Duration = Duration::from_secs(600);
/// A breaker that has been open for a time `t` is probed every `t / 10`, within limits: an outage of minutes is over within
/// seconds of its end, and one of days does not cost a day's tokens.
const PROBES: u32 = 10;
/// Longest pause between two probes of an outage, and of a refusal, which a person has to end.
const LONGEST_OUTAGE_PAUSE: Duration = Duration::from_secs(60);
const LONGEST_REFUSAL_PAUSE: Duration = Duration::from_secs(300);
/// How many probe intervals pass before Cloudflare is tried again: it blocks clients that go on despite limits.
const BLOCKED_INTERVALS: u32 = 6;

/// Kind of a failure for which either a message or everything is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The request was refused as it is: repeated, it is refused again unless something else changes.
    Refusal,
    /// No answer, or an error of the server: it may pass by itself.
    Outage,
}

/// What follows for the message, and for consumption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It waits for this one of the retry delays, but not longer than `at_most`; no attempt counts.
    Wait {
        /// Number of the delay; 0 is the first.
        step: u32,
        /// How long the message waits at most.
        at_most: Duration,
    },
    /// It waits for the delay of its attempts, and this one counts.
    CountAttempt,
    /// The operation fails for every message: consumption pauses.
    Pause,
    /// The message is at fault.
    DeadLetter,
}

impl Verdict {
    /// It waits as shortly as possible.
    pub const SHORTLY: Self = Self::Wait {
        step: 0,
        at_most: Duration::ZERO,
    };
}

/// Decides whose fault a failure is.
#[must_use]
pub(crate) fn judge(kind: FailureKind, seen: &Observation) -> Verdict {
    if seen.is_open {
        return Verdict::SHORTLY;
    }
    let age = |since: Timestamp| seen.now.duration_since(since);
    let is_several = seen.stuck >= SEVERAL || (seen.stuck >= 2 && age(seen.stuck_since) >= QUIET);
    if is_several {
        return Verdict::Pause;
    }
    let passed_since = |failure: Timestamp| seen.passed_by_another.is_some_and(|it| it > failure);
    match kind {
        FailureKind::Refusal if passed_since(seen.first) => {
            if seen.count >= REFUSALS {
                Verdict::DeadLetter
            } else {
                Verdict::SHORTLY
            }
        }
        FailureKind::Refusal
            if seen.count >= REFUSALS && age(seen.first) >= QUIET && seen.stuck <= 1 =>
        {
            Verdict::DeadLetter
        }
        // Twice at once, because another message may pass any moment; then ever more rarely until the hour is over.
        FailureKind::Refusal => Verdict::Wait {
            step: seen.count.saturating_sub(2),
            at_most: Duration::try_from(QUIET - age(seen.first)).unwrap_or_default(),
        },
        FailureKind::Outage => match seen.previous {
            None => Verdict::CountAttempt,
            Some(previous) if passed_since(previous) => Verdict::CountAttempt,
            Some(_) => Verdict::Wait {
                step: seen.count.saturating_sub(1),
                at_most: OUTAGE_WAIT,
            },
        },
    }
}

/// How long to wait for the next probe of a breaker with this label that has been open for `age`.
#[must_use]
pub(crate) fn probe_pause(label: &str, age: Duration, interval: Duration) -> Duration {
    let (least, most) = match label {
        "blocked" => (interval * BLOCKED_INTERVALS, LONGEST_REFUSAL_PAUSE),
        "outage" => (interval, LONGEST_OUTAGE_PAUSE),
        _ => (interval, LONGEST_REFUSAL_PAUSE),
    };
    (age / PROBES).clamp(least, most.max(least))
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
