//! The end of a message: acknowledged with its outcome, or published to a retry queue or the dead letter queue.

use jiff::{SignedDuration, Timestamp};
use redis::RedisResult;
use shared::broker::message::{self, DeadLetter, Retry};
use shared::broker::{Publisher, topology};
use shared::clock;
use shared::config::RetryDelay;
use shared::domain::ids::sha256_hex_of;
use shared::error::chain;

use crate::activity::recorder::Recorded;
use crate::alarm::OutcomeCounter;
use crate::delivery::message::{Delivery, Failed, Received, SettleError, Settled};
use crate::delivery::retry::{Next, RetrySchedule};
use crate::failure::{Classification, Disposition, Failure, REDIS_OPERATION};
use crate::metrics as names;
use crate::pause::breaker::{FailureKind, Verdict};
use crate::pause::breakers::{Breakers, Failed as JudgedFailure};
use crate::pause::reason::PauseReason;
use crate::pause::redis_trouble::RedisTrouble;
use crate::pause::state::Pause;
use crate::pause::trace;
use crate::store::{FailedMessage, WaitingList, WaitingMessage};

/// The steps of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PipelineStep {
    /// The body becomes an event.
    Decode,
    /// The interaction is leased.
    Lease,
    /// The person is found.
    Match,
    /// The activity is written.
    Record,
}

impl PipelineStep {
    /// The name in headers and logs.
    fn as_str(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Lease => "lease",
            Self::Match => "match",
            Self::Record => "record",
        }
    }
}

/// The result of a message that needs no retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The activity; and, if it is recorded for the first time, when the interaction ended.
    Recorded(Recorded, Option<Timestamp>),
    /// Its event is recorded already.
    Duplicate,
    /// Nothing to record yet: the content of the event is stored for the events that follow.
    Remembered,
}

/// A failure and the step in which it happened.
#[derive(Debug)]
pub(crate) struct StepFailure {
    /// Step at which processing failed.
    pub at: PipelineStep,
    /// Failure of that step.
    pub failure: Failure,
}

/// Adds steps to failures.
pub(crate) trait During<T> {
    /// Adds the step to a failure.
    fn during(self, at: PipelineStep) -> Result<T, StepFailure>;
}

impl<T, E: Into<Failure>> During<T> for Result<T, E> {
    fn during(self, at: PipelineStep) -> Result<T, StepFailure> {
        self.map_err(|error| StepFailure {
            at,
            failure: error.into(),
        })
    }
}

/// Ends messages: acknowledges them, or publishes them to another queue before.
#[derive(Debug)]
pub struct Settlement {
    /// When a failed message is retried.
    pub schedule: RetrySchedule,
    /// Publishes to the retry and dead letter queues.
    pub publisher: Publisher,
    /// Counts outcomes for the alarm.
    pub outcomes: OutcomeCounter,
    /// Begins a pause where every other message would fail alike.
    pub pause: Pause,
    /// Decides whose fault a failure is.
    pub breakers: Breakers,
    /// List of the messages that wait, for `worker waiting`.
    pub waiting: WaitingList,
    /// Name of this worker in dead letters.
    pub worker: String,
}

impl Settlement {
    /// Counts and logs the outcome, and acknowledges the message.
    pub(crate) async fn finish(
        &self,
        message: Delivery<Settled>,
        outcome: Outcome,
        received: Timestamp,
    ) -> Result<(), SettleError> {
        self.outcomes.done();
        self.note_end(&message).await;
        self.note_passed(&message, matches!(outcome, Outcome::Recorded(..)))
            .await;
        let interaction = message.interaction();
        match outcome {
            Outcome::Duplicate => {
                count("duplicate");
                tracing::debug!(
                    "Interaction {interaction} is a duplicate: it is recorded, or a dead letter, already"
                );
            }
            Outcome::Remembered => {
                count("remembered");
                tracing::debug!(
                    "Interaction {interaction} has nothing to record yet: the content of the event is stored"
                );
            }
            Outcome::Recorded(recorded, ended_at) => {
                let envelope = message.envelope();
                // What was made from Genesys' record waits by design.
                if !envelope.is_reconciled {
                    let due = envelope.settling.after(received);
                    metrics::histogram!(names::RECEIPT_TO_RECORD).record(seconds_since(due));
                }
                note_recorded(interaction, recorded, ended_at);
            }
        }
        message.acknowledge().await
    }

    /// Returns a message to the backfill queue that came from a retry queue.
    pub(crate) async fn return_to_backfill(&self, message: Delivery<Received>) {
        let interaction = message.interaction().to_owned();
        let returned = message.failed().return_to_backfill(&self.publisher).await;
        if let Err(error) = returned {
            tracing::warn!(
                error = chain(&error),
                "Cannot return interaction {interaction} to {}: the broker delivers it again",
                topology::BACKFILL_QUEUE
            );
        }
    }

    /// Publishes a failed message to a retry queue or to the dead letter queue, and pauses consumption where every other
    /// message would fail alike.
    pub(crate) async fn divert(
        &self,
        message: Delivery<Failed>,
        failed: StepFailure,
    ) -> Result<(), SettleError> {
        let class = failed.failure.classify();
        if let Some(reason) = &class.pause {
            self.pause.begin(reason.clone());
        }
        if failed.failure.is_recorded() {
            self.note_passed(&message, true).await;
        }
        let attempts = message.envelope().attempts;
        let next = match class.disposition {
            Disposition::Judged(kind) => {
                let verdict = self.judge(&message, &failed, kind).await;
                self.schedule.judged(verdict, attempts)
            }
            Disposition::Retry | Disposition::Park(_) | Disposition::DeadLetter => {
                self.schedule.next(class.disposition, attempts)
            }
        };
        let is_parked = matches!(next, Next::Retry { attempts: after, .. } if after == attempts);
        if !is_parked {
            self.outcomes.failed(class.reason);
        }
        if matches!(failed.failure, Failure::LeaseLost) {
            metrics::counter!(names::LEASE_LOSSES).increment(1);
        }
        let letter_class = match next {
            Next::Retry { delay, attempts } => {
                return self.retry(message, &failed, &class, delay, attempts).await;
            }
            Next::Exhausted => "exhausted",
            Next::Permanent if class.is_poison => "poison",
            Next::Permanent => "permanent",
        };
        self.dead_letter(message, &failed, &class, letter_class)
            .await
    }

    /// What a message went through works, for others too.
    async fn note_passed<Stage>(&self, message: &Delivery<Stage>, is_recorded: bool) {
        let passed = trace::current().passed.into_iter();
        let passed = passed.chain(is_recorded.then_some(REDIS_OPERATION));
        let interaction = digest_of_interaction(message);
        self.breakers.passed(passed, &interaction).await;
    }

    /// Decides whose fault a failure is, by how other messages fared.
    async fn judge(
        &self,
        message: &Delivery<Failed>,
        failed: &StepFailure,
        kind: FailureKind,
    ) -> Verdict {
        let (trace, breaker) = (trace::current(), failed.failure.breaker());
        let operation = breaker
            .operation
            .or(trace.last)
            .unwrap_or("reach Pipedrive");
        let interaction = digest_of_interaction(message);
        // What it went through before it failed, works.
        let passed = trace.passed.into_iter().filter(|it| *it != operation);
        self.breakers.passed(passed, &interaction).await;
        let failure = JudgedFailure {
            message: FailedMessage {
                message: &digest(message),
                interaction: &interaction,
                begins_anew: message.envelope().is_replay,
            },
            operation,
            label: &breaker.label,
            kind,
            why: &failed.failure.detail(),
        };
        match self.breakers.judge(&failure).await {
            Ok(verdict) => verdict,
            Err(error) => {
                if let Some(trouble) = RedisTrouble::of(&error) {
                    self.pause.begin(PauseReason::Redis(trouble));
                }
                tracing::warn!(
                    error = chain(&error),
                    "Cannot decide whose fault a failure is: interaction {} waits",
                    message.interaction()
                );
                Verdict::SHORTLY
            }
        }
    }

    /// Takes a message that waited off the list of what waits.
    async fn note_end<Stage>(&self, message: &Delivery<Stage>) {
        if message.envelope().retry_since.is_some() {
            let removed = self.waiting.remove(&[digest(message)]).await;
            log_unlisted(&removed, message.interaction());
        }
    }

    /// Puts a message on the list of what waits.
    async fn note_wait(&self, message: &Delivery<Failed>, delay: &RetryDelay, retry: &Retry<'_>) {
        let wait = SignedDuration::try_from(delay.duration).unwrap_or(SignedDuration::MAX);
        let entry = WaitingMessage {
            interaction: message.interaction().to_owned(),
            event: message.envelope().event.clone(),
            reason: retry.reason.to_owned(),
            received: retry.received,
            since: retry.since,
            attempts: retry.attempts,
            queue: topology::retry_queue(delay),
            returns: clock::now().checked_add(wait).unwrap_or(Timestamp::MAX),
        };
        let added = self.waiting.add(&digest(message), &entry).await;
        log_unlisted(&added, message.interaction());
    }

    async fn retry(
        &self,
        message: Delivery<Failed>,
        failed: &StepFailure,
        class: &Classification,
        delay: &RetryDelay,
        attempts: u32,
    ) -> Result<(), SettleError> {
        let is_parked = attempts == message.envelope().attempts;
        let reason = class.reason;
        count(if is_parked { "parked" } else { "retried" });
        if is_parked {
            metrics::counter!(names::PARKS, "reason" => reason).increment(1);
        }
        metrics::counter!(names::RETRIES, "delay" => delay.name().to_owned(), "reason" => reason)
            .increment(1);
        let (interaction, name) = (message.interaction(), delay.name());
        let what = if is_parked {
            format!("Interaction {interaction} waits {name} without counting an attempt: {reason}")
        } else {
            format!("Retry {attempts} of interaction {interaction} in {name}: {reason}")
        };
        tracing::info!(
            reason,
            delay = name,
            step = failed.at.as_str(),
            error = chain(&failed.failure),
            "{what}"
        );
        let envelope = message.envelope();
        let mut settling = envelope.settling;
        if let Failure::Settling { is_end_known, .. } = failed.failure {
            settling = settling.and(delay.duration, is_end_known);
        }
        let headers = Retry {
            attempts,
            since: envelope.retry_since.unwrap_or_else(clock::now),
            received: message.received_at(),
            reason,
            deferred: envelope.deferred || matches!(failed.failure, Failure::Deferred),
            settling,
            failed_deliveries: envelope.failed_deliveries,
        };
        self.note_wait(&message, delay, &headers).await;
        let properties = message::retry_properties(message.properties(), &headers);
        message.retry(&self.publisher, delay, properties).await
    }

    async fn dead_letter(
        &self,
        message: Delivery<Failed>,
        failed: &StepFailure,
        class: &Classification,
        letter_class: &'static str,
    ) -> Result<(), SettleError> {
        count("dead_lettered");
        self.note_end(&message).await;
        metrics::counter!(names::DEAD_LETTERS, "class" => letter_class, "reason" => class.reason)
            .increment(1);
        let detail = chain(&failed.failure);
        tracing::error!(
            class = letter_class,
            reason = class.reason,
            step = failed.at.as_str(),
            error = detail,
            "Interaction {} moves to the dead letter queue ({letter_class}): {detail}",
            message.interaction()
        );
        let letter = DeadLetter {
            class: letter_class,
            reason: class.reason,
            detail,
            step: failed.at.as_str(),
            http_status: class.http_status,
            attempts: message.envelope().attempts + 1,
            at: clock::now(),
            worker: &self.worker,
        };
        let properties = message::dead_letter_properties(message.properties(), &letter);
        message.dead_letter(&self.publisher, properties).await
    }
}

/// Counts and logs a record.
pub(crate) fn note_recorded(interaction: &str, recorded: Recorded, ended_at: Option<Timestamp>) {
    count(recorded.label());
    if let Some(ended_at) = ended_at {
        metrics::histogram!(names::END_TO_RECORD).record(seconds_since(ended_at));
    }
    let (id, outcome) = (recorded.id(), recorded.label());
    tracing::info!(
        activity.id = %id,
        outcome,
        "Recorded as activity {id} ({outcome}): interaction {interaction}"
    );
}

/// What names a message in Redis.
fn digest<Stage>(message: &Delivery<Stage>) -> String {
    sha256_hex_of(message.body())
}

/// What names its interaction there.
fn digest_of_interaction<Stage>(message: &Delivery<Stage>) -> String {
    match message.interaction_id() {
        Some(id) => sha256_hex_of(id.as_bytes()),
        None => digest(message),
    }
}

fn log_unlisted(written: &RedisResult<()>, interaction: &str) {
    if let Err(error) = written {
        tracing::debug!(
            error = chain(error),
            "Cannot change the list of what waits for interaction {interaction}: it is listed late, or too long"
        );
    }
}

fn count(outcome: &'static str) {
    metrics::counter!(names::MESSAGES, "outcome" => outcome).increment(1);
}

/// Seconds since `moment`; 0 where it lies ahead.
pub(crate) fn seconds_since(moment: Timestamp) -> f64 {
    clock::now().duration_since(moment).as_secs_f64().max(0.0)
}
