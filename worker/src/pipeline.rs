//! decode → lease → match → record → settle.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use shared::broker::Publisher;
use shared::broker::message::{self, DeadLetter, Retry};
use shared::clock;
use shared::domain::interaction::{Interaction, Stage};
use shared::domain::phone::{Party, Reader};
use shared::fail_point::{self, FailPoint};

use crate::activity::recorder::{Recorded, Recorder};
use crate::alarm::OutcomeCounter;
use shared::backoff;
use shared::error::chain;

use crate::delivery::failure::{Failure, PipelineStep};
use crate::delivery::message::{Decoded, Inbound, SettleError};
use crate::delivery::poison::PoisonGuard;
use crate::delivery::retry::{Disposition, Next, RetrySchedule};
use crate::effect::timing::surely_before;
use crate::metrics as names;
use crate::pause::state::Pause;
use crate::person::attachment::Attachment;
use crate::person::finder::{PersonFinder, WhenUnknown};
use crate::store::{Claim, ClaimRequest, Effect, Epoch, InteractionStore, Lease, Progress};

/// How often, and first for how long, an interaction is waited for that another delivery works on: the events of one
/// interaction come together.
const BUSY_TRIES: usize = 5;
const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// Processes messages, one at a time each.
#[derive(Debug)]
pub struct Pipeline {
    /// Isolates what may kill us.
    pub poison_guard: PoisonGuard,
    /// Who worked on what.
    pub interactions: InteractionStore,
    /// Who has which number.
    pub finder: PersonFinder,
    /// Writes the activity.
    pub recorder: Recorder,
    /// How numbers of events are read.
    pub reader: Reader,
    /// Whether calls between colleagues are recorded.
    pub records_internal_calls: bool,
    /// When a failed message is tried again.
    pub schedule: RetrySchedule,
    /// To the retry and dead letter queues.
    pub publisher: Publisher,
    /// What became of messages, for the alarm.
    pub outcomes: OutcomeCounter,
    /// Closed where every other message would fail alike.
    pub pause: Pause,
    /// Our name in dead letters.
    pub worker: String,
}

/// How a message ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// The activity; and, if it is the first time, when the interaction ended.
    Recorded(Recorded, Option<Timestamp>),
    Duplicate,
    /// Nothing to record yet: its facts are kept for the events that follow.
    Remembered,
}

/// A failure and the step in which it happened.
#[derive(Debug)]
struct Failed {
    at: PipelineStep,
    failure: Failure,
}

trait During<T> {
    /// Says in which step a failure happened.
    fn during(self, at: PipelineStep) -> Result<T, Failed>;
}

impl<T, E: Into<Failure>> During<T> for Result<T, E> {
    fn during(self, at: PipelineStep) -> Result<T, Failed> {
        self.map_err(|error| Failed {
            at,
            failure: error.into(),
        })
    }
}

impl Pipeline {
    /// Takes a message to its end: recorded and acknowledged, or on its way to a retry queue or the dead letter queue.
    #[tracing::instrument(name = "worker.process", skip_all, fields(
        interaction.id = tracing::field::Empty,
        event = message.envelope.event,
        attempt = message.envelope.attempts + 1,
        traceparent = message.envelope.traceparent,
    ))]
    pub async fn process(&self, message: Inbound) {
        let begun = clock::now();
        if !message.was_seen_before() {
            self.outcomes.begun(message.received_at());
        }
        let outcome = self.run_guarded(&message).await;
        let received = message.received_at();
        let settled = match outcome {
            Ok(outcome) => self.complete(message, outcome, received).await,
            Err(failed) => self.divert(message, failed).await,
        };
        if let Err(error) = settled {
            tracing::warn!(
                error = chain(&error),
                "The message comes again: it could not be settled"
            );
        }
        metrics::histogram!(names::PROCESSING).record(seconds_since(begun));
    }

    async fn run_guarded(&self, message: &Inbound) -> Result<Outcome, Failed> {
        let pass = self
            .poison_guard
            .enter(message)
            .await
            .during(PipelineStep::Decode)?;
        // A panic over one message must not end the others, nor leave this one unsettled, nor in poison_guard.
        let running = AssertUnwindSafe(self.run(message)).catch_unwind().await;
        let outcome = running.unwrap_or(Err(Failed {
            at: PipelineStep::Record,
            failure: Failure::Panicked,
        }));
        let was_tried = !matches!(&outcome, Err(failed) if matches!(failed.failure, Failure::Busy));
        self.poison_guard
            .leave(pass, was_tried)
            .await
            .during(PipelineStep::Decode)?;
        outcome
    }

    async fn run(&self, message: &Inbound) -> Result<Outcome, Failed> {
        fail_point::reach(FailPoint::Delivered).await;
        let event = message.decode().during(PipelineStep::Decode)?;
        tracing::Span::current().record("interaction.id", event.interaction.as_str());
        let Some((lease, mut progress)) = self
            .lease(message, &event)
            .await
            .during(PipelineStep::Lease)?
        else {
            return Ok(Outcome::Duplicate);
        };
        fail_point::reach_with(FailPoint::Claimed, event.interaction.as_str()).await;
        let worked = self.work(message, &event, &lease, &mut progress).await;
        match &worked {
            Ok(Outcome::Recorded(recorded, _)) => {
                fail_point::reach(FailPoint::ActivityAnswered).await;
                lease
                    .complete(&progress, recorded.id())
                    .await
                    .during(PipelineStep::Record)?;
                fail_point::reach(FailPoint::Completed).await;
            }
            Ok(Outcome::Duplicate | Outcome::Remembered) | Err(_) => {
                // It would expire by itself; giving it back spares the next delivery the wait.
                if let Err(error) = lease.release().await {
                    tracing::debug!(error = chain(&error), "The lease is left to expire");
                }
            }
        }
        worked
    }

    async fn work(
        &self,
        message: &Inbound,
        event: &Decoded,
        lease: &Lease,
        progress: &mut Progress,
    ) -> Result<Outcome, Failed> {
        if progress.was_recorded_under_another_key(&event.interaction, &event.event) {
            return Ok(Outcome::Duplicate);
        }
        let is_own = |number: &str| {
            let party = self.reader.read(Some(number)).party;
            matches!(party, Party::Own | Party::Internal)
        };
        let interaction = Interaction::merge(&event.interaction, &progress.facts, &is_own)
            .expect("the event's own facts are there");
        if progress.activity == Effect::NotTried && !self.is_to_be_recorded(&interaction) {
            return Ok(Outcome::Remembered);
        }
        wait_for_the_enriched(message, event, progress).during(PipelineStep::Lease)?;
        let party = self.reader.read(interaction.number.as_deref()).party;
        let attachment = self
            .match_person(&interaction, &party, progress)
            .await
            .during(PipelineStep::Match)?;
        fail_point::reach(FailPoint::Matched).await;
        // Found after a lost answer is recorded for the first time, too.
        let is_first = !matches!(progress.activity, Effect::Done(_));
        let recorded = self
            .recorder
            .record(lease, progress, &interaction, &party, &attachment)
            .await
            .during(PipelineStep::Record)?;
        Ok(Outcome::Recorded(
            recorded,
            is_first.then(|| ended(&interaction)),
        ))
    }

    /// Whether what is known makes a record: not a leg that was handed on, after which another event comes, and no call
    /// between colleagues, unless those are wanted.
    fn is_to_be_recorded(&self, interaction: &Interaction) -> bool {
        interaction.stage != Stage::HandedOn
            && (self.records_internal_calls || !interaction.is_internal)
    }

    /// Claims the interaction; nothing for a duplicate.
    async fn lease(
        &self,
        message: &Inbound,
        event: &Decoded,
    ) -> Result<Option<(Lease, Box<Progress>)>, Failure> {
        let epoch = self.interactions.epoch()?;
        let owner = InteractionStore::new_owner();
        let request = ClaimRequest {
            interaction: &event.interaction,
            event: &event.event,
            facts: &event.facts,
            epoch: &epoch,
            is_surely_new: is_surely_new(message, event, &epoch),
            owner: &owner,
        };
        fail_point::reach_with(FailPoint::ClaimWeighed, event.interaction.as_str()).await;
        // A suspect keeps the others waiting: it does not wait itself.
        let tries = if message.is_suspect() { 0 } else { BUSY_TRIES };
        let mut pauses = backoff::pauses(BUSY_PAUSE, tries);
        loop {
            match self.interactions.claim(&request).await? {
                Claim::Granted(lease, progress) => return Ok(Some((lease, progress))),
                Claim::Duplicate => return Ok(None),
                Claim::EpochChanged => return Err(Failure::EpochChanged),
                Claim::Newer(schema) => {
                    let what = "record in Redis";
                    return Err(Failure::NewerSchema { what, schema });
                }
                Claim::Busy => match pauses.next() {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(Failure::Busy),
                },
            }
        }
    }

    /// Whom the interaction belongs to. An answer that was found for the same number before is kept.
    async fn match_person(
        &self,
        interaction: &Interaction,
        party: &Party,
        progress: &mut Progress,
    ) -> Result<Attachment, Failure> {
        let Some(number) = party.number() else {
            progress.number = None;
            return Ok(Attachment::Nobody);
        };
        if let Some(person) = progress
            .person
            .filter(|_| progress.number.as_deref() == Some(number.as_str()))
        {
            return Ok(Attachment::Person(person));
        }
        progress.number = Some(number.as_str().to_owned());
        let owner = InteractionStore::new_owner();
        let when_unknown = match party {
            Party::Number(_) if interaction.may_create => WhenUnknown::Create {
                name: interaction.customer.as_deref(),
            },
            _ => WhenUnknown::Leave,
        };
        self.finder.find(number, when_unknown, &owner).await
    }

    async fn complete(
        &self,
        message: Inbound,
        outcome: Outcome,
        received: Timestamp,
    ) -> Result<(), SettleError> {
        self.outcomes.done();
        match outcome {
            Outcome::Duplicate => {
                count("duplicate");
                tracing::debug!("Duplicate; nothing to do");
            }
            Outcome::Remembered => {
                count("remembered");
                tracing::debug!("Nothing to record yet; what the event says is kept");
            }
            Outcome::Recorded(recorded, ended) => {
                count(recorded.label());
                metrics::histogram!(names::RECEIPT_TO_RECORD).record(seconds_since(received));
                if let Some(ended) = ended {
                    metrics::histogram!(names::END_TO_RECORD).record(seconds_since(ended));
                }
                let id = recorded.id();
                tracing::info!(activity.id = %id, outcome = recorded.label(), "Recorded as activity {id}");
            }
        }
        message.ack().await
    }

    /// To a retry queue or to the dead letter queue.
    async fn divert(&self, message: Inbound, failed: Failed) -> Result<(), SettleError> {
        let Failed { at, failure } = failed;
        let class = failure.classify();
        if let Some(reason) = class.pause {
            self.pause.begin(reason);
        }
        let now = clock::now();
        let (reason, disposition) = (class.reason, class.disposition);
        let is_parked = matches!(disposition, Disposition::Park(_));
        if !is_parked {
            self.outcomes.failed(reason);
        }
        if matches!(failure, Failure::LeaseLost) {
            metrics::counter!(names::LEASE_LOSSES).increment(1);
        }
        let attempts = message.envelope.attempts;
        let since = message.envelope.retry_since.unwrap_or(now);
        let letter_class = match self.schedule.next(disposition, attempts) {
            Next::Retry { delay, attempts } => {
                count(if is_parked { "parked" } else { "retried" });
                metrics::counter!(names::RETRIES, "delay" => delay.name().to_owned(), "reason" => reason)
                    .increment(1);
                tracing::info!(
                    reason,
                    delay = delay.name(),
                    step = at.as_str(),
                    error = chain(&failure),
                    "Tried again later"
                );
                let deferred = message.envelope.deferred || matches!(failure, Failure::Deferred);
                let headers = Retry {
                    attempts,
                    since,
                    reason,
                    deferred,
                    failed_deliveries: message.envelope.failed_deliveries,
                };
                let properties = message::retry(message.properties(), &headers);
                return message.retry(&self.publisher, delay, properties).await;
            }
            Next::Exhausted => "exhausted",
            Next::Permanent if class.is_poison => "poison",
            Next::Permanent => "permanent",
        };
        count("dead_lettered");
        metrics::counter!(names::DEAD_LETTERS, "class" => letter_class, "reason" => reason)
            .increment(1);
        let detail = chain(&failure);
        tracing::error!(
            class = letter_class,
            reason,
            step = at.as_str(),
            error = detail,
            "Dead-lettered"
        );
        let letter = DeadLetter {
            class: letter_class,
            reason,
            detail,
            step: at.as_str(),
            http_status: class.http_status,
            attempts: attempts + 1,
            at: now,
            worker: &self.worker,
        };
        let properties = message::dead_letter(message.properties(), &letter);
        message.dead_letter(&self.publisher, properties).await
    }
}

/// An event that only adds to others waits once, for the shortest delay, for one of those to create the record: they
/// come together, in any order, and one create is cheaper than a create and an update. If none comes, it creates itself.
fn wait_for_the_enriched(
    message: &Inbound,
    event: &Decoded,
    progress: &Progress,
) -> Result<(), Failure> {
    let is_first_try = !message.was_seen_before();
    let is_alone = progress.activity == Effect::NotTried
        && progress.facts.values().all(|facts| facts.kind.enriches());
    if event.kind.enriches() && is_first_try && is_alone {
        Err(Failure::Deferred)
    } else {
        Ok(())
    }
}

/// Whether, by the message's own evidence, nobody can have recorded the interaction without this Redis knowing.
fn is_surely_new(message: &Inbound, event: &Decoded, epoch: &Epoch) -> bool {
    !message.may_be_recorded() && surely_before(event.facts.earliest()) >= epoch.since
}

/// When an interaction ended, as far as that was told.
fn ended(interaction: &Interaction) -> Timestamp {
    let lasted = i64::try_from(interaction.duration_ms.unwrap_or(0)).unwrap_or(i64::MAX);
    let started = interaction.started;
    started
        .checked_add(SignedDuration::from_millis(lasted))
        .unwrap_or(started)
}

fn count(outcome: &'static str) {
    metrics::counter!(names::MESSAGES, "outcome" => outcome).increment(1);
}

fn seconds_since(moment: Timestamp) -> f64 {
    clock::now().duration_since(moment).as_secs_f64().max(0.0)
}
