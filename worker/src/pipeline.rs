//! The way of one message: decode → lease → match → record → settle.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use shared::domain::interaction::Interaction;
use shared::domain::phone::{Party, Reader};
use shared::error::chain;
use shared::fail_point::{self, FailPoint};
use shared::{backoff, clock};

use crate::activity::recorder::Recorder;
use crate::delivery::decode::decode;
use crate::delivery::message::{Decoded, Delivery, Failed, Leased, Received, Settled};
use crate::delivery::poison::PoisonGuard;
use crate::delivery::settling::{Due, SettlePolicy, Waits};
use crate::effect::timing::surely_before;
use crate::enrichment::{Enriched, Enrichment};
use crate::failure::Failure;
use crate::metrics as names;
use crate::pause::trace::{self, traced};
use crate::person::customer::find_people;
use crate::person::finder::PersonFinder;
use crate::settlement::{
    During, Outcome, PipelineStep, Settlement, StepFailure, note_recorded, seconds_since,
};
use crate::store::{
    Claim, ClaimRequest, Effect, Epoch, InteractionStore, Lease, Progress, RefusedBodies,
};

/// Number and first length of the waits for an interaction that another delivery works on: the events of one
/// interaction arrive together. Doubling from 50 ms, five waits last about 1.5 s, as long as a few requests to Pipedrive:
/// most leases end by then, and a wait here is shorter than the shortest retry queue's.
const BUSY_TRIES: usize = 5;
const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// Processes messages; each call processes one.
#[derive(Debug)]
pub struct Pipeline {
    /// Isolates messages that may kill the worker.
    pub poison_guard: PoisonGuard,
    /// Bodies that `ingest` refused, and that are dead letters.
    pub(crate) refused: RefusedBodies,
    /// Leases and progress of interactions.
    pub interactions: InteractionStore,
    /// Completes interactions from Genesys.
    pub(crate) enrichment: Enrichment,
    /// Finds the people of an interaction.
    pub(crate) finder: PersonFinder,
    /// Creates or updates the activity.
    pub recorder: Recorder,
    /// Reads the numbers of events.
    pub reader: Reader,
    /// When an interaction is recorded.
    pub settle_policy: SettlePolicy,
    /// Ends the messages: acknowledged, or published to another queue.
    pub settlement: Settlement,
}

/// Whether a message that was processed says something of Pipedrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Processed {
    /// It was settled, or did not come as far as a request.
    Silently,
    /// It failed after a request to Pipedrive was begun, or in a way that other messages may share.
    InVain,
}

/// A message at the end of the pipeline.
enum Ended {
    Settled(Delivery<Settled>, Outcome),
    Failed(Delivery<Failed>, StepFailure),
}

impl Pipeline {
    /// Processes a message to its end: recorded and acknowledged, or published to a retry queue or the dead letter queue.
    #[tracing::instrument(name = "worker.process", skip_all, fields(
        interaction.id = tracing::field::Empty,
        event = message.envelope().event,
        attempt = message.envelope().attempts + 1,
        traceparent = message.envelope().traceparent,
    ))]
    pub(crate) async fn process(&self, message: Delivery<Received>) -> Processed {
        // On the heap: it is large, and so would be every task that holds it.
        Box::pin(traced(self.process_traced(message))).await
    }

    async fn process_traced(&self, message: Delivery<Received>) -> Processed {
        let begun = clock::now();
        let received = message.received_at();
        if !message.was_tried_before() && !message.envelope().is_reconciled {
            self.settlement.outcomes.begun(received);
        }
        let id = message.interaction().to_owned();
        let mut processed = Processed::Silently;
        let acknowledged = match self.run_guarded(message).await {
            Ended::Settled(message, outcome) => {
                self.settlement.finish(message, outcome, received).await
            }
            Ended::Failed(message, failed) => {
                let is_judged = failed.failure.classify().is_judged();
                let has_asked = trace::current().last.is_some();
                if is_judged || has_asked && !failed.failure.is_recorded() {
                    processed = Processed::InVain;
                }
                self.settlement.divert(message, failed).await
            }
        };
        if let Err(error) = acknowledged {
            tracing::warn!(
                error = chain(&error),
                "Cannot acknowledge interaction {id}: the broker delivers it again"
            );
        }
        metrics::histogram!(names::PROCESSING).record(seconds_since(begun));
        processed
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
        let message = match without_panic(PipelineStep::Decode, decoding).await {
            Ok(event) => message.decoded(event),
            Err(failed) => return self.end_undecoded(message, failed).await,
        };
        tracing::Span::current().record("interaction.id", message.event().interaction.as_str());
        let leasing = async { self.lease(&message).await.during(PipelineStep::Lease) };
        match without_panic(PipelineStep::Lease, leasing).await {
            Ok(Some((lease, progress))) => {
                self.record_and_complete(message.leased(lease, progress))
                    .await
            }
            Ok(None) => Ended::Settled(message.duplicate(), Outcome::Duplicate),
            Err(failed) => Ended::Failed(message.failed(), failed),
        }
    }

    /// Ends a message that was not decoded. Of those that `ingest` refused, one of each body becomes a dead letter.
    async fn end_undecoded(&self, message: Delivery<Received>, failed: StepFailure) -> Ended {
        let was_refused = message.envelope().refused.is_some();
        if !was_refused || !matches!(failed.failure, Failure::Unrecognised(_)) {
            return Ended::Failed(message.failed(), failed);
        }
        let claimed = self.refused.claim(message.body(), message.envelope()).await;
        match claimed.during(PipelineStep::Decode) {
            Ok(true) => Ended::Failed(message.failed(), failed),
            Ok(false) => Ended::Settled(message.duplicate(), Outcome::Duplicate),
            Err(failed) => Ended::Failed(message.failed(), failed),
        }
    }

    /// Writes the activity, then marks the event as recorded.
    async fn record_and_complete(&self, mut message: Delivery<Leased>) -> Ended {
        let working = async {
            fail_point::reach_with(FailPoint::Claimed, message.event().interaction.as_str()).await;
            self.match_and_record(&mut message).await
        };
        let (recorded, ended_at) = match without_panic(PipelineStep::Match, working).await {
            Ok(Outcome::Recorded(recorded, ended_at)) => (recorded, ended_at),
            Ok(outcome @ (Outcome::Duplicate | Outcome::Remembered)) => {
                return Ended::Settled(message.leave_unrecorded().await, outcome);
            }
            Err(failed) => return Ended::Failed(message.release().await, failed),
        };
        match message.complete(recorded.id()).await {
            Ok(message) => {
                fail_point::reach(FailPoint::Completed).await;
                Ended::Settled(message, Outcome::Recorded(recorded, ended_at))
            }
            Err((message, failure)) => {
                let at = PipelineStep::Record;
                Ended::Failed(message, StepFailure { at, failure })
            }
        }
    }

    /// Finds the person, and writes the activity.
    async fn match_and_record(
        &self,
        message: &mut Delivery<Leased>,
    ) -> Result<Outcome, StepFailure> {
        let waits = waits(message);
        let is_reconciled = message.envelope().is_reconciled;
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
        let due = self
            .settle_policy
            .due(event.kind, &interaction, progress, &waits);
        if !is_due(due).during(PipelineStep::Lease)? {
            return Ok(Outcome::Remembered);
        }
        // An activity that is found after a lost answer is recorded for the first time, too. What was made from Genesys'
        // record is late by design.
        let is_first = !matches!(progress.activity, Effect::Done(_)) && !is_reconciled;
        // From here on the record is written. What else is asked about the interaction is asked here, once.
        let completing =
            self.enrichment
                .complete(interaction, &progress.facts, lease, &self.reader);
        let Enriched {
            mut interaction,
            recheck,
        } = completing.await.during(PipelineStep::Match)?;
        let reader = &self.reader;
        let adopting = self
            .recorder
            .adopt(lease, progress, &mut interaction, reader);
        adopting.await.during(PipelineStep::Record)?;
        let party = self.reader.read(interaction.number.as_deref()).party;
        let (finder, reader) = (&self.finder, &self.reader);
        let finding = find_people(finder, reader, &interaction, &party, (lease, progress));
        let attachment = finding.await.during(PipelineStep::Match)?;
        fail_point::reach(FailPoint::Matched).await;
        let recording = async {
            let recorded = self
                .recorder
                .record(lease, progress, &interaction, &party, &attachment)
                .await
                .during(PipelineStep::Record)?;
            fail_point::reach(FailPoint::ActivityAnswered).await;
            Ok(recorded)
        };
        let recorded = without_panic(PipelineStep::Record, recording).await?;
        let ended_at = is_first.then(|| end_of(&interaction));
        if let Some(wait) = recheck {
            // The message waits for what is missing; its event stays open, so that it is no duplicate then.
            let activity = recorded.id();
            let completing = lease.complete_but(&event.key, progress, activity);
            completing.await.during(PipelineStep::Record)?;
            note_recorded(event.interaction.as_str(), recorded, ended_at);
            return Err(Failure::Incomplete(wait)).during(PipelineStep::Record);
        }
        Ok(Outcome::Recorded(recorded, ended_at))
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
            known_unrecorded: is_known_unrecorded(message, &epoch),
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
}

/// Turns a panic into a failure of the step: a panic over one message must not end the others, nor leave this one unsettled
/// or in the poison guard.
fn without_panic<T>(
    at: PipelineStep,
    step: impl Future<Output = Result<T, StepFailure>>,
) -> impl Future<Output = Result<T, StepFailure>> {
    let outcome = AssertUnwindSafe(step).catch_unwind();
    outcome.map(move |outcome| {
        outcome.unwrap_or(Err(StepFailure {
            at,
            failure: Failure::Panicked,
        }))
    })
}

/// The past of a message, as far as it decides when its interaction is recorded.
fn waits(message: &Delivery<Leased>) -> Waits {
    let envelope = message.envelope();
    let first_wait = envelope.retry_since;
    Waits {
        settling: envelope.settling,
        was_tried_before: message.was_tried_before(),
        was_forgotten: first_wait.is_some_and(|since| since < message.epoch_began()),
    }
}

/// Whether the record is written now, and not never.
fn is_due(due: Due) -> Result<bool, Failure> {
    match due {
        Due::Now => Ok(true),
        Due::Never => Ok(false),
        Due::Deferred => Err(Failure::Deferred),
        Due::Later { wait, is_end_known } => Err(Failure::Settling { wait, is_end_known }),
    }
}

/// Whether the message itself proves that the interaction cannot be recorded without this Redis knowing.
fn is_known_unrecorded(message: &Delivery<Decoded>, epoch: &Epoch) -> bool {
    !message.may_be_recorded() && surely_before(message.event().facts.earliest()) >= epoch.since
}

/// When an interaction ended, as far as its events say.
fn end_of(interaction: &Interaction) -> Timestamp {
    let lasted = i64::try_from(interaction.duration_ms.unwrap_or(0)).unwrap_or(i64::MAX);
    let started = interaction.started;
    started
        .checked_add(SignedDuration::from_millis(lasted))
        .unwrap_or(started)
}
