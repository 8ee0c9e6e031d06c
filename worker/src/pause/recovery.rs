//! Ends a pause: checks Redis, probes Pipedrive, and lets consumption resume.

use std::time::Duration;

use jiff::Timestamp;
use pipedrive::Client;
use shared::clock;
use shared::error::chain;
use tokio_util::sync::CancellationToken;

use super::breakers::Breakers;
use super::reason::PauseReason;
use super::redis_trouble::RedisTrouble;
use super::resume::ResumeWatch;
use super::spent::SpentDay;
use super::state::Pause;
use crate::store::first_start::FirstStart;
use crate::store::{Pauses, Store};

/// Longest time between two checks of whether the reason is gone. Pipedrive is probed only when its interval is over.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Ends the pause as soon as its reason is gone.
#[derive(Debug)]
pub(crate) struct PauseSupervisor {
    /// The pause to end.
    pub pause: Pause,
    /// Must be connected, whatever the reason of the pause.
    pub store: Store,
    /// Distinguishes a first start from a Redis that lost its data.
    pub first_start: FirstStart,
    /// Probed for whether the credential is accepted.
    pub client: Client,
    /// Time between two probes.
    pub probe_interval: Duration,
    /// Finds out whether there are new tokens.
    pub day: SpentDay,
    /// Where this worker says that it is paused, and an operator may end that.
    pub pauses: Pauses,
    /// The name of this worker there.
    pub worker: String,
    /// Known before consumption begins: a breaker may be open.
    pub breakers: Breakers,
}

impl PauseSupervisor {
    /// Supervises the pause until shutdown.
    pub async fn run(self, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.supervise() => {}
            }
        }
    }

    /// Waits for a pause to begin, and ends it once its reason is gone.
    async fn supervise(&self) {
        self.pause.begun().await;
        let mut resume = ResumeWatch::new(&self.pauses, &self.worker, clock::now());
        self.end_pause(&mut resume).await;
        resume.end().await;
    }

    /// Returns when consumption runs.
    async fn end_pause(&self, resume: &mut ResumeWatch<'_>) {
        let mut tried: Option<(PauseReason, Timestamp)> = None;
        while let Some(reason) = self.pause.reason() {
            // Another reason, or another attempt, has a time of its own.
            let since = match tried {
                Some((known, since)) if known == reason => since,
                _ => clock::now(),
            };
            tried = Some((reason.clone(), since));
            if self.is_redis_ready().await {
                if resume.is_requested(&reason).await && self.resume(&reason).await {
                    tracing::info!("An operator ended the pause (worker resume)");
                    return;
                }
                match self.recovery(&reason, since).await {
                    Recovery::Done => {
                        self.breakers.exchange().await;
                        if self.pause.end(&reason) {
                            // One that this pause hid.
                            self.breakers.exchange().await;
                            return;
                        }
                    }
                    Recovery::Waiting => {}
                    Recovery::RefusedAgain => tried = Some((reason, clock::now())),
                }
            }
            tokio::time::sleep(self.probe_interval.min(POLL_INTERVAL)).await;
        }
    }

    /// Ends the pause at an operator's request. A breaker that stays open would begin it again at once.
    async fn resume(&self, reason: &PauseReason) -> bool {
        if matches!(reason, PauseReason::Broken(_)) {
            self.breakers.close_all().await;
        }
        self.pause.end(reason)
    }

    /// Whether Redis is connected; connects it. After a failure the present connection is thrown away.
    async fn is_redis_ready(&self) -> bool {
        if self.pause.take_redis_failure() {
            self.store.disconnect();
        }
        if self.store.is_connected() {
            return true;
        }
        let connecting = self
            .store
            .connect(async || self.first_start.is_first().await);
        match connecting.await {
            Ok(()) => true,
            Err(error) => {
                let trouble = RedisTrouble::of_connecting(&error);
                self.pause
                    .begin(trouble.map_or(PauseReason::Witness, PauseReason::Redis));
                tracing::warn!(
                    error = chain(&error),
                    "Redis cannot be used yet; the worker connects again"
                );
                false
            }
        }
    }

    async fn recovery(&self, reason: &PauseReason, since: Timestamp) -> Recovery {
        let elapsed = clock::now().duration_since(since).unsigned_abs();
        if elapsed < self.least_pause(reason) {
            return Recovery::Waiting;
        }
        match reason {
            PauseReason::Unauthorized { .. }
            | PauseReason::Denied(_)
            | PauseReason::NoToken
            | PauseReason::ScopeMissing
            | PauseReason::PeopleForbidden => match self.client.probe().await {
                Err(error) if !error.class().credential_is_accepted => {
                    tracing::warn!(
                        error = chain(&error),
                        "Pipedrive still refuses the credential; the worker probes again"
                    );
                    // The reason may be another one by now.
                    if let Some(reason) = PauseReason::caused_by(&error) {
                        self.pause.begin(reason);
                    }
                    Recovery::RefusedAgain
                }
                Ok(_) | Err(_) => Recovery::Done,
            },
            PauseReason::BudgetSpent { of, wait } => {
                match self.day.is_over(*of, elapsed, *wait).await {
                    Ok(true) => Recovery::Done,
                    Ok(false) => Recovery::Waiting,
                    Err(error) => {
                        if let Some(reason) = PauseReason::caused_by(&error) {
                            self.pause.begin(reason);
                        }
                        Recovery::Waiting
                    }
                }
            }
            PauseReason::Redis(_) | PauseReason::RedisLostData | PauseReason::Witness => {
                Recovery::Done
            }
            // A message that passes ends it.
            PauseReason::Broken(_) => Recovery::Waiting,
        }
    }

    /// Shortest pause. Pipedrive may answer `users/me` where it refuses the rest: without a shortest pause, consumption would
    /// resume and pause again at once, and each time the messages in progress cost tokens.
    fn least_pause(&self, reason: &PauseReason) -> Duration {
        match reason {
            PauseReason::Redis(_)
            | PauseReason::RedisLostData
            | PauseReason::Witness
            | PauseReason::Broken(_) => Duration::ZERO,
            PauseReason::Unauthorized { .. }
            | PauseReason::Denied(_)
            | PauseReason::ScopeMissing
            | PauseReason::PeopleForbidden
            | PauseReason::NoToken
            // Pipedrive may state a time that is far too short.
            | PauseReason::BudgetSpent { .. } => self.probe_interval,
        }
    }
}

/// How far the reason of a pause is gone.
enum Recovery {
    /// The cause is gone: consumption resumes.
    Done,
    /// Its time has not come.
    Waiting,
    /// Pipedrive was asked, and refused again.
    RefusedAgain,
}
