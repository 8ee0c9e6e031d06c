//! Whether consumption is paused. Where every message would fail alike, none is taken from the queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

use super::reason::PauseReason;
use crate::metrics as names;

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
        set_paused(Some(PauseReason::Redis));
        Self {
            state: watch::Sender::new(Some(PauseReason::Redis)),
            redis_failed: Arc::default(),
        }
    }

    /// Pauses consumption. The last reason counts, but a failure of Redis does not hide that Pipedrive refuses us: Redis
    /// is checked in any case.
    pub fn begin(&self, why: PauseReason) {
        if why == PauseReason::Redis {
            self.redis_failed.store(true, Ordering::SeqCst);
        }
        let mut was_running = false;
        let is_new = self.state.send_if_modified(|state| {
            was_running = state.is_none();
            let is_hidden = why == PauseReason::Redis && state.is_some();
            let is_new = !is_hidden && *state != Some(why);
            if is_new {
                *state = Some(why);
            }
            is_new
        });
        if is_new {
            set_paused(Some(why));
        }
        if was_running {
            metrics::counter!(names::PAUSES, "reason" => why.label()).increment(1);
            tracing::error!(
                reason = why.label(),
                "Consumption pauses: {}",
                why.explain()
            );
        }
    }

    /// Why consumption is paused, if it is.
    pub fn reason(&self) -> Option<PauseReason> {
        *self.state.borrow()
    }

    /// Follows the reason.
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
    pub fn end(&self, healed: PauseReason) -> bool {
        let has_ended = !self.redis_failed.load(Ordering::SeqCst)
            && self.state.send_if_modified(|state| {
                let is_the_same = *state == Some(healed);
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

fn set_paused(reason: Option<PauseReason>) {
    let label = reason.map(PauseReason::label);
    for each in PauseReason::LABELS {
        let is_paused = label == Some(each);
        metrics::gauge!(names::PAUSED, "reason" => each).set(u8::from(is_paused));
    }
}
