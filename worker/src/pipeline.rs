//! The way of one message: decode → lease → match → record → settle.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use shared::backoff;
use shared::broker::Publisher;
use shared::broker::message::{self, DeadLetter, Retry};
use shared::clock;
use shared::config::RetryDelay;
use shared::domain::interaction::{Interaction, Stage};
use shared::domain::phone::{Party, Reader};
use shared::error::chain;
use shared::fail_point::{self, FailPoint};

use crate::activity::recorder::{Recorded, Recorder};
use crate::alarm::OutcomeCounter;
use crate::delivery::decode::{Event, decode};
use crate::delivery::message::{Decoded, Delivery, Failed, Leased, Received, SettleError, Settled};
use crate::delivery::poison::PoisonGuard;
use crate::delivery::retry::{Next, RetrySchedule};
use crate::effect::timing::surely_before;
use crate::failure::{Classification, Disposition, Failure};
use crate::metrics as names;
use crate::pause::state::Pause;
use crate::person::customer::find_people;
use crate::person::finder::PersonFinder;
use crate::store::{Claim, ClaimRequest, Effect, Epoch, InteractionStore, Lease, Progress};

/// Number and first length of the waits for an interaction that another delivery works on: the events of one
/// interaction arrive together.
const BUSY_TRIES: usize = 5;
const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// Processes messages; each call processes one.
#[derive(Debug)]
pub struct Pipeline {
    /// Isolates messages that may kill the worker.
    pub poison_guard: PoisonGuard,
    /// Leases and progress of interactions.
    pub interactions: InteractionStore,
    /// Finds the people of an interaction.
    pub(crate) finder: PersonFinder,
    /// Writes the activity.
    pub recorder: Recorder,
    /// Reads the numbers of events.
    pub reader: Reader,
    /// Whether calls between colleagues are recorded.
    pub records_internal_calls: bool,
    /// When a failed message is retried.
    pub schedule: RetrySchedule,
    /// Publishes to the retry and dead letter queues.
    pub publisher: Publisher,
    /// Counts outcomes for the alarm.
    pub outcomes: OutcomeCounter,
    /// Begins a pause where every other message would fail alike.
    pub pause: Pause,
    /// Name of this worker in dead letters.
    pub worker: String,
}

/// The steps of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PipelineStep {
    Decode,
    Lease,
    Match,
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
enum Outcome {
    /// The activity; and, if it is recorded for the first time, when the interaction ended.
    Recorded(Recorded, Option<Timestamp>),
    Duplicate,
    /// Nothing to record yet: the content of the event is stored for the events that follow.
    Remembered,
}

/// A failure and the step in which it happened.
#[derive(Debug)]
struct StepFailure {
    at: PipelineStep,
    failure: Failure,
}

/// A message at the end of the pipeline.
enum Ended {
    Settled(Delivery<Settled>, Outcome),
    Failed(Delivery<Failed>, StepFailure),
}

trait During<T> {
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

impl Pipeline {
    /// Processes a message to its end: recorded and acknowledged, or published to a retry queue or the dead letter queue.
    #[tracing::instrument(name = "worker.process", skip_all, fields(
        interaction.id = tracing::field::Empty,
        event = message.envelope().event,
        attempt = message.envelope().attempts + 1,
        traceparent = message.envelope().traceparent,
    ))]
    pub(crate) async fn process(&self, message: Delivery<Received>) {
        let begun = clock::now();
        let received = message.received_at();
        if !message.was_seen_before() {
            self.outcomes.begun(received);
        }
        let id = message.interaction().to_owned();
        let acknowledged = match self.run_guarded(message).await {
            Ended::Settled(message, outcome) => self.finish(message, outcome, received).await,
            Ended::Failed(message, failed) => self.divert(message, failed).await,
        };
        if let Err(error) = acknowledged {
            tracing::warn!(
                error = chain(&error),
                "Cannot acknowledge interaction {id}: the broker delivers it again"
            );
        }
        metrics::histogram!(names::PROCESSING).record(seconds_since(begun));
    }

    /// Runs the steps under a permit of the poison guard.
    async fn run_guarded(&self, message: Delivery<Received>) -> Ended {
        let entered = self.poison_guard.enter(&message).await;
        let permit = match entered.during(PipelineStep::Decode) {
            Ok(permit) => permit,
            Err(failed) => return Ended::Failed(message.failed(), failed),
        };
        let ended = self.run(message).await;
        let was_tried =
            !matches!(&ended, Ended::Failed(_, failed) if matches!(failed.failure, Failure::Busy));
        let left = self.poison_guard.leave(permit, was_tried).await;
        match (left.during(PipelineStep::Decode), ended) {
            (Ok(()), ended) => ended,
            (Err(failed), Ended::Failed(message, _)) => Ended::Failed(message, failed),
            (Err(failed), Ended::Settled(message, _)) => Ended::Failed(message.failed(), failed),
        }
    }

    async fn run(&self, message: Delivery<Received>) -> Ended {
        let decoding = async {
            fail_point::reach(FailPoint::Delivered).await;
            let (envelope, body) = (message.envelope(), message.body());
            decode(envelope, body, message.received_at()).during(PipelineStep::Decode)
        };
        let message = match without_panic(decoding).await {
            Ok(event) => message.decoded(event),
            Err(failed) => return Ended::Failed(message.failed(), failed),
        };
        tracing::Span::current().record("interaction.id", message.event().interaction.as_str());
        let leasing = async { self.lease(&message).await.during(PipelineStep::Lease) };
        match without_panic(leasing).await {
            Ok(Some((lease, progress))) => self.record(message.leased(lease, progress)).await,
            Ok(None) => Ended::Settled(message.duplicate(), Outcome::Duplicate),
            Err(failed) => Ended::Failed(message.failed(), failed),
        }
    }

    /// Writes the activity, then marks the event as recorded.
    async fn record(&self, mut message: Delivery<Leased>) -> Ended {
        let working = async {
            fail_point::reach_with(FailPoint::Claimed, message.event().interaction.as_str()).await;
            let outcome = self.work(&mut message).await?;
            if matches!(outcome, Outcome::Recorded(..)) {
                fail_point::reach(FailPoint::ActivityAnswered).await;
            }
            Ok(outcome)
        };
        let (recorded, ended) = match without_panic(working).await {
            Ok(Outcome::Recorded(recorded, ended)) => (recorded, ended),
            Ok(outcome @ (Outcome::Duplicate | Outcome::Remembered)) => {
                return Ended::Settled(message.leave_unrecorded().await, outcome);
            }
            Err(failed) => return Ended::Failed(message.release().await, failed),
        };
        match message.complete(recorded.id()).await {
            Ok(message) => {
                fail_point::reach(FailPoint::Completed).await;
                Ended::Settled(message, Outcome::Recorded(recorded, ended))
            }
            Err((message, failure)) => {
                let at = PipelineStep::Record;
                Ended::Failed(message, StepFailure { at, failure })
            }
        }
    }

    async fn work(&self, message: &mut Delivery<Leased>) -> Result<Outcome, StepFailure> {
        let was_seen_before = message.was_seen_before();
        let (event, lease, progress) = message.parts();
        if progress.was_recorded_under_another_key(&event.interaction, &event.key) {
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
        wait_for_the_enriched(was_seen_before, event, progress).during(PipelineStep::Lease)?;
        let party = self.reader.read(interaction.number.as_deref()).party;
        let (finder, reader) = (&self.finder, &self.reader);
        let finding = find_people(finder, reader, &interaction, &party, (lease, progress));
        let attachment = finding.await.during(PipelineStep::Match)?;
        fail_point::reach(FailPoint::Matched).await;
        // An activity that is found after a lost answer is recorded for the first time, too.
        let is_first = !matches!(progress.activity, Effect::Done(_));
        let recorded = self
            .recorder
            .record(lease, progress, &interaction, &party, &attachment)
            .await
            .during(PipelineStep::Record)?;
        let ended = is_first.then(|| ended(&interaction));
        Ok(Outcome::Recorded(recorded, ended))
    }

    /// Whether the known events make a record: not a leg that was transferred, which another event follows, and not a call
    /// between colleagues, unless those are recorded.
    fn is_to_be_recorded(&self, interaction: &Interaction) -> bool {
        interaction.stage != Stage::HandedOn
            && (self.records_internal_calls || !interaction.is_internal)
    }

    /// Claims the interaction; nothing for a duplicate.
    async fn lease(
        &self,
        message: &Delivery<Decoded>,
    ) -> Result<Option<(Lease, Box<Progress>)>, Failure> {
        let event = message.event();
        let epoch = self.interactions.epoch()?;
        let owner = InteractionStore::new_owner();
        let request = ClaimRequest {
            interaction: &event.interaction,
            event: &event.key,
            facts: &event.facts,
            epoch: &epoch,
            is_surely_new: is_surely_new(message, &epoch),
            owner: &owner,
        };
        fail_point::reach_with(FailPoint::ClaimWeighed, event.interaction.as_str()).await;
        // A suspect is processed alone, while the others wait: it does not wait for a lease.
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

    /// Counts and logs the outcome, and acknowledges the message.
    async fn finish(
        &self,
        message: Delivery<Settled>,
        outcome: Outcome,
        received: Timestamp,
    ) -> Result<(), SettleError> {
        self.outcomes.done();
        let interaction = message.interaction();
        match outcome {
            Outcome::Duplicate => {
                count("duplicate");
                tracing::debug!(
                    "Interaction {interaction} is a duplicate: the event is recorded already"
                );
            }
            Outcome::Remembered => {
                count("remembered");
                tracing::debug!(
                    "Interaction {interaction} has nothing to record yet: the content of the event is stored"
                );
            }
            Outcome::Recorded(recorded, ended) => {
                count(recorded.label());
                metrics::histogram!(names::RECEIPT_TO_RECORD).record(seconds_since(received));
                if let Some(ended) = ended {
                    metrics::histogram!(names::END_TO_RECORD).record(seconds_since(ended));
                }
                let (id, outcome) = (recorded.id(), recorded.label());
                tracing::info!(
                    activity.id = %id,
                    outcome,
                    "Recorded as activity {id} ({outcome}): interaction {interaction}"
                );
            }
        }
        message.acknowledge().await
    }

    /// Publishes a failed message to a retry queue or to the dead letter queue, and pauses consumption where every other
    /// message would fail alike.
    async fn divert(
        &self,
        message: Delivery<Failed>,
        failed: StepFailure,
    ) -> Result<(), SettleError> {
        let class = failed.failure.classify();
        if let Some(reason) = class.pause {
            self.pause.begin(reason);
        }
        if !matches!(class.disposition, Disposition::Park(_)) {
            self.outcomes.failed(class.reason);
        }
        if matches!(failed.failure, Failure::LeaseLost) {
            metrics::counter!(names::LEASE_LOSSES).increment(1);
        }
        let letter_class = match self
            .schedule
            .next(class.disposition, message.envelope().attempts)
        {
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

    async fn retry(
        &self,
        message: Delivery<Failed>,
        failed: &StepFailure,
        class: &Classification,
        delay: &RetryDelay,
        attempts: u32,
    ) -> Result<(), SettleError> {
        let is_parked = matches!(class.disposition, Disposition::Park(_));
        let reason = class.reason;
        count(if is_parked { "parked" } else { "retried" });
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
        let headers = Retry {
            attempts,
            since: envelope.retry_since.unwrap_or_else(clock::now),
            reason,
            deferred: envelope.deferred || matches!(failed.failure, Failure::Deferred),
            failed_deliveries: envelope.failed_deliveries,
        };
        let properties = message::retry(message.properties(), &headers);
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
        let properties = message::dead_letter(message.properties(), &letter);
        message.dead_letter(&self.publisher, properties).await
    }
}

/// Turns a panic into a failure: a panic over one message must not end the others, nor leave this one unsettled or in the
/// poison guard.
async fn without_panic<T>(
    step: impl Future<Output = Result<T, StepFailure>>,
) -> Result<T, StepFailure> {
    let outcome = AssertUnwindSafe(step).catch_unwind().await;
    outcome.unwrap_or(Err(StepFailure {
        at: PipelineStep::Record,
        failure: Failure::Panicked,
    }))
}

/// An event that only adds to others waits once, for the shortest delay, for one of those to create the activity: they
/// arrive together, in any order, and one create is cheaper than a create and an update. If none arrives, it creates the
/// activity itself.
fn wait_for_the_enriched(
    was_seen_before: bool,
    event: &Event,
    progress: &Progress,
) -> Result<(), Failure> {
    let is_alone = progress.activity == Effect::NotTried
        && progress.facts.values().all(|facts| facts.kind.enriches());
    if event.kind.enriches() && !was_seen_before && is_alone {
        Err(Failure::Deferred)
    } else {
        Ok(())
    }
}

/// Whether the message itself proves that the interaction cannot be recorded without this Redis knowing.
fn is_surely_new(message: &Delivery<Decoded>, epoch: &Epoch) -> bool {
    !message.may_be_recorded() && surely_before(message.event().facts.earliest()) >= epoch.since
}

/// When an interaction ended, as far as its events say.
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
