//! Whether consumption is paused. Where every message would fail alike, none is taken from the queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

use super::reason::PauseReason;
use super::redis_trouble::RedisTrouble;
use crate::metrics as names;
use crate::store::OpenBreaker;

/// Running, or paused for a reason. Clones share the state.
#[derive(Clone, Debug)]
pub(crate) struct Pause {
    state: watch::Sender<Option<PauseReason>>,
    /// Redis failed since the supervisor checked it last.
    redis_failed: Arc<AtomicBool>,
}

impl Pause {
    /// Paused until Redis was reached.
    pub fn until_redis_answers() -> Self {
        let reason = PauseReason::Redis(RedisTrouble::Away);
        set_paused(Some(&reason));
        Self {
            state: watch::Sender::new(Some(reason)),
            redis_failed: Arc::default(),
        }
    }

    /// Pauses consumption. The last reason counts, unless it would hide a more specific one; see [`PauseReason::replaces`].
    pub fn begin(&self, why: PauseReason) {
        if why.is_redis() {
            self.redis_failed.store(true, Ordering::SeqCst);
        }
        let mut before = None;
        let is_new = self.state.send_if_modified(|state| {
            let is_new = state.as_ref().is_none_or(|present| why.replaces(present));
            if is_new {
                before = state.replace(why.clone());
            }
            is_new
        });
        if !is_new {
            return;
        }
        set_paused(Some(&why));
        let (reason, explanation) = (why.label(), why.explain());
        match (before, why) {
            (None, _) => {
                metrics::counter!(names::PAUSES, "reason" => reason).increment(1);
                tracing::error!(reason, "Consumption pauses: {explanation}");
            }
            // Every message in progress meets another rest of the same day.
            (Some(PauseReason::BudgetSpent { .. }), PauseReason::BudgetSpent { .. }) => {}
            (Some(_), _) => tracing::warn!(reason, "Still paused, now because: {explanation}"),
        }
    }

    /// Why consumption is paused, if it is.
    pub fn reason(&self) -> Option<PauseReason> {
        self.state.borrow().clone()
    }

    /// The open breaker for which consumption is paused.
    pub fn open_breaker(&self) -> Option<Arc<OpenBreaker>> {
        match &*self.state.borrow() {
            Some(PauseReason::Broken(breaker)) => Some(Arc::clone(breaker)),
            Some(_) | None => None,
        }
    }

    /// Waits until consumption is paused by a breaker.
    pub async fn breaker_opened(&self) {
        self.wait_for(|state| matches!(state, Some(PauseReason::Broken(_))))
            .await;
    }

    /// Receiver that follows the reason of the pause.
    pub fn watch(&self) -> watch::Receiver<Option<PauseReason>> {
        self.state.subscribe()
    }

    /// Waits until consumption runs.
    pub async fn ended(&self) {
        self.wait_for(Option::is_none).await;
    }

    /// Waits until consumption is paused.
    pub async fn begun(&self) {
        self.wait_for(Option::is_some).await;
    }

    async fn wait_for(&self, condition: impl FnMut(&Option<PauseReason>) -> bool) {
        let mut state = self.state.subscribe();
        // The sender lives in `self`.
        let reached = state.wait_for(condition).await;
        drop(reached);
    }

    /// Whether Redis failed since this was asked last.
    pub fn take_redis_failure(&self) -> bool {
        self.redis_failed.swap(false, Ordering::SeqCst)
    }

    /// Ends the pause for `healed`, unless there is another reason by now. Returns whether consumption runs.
    pub fn end(&self, healed: &PauseReason) -> bool {
        let has_ended = !self.redis_failed.load(Ordering::SeqCst)
            && self.state.send_if_modified(|state| {
                let is_the_same = state.as_ref() == Some(healed);
                if is_the_same {
                    *state = None;
                }
                is_the_same
            });
        if has_ended {
            set_paused(None);
            tracing::info!(
                reason = healed.label(),
                "Consumption resumes: the reason for the pause is gone"
            );
        }
        has_ended
    }
}

fn set_paused(reason: Option<&PauseReason>) {
    let label = reason.map(PauseReason::label);
    for each in PauseReason::LABELS {
        let is_paused = label == Some(each);
        metrics::gauge!(names::PAUSED, "reason" => each).set(u8::from(is_paused));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paused(reasons: &[&PauseReason; 2]) -> Option<PauseReason> {
        let pause = Pause {
            state: watch::Sender::new(None),
            redis_failed: Arc::default(),
        };
        for reason in reasons {
            pause.begin((*reason).clone());
        }
        pause.reason()
    }

    fn broken(operation: &str) -> PauseReason {
        PauseReason::Broken(Arc::new(OpenBreaker {
            operation: operation.to_owned(),
            label: "400".to_owned(),
            why: "it is refused".to_owned(),
            since: jiff::Timestamp::UNIX_EPOCH,
        }))
    }

    #[test]
    fn the_last_reason_counts_unless_it_would_hide_a_more_telling_one() {
        let away = PauseReason::Redis(RedisTrouble::Away);
        let full = PauseReason::Redis(RedisTrouble::Full);
        let lost = PauseReason::RedisLostData;
        let refused = PauseReason::Unauthorized { status: 401 };
        let no_token = PauseReason::NoToken;
        let (create, search) = (broken("create"), broken("search"));

        for (reasons, shown) in [
            ([&refused, &no_token], &no_token),
            ([&away, &refused], &refused),
            ([&refused, &away], &refused),
            ([&refused, &lost], &refused),
            ([&away, &lost], &lost),
            ([&lost, &away], &lost),
            ([&away, &full], &full),
            ([&create, &search], &search),
            ([&create, &refused], &refused),
            ([&refused, &create], &refused),
            ([&create, &away], &away),
            ([&away, &create], &create),
        ] {
            assert_eq!(paused(&reasons).as_ref(), Some(shown), "{reasons:?}");
        }
    }
}
