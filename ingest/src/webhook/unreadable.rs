//! Which of the bodies that an authenticated sender posted and nothing could read are kept: one of each, within a budget.
//!
//! They are published as events are, and the worker makes dead letters of them. A sender that posts nothing else must not
//! fill the broker's disk, which good events need.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use shared::broker::{Publisher, message};
use shared::domain::event::interaction_of;
use shared::error::chain;

use super::WebhookError;
use super::accepted::APP_ID;
use super::arrival::Arrival;
use super::refusal_log::RefusalLog;
use super::storing::MessageStorage;

/// What may be kept at once: more than ten thousand events.
const BURST_BYTES: f64 = 64.0 * 1024.0 * 1024.0;
/// What may be kept for good: about eight events a second, 1.4 GB a day.
const BYTES_PER_SECOND: f64 = 16.0 * 1024.0;
/// What a message costs beside its body.
const OVERHEAD_BYTES: f64 = 1024.0;
/// How many of the last bodies are recognised when they come again; the worker recognises all.
const REMEMBERED: usize = 64;

type BodyDigest = [u8; 32];

/// What becomes of a body that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is published, to become a dead letter.
    Kept,
    /// It was published lately.
    Repeated,
    /// There were too many.
    OverBudget,
    /// There is nothing in it.
    Empty,
}

/// Publishes one of each body that nothing can read, within a budget of bytes.
#[derive(Debug)]
pub(super) struct UnreadableBodies {
    state: Mutex<State>,
    lost: RefusalLog,
}

#[derive(Debug)]
struct State {
    remembered: VecDeque<BodyDigest>,
    left_bytes: f64,
    at: Instant,
}

impl UnreadableBodies {
    /// The whole budget, from `now` on.
    pub fn new(now: Instant) -> Self {
        let state = State {
            remembered: VecDeque::with_capacity(REMEMBERED),
            left_bytes: BURST_BYTES,
            at: now,
        };
        Self {
            state: Mutex::new(state),
            lost: RefusalLog::default(),
        }
    }

    /// Publishes a body that cannot be read because of `error`: most senders do not repeat what is answered 4xx. Returns
    /// the outcome in metrics; an empty body counts nowhere.
    pub async fn keep(
        &self,
        storage: &MessageStorage,
        publisher: &Publisher,
        arrival: &Arrival<'_>,
        error: &WebhookError,
    ) -> Option<&'static str> {
        match self.judge(arrival.body, Instant::now()) {
            Fate::Empty => return None,
            Fate::Repeated => return Some("repeated"),
            Fate::OverBudget => return Some("over_budget"),
            Fate::Kept => {}
        }
        let reason = error.to_string();
        let (topic, at, trace) = (arrival.topic, arrival.at, &*arrival.traceparent);
        let id = interaction_of(arrival.body);
        let properties =
            || message::refused_properties(&reason, id.as_ref(), topic, at, trace, APP_ID);
        let message = || arrival.message(properties());
        let outcome = storage.publish_or_spool(publisher, message, at).await;
        Some(match outcome {
            Ok(()) => {
                self.stored(arrival.body);
                "kept"
            }
            Err(why) => {
                self.log_lost(&why);
                "lost"
            }
        })
    }

    fn log_lost(&self, why: &WebhookError) {
        if let Some(count) = self.lost.note(why.label(), Instant::now()) {
            let error = chain(why);
            tracing::warn!(
                count,
                error,
                "Bodies that cannot be read were answered 4xx and are lost, {count} since the last such line: {error}. With \
                 a spool (ingest.spool.path) they would be kept"
            );
        }
    }

    /// Decides on a body that arrived at `now`, and takes its size from the budget if it is kept.
    fn judge(&self, body: &[u8], now: Instant) -> Fate {
        if body.trim_ascii().is_empty() {
            return Fate::Empty;
        }
        let digest = digest(body);
        let mut state = self.lock();
        state.refill(now);
        if state.remembered.contains(&digest) {
            return Fate::Repeated;
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "a size in memory, exact up to 2^53"
        )]
        let cost = body.len() as f64 + OVERHEAD_BYTES;
        if cost > state.left_bytes {
            return Fate::OverBudget;
        }
        state.left_bytes -= cost;
        Fate::Kept
    }

    /// Remembers a body that is stored.
    fn stored(&self, body: &[u8]) {
        let mut state = self.lock();
        if state.remembered.len() == REMEMBERED {
            state.remembered.pop_front();
        }
        state.remembered.push_back(digest(body));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn refill(&mut self, now: Instant) {
        let passed: Duration = now.saturating_duration_since(self.at);
        self.at = now;
        let refilled = self.left_bytes + passed.as_secs_f64() * BYTES_PER_SECOND;
        self.left_bytes = refilled.min(BURST_BYTES);
    }
}

fn digest(body: &[u8]) -> BodyDigest {
    Sha256::digest(body).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_each_body_is_kept_and_an_empty_one_is_not() {
        let now = Instant::now();
        let bodies = UnreadableBodies::new(now);

        assert_eq!(bodies.judge(b"one", now), Fate::Kept);
        assert_eq!(bodies.judge(b"one", now), Fate::Kept, "it was not stored");
        bodies.stored(b"one");
        assert_eq!(bodies.judge(b"one", now), Fate::Repeated);
        assert_eq!(bodies.judge(b"two", now), Fate::Kept);
        assert_eq!(bodies.judge(b" \r\n", now), Fate::Empty);
    }

    #[test]
    fn a_flood_of_bodies_is_kept_within_a_budget_that_fills_again() {
        let start = Instant::now();
        let bodies = UnreadableBodies::new(start);
        let kept_at = |now| {
            let flood = (0_u32..200).map(|n| {
                let mut body = vec![b'x'; 1024 * 1024];
                body[..4].copy_from_slice(&n.to_le_bytes());
                bodies.judge(&body, now)
            });
            flood.filter(|fate| *fate == Fate::Kept).count()
        };

        assert_eq!(kept_at(start), 63);
        assert_eq!(kept_at(start), 0);
        assert_eq!(kept_at(start + Duration::from_secs(130)), 2);
    }
}
