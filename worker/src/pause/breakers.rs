//! The breakers of this worker: notes what passed and what failed, opens and closes breakers for all workers, and paces
//! the probes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::RedisResult;
use shared::clock;
use shared::error::chain;
use tokio_util::sync::CancellationToken;

use super::breaker::{FailureKind, Verdict, judge, probe_pause};
use super::reason::PauseReason;
use super::state::Pause;
use crate::store::{BreakerStore, FailedMessage, OpenBreaker, Pass};

/// Between two exchanges with the other workers.
const EXCHANGE: Duration = Duration::from_secs(1);

/// A failure whose fault is in question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failed<'f> {
    /// Message that failed, by its interaction.
    pub message: FailedMessage<'f>,
    /// What failed, such as `create an activity`.
    pub operation: &'f str,
    /// How: a status, `outage`, `blocked` or `redis`.
    pub label: &'f str,
    /// Whether the request was refused, or met an outage.
    pub kind: FailureKind,
    /// For people; without personal data.
    pub why: &'f str,
}

/// The breakers. Clones share what passed.
#[derive(Clone, Debug)]
pub(crate) struct Breakers {
    store: BreakerStore,
    pause: Pause,
    probe_interval: Duration,
    passes: Arc<Mutex<HashMap<&'static str, (Instant, String)>>>,
}

impl Breakers {
    /// Breakers in `store`, that pause consumption by `pause`.
    pub fn new(store: BreakerStore, pause: Pause, probe_interval: Duration) -> Self {
        Self {
            store,
            pause,
            probe_interval,
            passes: Arc::default(),
        }
    }

    /// Notes that operations passed for an interaction. Other workers learn of it within a second; at once if consumption
    /// is paused for one of them, which ends the pause.
    pub async fn passed(
        &self,
        operations: impl IntoIterator<Item = &'static str>,
        interaction: &str,
    ) {
        let now = Instant::now();
        let awaited = self.pause.open_breaker();
        let mut is_awaited = false;
        for operation in operations {
            is_awaited |= awaited
                .as_ref()
                .is_some_and(|breaker| breaker.operation == operation);
            self.change_passes(|passes| passes.insert(operation, (now, interaction.to_owned())));
        }
        if is_awaited {
            self.exchange().await;
        }
    }

    /// Decides whose fault a failure is, and pauses consumption where it is not the message's.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn judge(&self, failed: &Failed<'_>) -> RedisResult<Verdict> {
        self.flush().await?;
        let (operation, label) = (failed.operation, failed.label);
        let seen = self.store.failed(failed.message, operation, label).await?;
        let verdict = judge(failed.kind, &seen);
        match verdict {
            Verdict::Pause => {
                let breaker = OpenBreaker {
                    operation: operation.to_owned(),
                    label: label.to_owned(),
                    why: failed.why.chars().take(300).collect(),
                    since: seen.now,
                };
                let first_probe = probe_pause(label, Duration::ZERO, self.probe_interval);
                self.store.open(&breaker, first_probe).await?;
                self.pause.begin(PauseReason::Broken(Arc::new(breaker)));
            }
            Verdict::DeadLetter if seen.passed_by_another > Some(seen.first) => {
                let message = failed.message.message;
                self.store.forget(message, operation, label).await?;
            }
            // What was decided without another message remains: the next one that fails alike is not alone.
            Verdict::DeadLetter | Verdict::Wait { .. } | Verdict::CountAttempt => {}
        }
        Ok(verdict)
    }

    /// Takes the right to process one message while `breaker` is open.
    pub async fn take_probe(&self, breaker: &OpenBreaker) -> bool {
        let pause = self.pause_of(breaker);
        self.store.take_probe(pause).await.unwrap_or(false)
    }

    /// A probe failed: the next one is due a whole pause later.
    pub async fn postpone_probe(&self) {
        let Some(breaker) = self.pause.open_breaker() else {
            return;
        };
        let postponed = self.store.postpone_probe(self.pause_of(&breaker)).await;
        if let Err(error) = postponed {
            tracing::debug!(error = chain(&error), "Cannot postpone the next probe");
        }
    }

    fn pause_of(&self, breaker: &OpenBreaker) -> Duration {
        let age = clock::now().duration_since(breaker.since);
        let age = Duration::try_from(age).unwrap_or_default();
        probe_pause(&breaker.label, age, self.probe_interval)
    }

    /// Closes all breakers, as an operator requests; they open again where the same failures are met.
    pub async fn close_all(&self) {
        if let Err(error) = self.store.close_all().await {
            tracing::debug!(error = chain(&error), "Cannot close the breakers");
        }
    }

    /// Gives that right back: there was no message.
    pub async fn give_probe_back(&self) {
        if let Err(error) = self.store.give_probe_back().await {
            tracing::debug!(error = chain(&error), "Cannot give a probe back");
        }
    }

    /// Exchanges passes and open breakers with the other workers, until shutdown.
    pub async fn run(self, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(EXCHANGE.min(self.probe_interval)) => self.exchange().await,
            }
        }
    }

    /// Shares what passed, and follows the breakers that are open. Nothing, while Redis does not answer.
    pub async fn exchange(&self) {
        let open = match self.flush().await {
            Ok(()) => self.store.all_open().await,
            Err(error) => Err(error),
        };
        match open {
            Ok(open) => self.follow(&open),
            Err(error) => tracing::debug!(
                error = chain(&error),
                "Cannot exchange the state of the breakers with other workers"
            ),
        }
    }

    fn follow(&self, open: &[OpenBreaker]) {
        let present = self.pause.open_breaker();
        let is_still_open = |breaker: &Arc<OpenBreaker>| open.contains(breaker);
        match (present, open.first()) {
            (Some(present), _) if is_still_open(&present) => {}
            (_, Some(next)) => self
                .pause
                .begin(PauseReason::Broken(Arc::new(next.clone()))),
            (Some(present), None) => {
                self.pause.end(&PauseReason::Broken(present));
            }
            (None, None) => {}
        }
    }

    async fn flush(&self) -> RedisResult<()> {
        let taken = self.change_passes(std::mem::take);
        if taken.is_empty() {
            return Ok(());
        }
        let passes: Vec<Pass> = taken
            .iter()
            .map(|(operation, (at, interaction))| Pass {
                operation,
                age: at.elapsed(),
                interaction: interaction.clone(),
            })
            .collect();
        let closed = self.store.passed(&passes).await.inspect_err(|_| {
            self.change_passes(|passes| {
                for (operation, pass) in taken {
                    passes.entry(operation).or_insert(pass);
                }
            });
        })?;
        if closed > 0 {
            tracing::info!(
                closed,
                "An operation passed again: its breaker closes for all workers"
            );
        }
        Ok(())
    }

    fn change_passes<T>(
        &self,
        change: impl FnOnce(&mut HashMap<&'static str, (Instant, String)>) -> T,
    ) -> T {
        change(&mut self.passes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
