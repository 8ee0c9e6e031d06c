//! Records an interaction: one activity, created once, kept up to date.

use jiff::Timestamp;
use pipedrive::{ActivityId, Client, DealId, Participant, PipedriveError};
use serde::Serialize;
use shared::domain::facts::Facts;
use shared::domain::ids::sha256_hex;
use shared::domain::interaction::Interaction;
use shared::domain::phone::Party;
use shared::fail_point::{self, FailPoint};

use crate::activity::content::{self, Activity, Style};
use crate::activity::lookup::ActivityLookup;
use crate::activity::note_merge as note;
use crate::delivery::failure::Failure;
use crate::effect::once::{Intent, NotDone, once};
use crate::effect::timing::{Timing, surely_before, wait_since};
use crate::metrics as names;
use crate::person::attachment::Attachment;
use crate::store::{Effect, Lease, LeaseError, Progress};

/// Writes activities.
#[derive(Clone, Debug)]
pub struct Recorder {
    /// Where to.
    pub client: Client,
    /// Which are there, where Redis does not know.
    pub lookup: ActivityLookup,
    /// How they look.
    pub style: Style,
    /// Whether a person's only open deal is linked.
    pub link_open_deal: bool,
    /// How long things take in Pipedrive.
    pub timing: Timing,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// A new activity.
    Created(ActivityId),
    /// An existing one was changed.
    Updated(ActivityId),
    /// An existing one tells everything already.
    Unchanged(ActivityId),
    /// Somebody deleted it; it stays deleted.
    Deleted(ActivityId),
}

impl Recorded {
    /// The label in metrics and logs.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Created(_) => "created",
            Self::Updated(_) => "updated",
            Self::Unchanged(_) => "unchanged",
            Self::Deleted(_) => "deleted",
        }
    }

    /// The activity.
    #[must_use]
    pub fn id(self) -> ActivityId {
        match self {
            Self::Created(id) | Self::Updated(id) | Self::Unchanged(id) | Self::Deleted(id) => id,
        }
    }
}

/// Body of a PATCH: what events can add. Type, owner and "done" belong to people once the activity exists.
#[derive(Debug, Serialize)]
struct Update<'a> {
    #[serde(flatten)]
    head: Option<Head<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    participants: Option<&'a [Participant]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deal_id: Option<DealId>,
}

/// What the customer's side of the interaction tells.
#[derive(Debug, Serialize)]
struct Head<'a> {
    subject: &'a str,
    due_date: &'a str,
    due_time: &'a str,
    duration: &'a str,
}

impl Recorder {
    /// Brings the one activity of `interaction` into being, or up to date; `progress` then says what was written.
    ///
    /// # Errors
    ///
    /// When that cannot be done, or cannot be known to be done, now.
    ///
    /// # Panics
    ///
    /// Never: an activity is always JSON.
    pub async fn record(
        &self,
        lease: &Lease,
        progress: &mut Progress,
        interaction: &Interaction,
        party: &Party,
        attachment: &Attachment,
    ) -> Result<Recorded, Failure> {
        let existing = self
            .existing(lease, progress, interaction, attachment)
            .await?;
        let activity = content::activity(interaction, party, attachment, None, &self.style);
        let lines = note::fingerprint(&activity.note);
        let digest = sha256_hex(&serde_json::to_string(&activity).expect("activities are JSON"));
        let recorded = match existing {
            Some(id) if progress.written.as_deref() == Some(&digest) => Recorded::Unchanged(id),
            Some(id) => {
                self.update(lease, progress, id, activity, attachment)
                    .await?
            }
            None => {
                let before = progress.clone();
                progress.person = attachment.person();
                progress.written = Some(digest.clone());
                progress.lines = note::either(&before.lines, &lines);
                self.create(lease, progress, &before, activity, attachment)
                    .await?
            }
        };
        progress.person = attachment.person();
        progress.written = Some(digest);
        progress.lines = lines;
        Ok(recorded)
    }

    /// The activity that is there already, known or found. What a found one tells is kept: Redis forgot the events that
    /// told it.
    async fn existing(
        &self,
        lease: &Lease,
        progress: &mut Progress,
        interaction: &Interaction,
        attachment: &Attachment,
    ) -> Result<Option<ActivityId>, Failure> {
        let since = match progress.activity {
            Effect::Done(id) => {
                if let Some(update_in_doubt) = progress.update_in_doubt {
                    wait_since(update_in_doubt, self.timing.settle_time)?;
                }
                return Ok(Some(id));
            }
            Effect::NotTried if progress.known_unrecorded => return Ok(None),
            Effect::NotTried => {
                // Somebody whom Redis forgot may be about to write.
                wait_since(lease.epoch_began(), self.timing.in_flight())?;
                let earliest = progress.facts.values().map(Facts::earliest).min();
                earliest.unwrap_or(interaction.started)
            }
            Effect::Intended(at) => {
                wait_since(at, self.timing.settle_time)?;
                // Redis may have forgotten a later one.
                wait_since(lease.epoch_began(), self.timing.in_flight())?;
                at
            }
        };
        let looking = self
            .lookup
            .find(&self.client, &interaction.id, surely_before(since));
        let found = looking.await?;
        metrics::counter!(names::RECONCILIATIONS, "found" => found.is_some().to_string())
            .increment(1);
        let Some(found) = found else { return Ok(None) };
        if progress.activity == Effect::NotTried {
            progress.adopted = true;
            // Somebody may have moved it: whom it is attached to by now is left.
            progress.person = attachment.person().filter(|_| found.has_person);
        }
        Ok(Some(found.id))
    }

    async fn create(
        &self,
        lease: &Lease,
        progress: &Progress,
        before: &Progress,
        mut activity: Activity,
        attachment: &Attachment,
    ) -> Result<Recorded, Failure> {
        activity.deal_id = self.deal(lease, attachment).await?;
        let call = pipedrive::create_activity(&activity);
        let intent = CreateIntent {
            lease,
            progress,
            before,
        };
        match once(&self.client, &call, &intent, self.timing).await {
            Ok(created) => Ok(Recorded::Created(created.id)),
            Err(NotDone::Refused(error)) => {
                let deal = activity.deal_id;
                Err(self.unless_gone(error, attachment, deal).await.into())
            }
            Err(other) => Err(other.into()),
        }
    }

    async fn update(
        &self,
        lease: &Lease,
        progress: &Progress,
        id: ActivityId,
        activity: Activity,
        attachment: &Attachment,
    ) -> Result<Recorded, Failure> {
        let present = match self.client.activity(id).await {
            Ok(present) if !present.is_deleted => present,
            Ok(_) | Err(PipedriveError::NotFound { .. }) => return Ok(Recorded::Deleted(id)),
            Err(error) => return Err(error.into()),
        };
        let present = present.note.as_deref().unwrap_or_default();
        let note = if progress.adopted {
            note::inherit(
                &activity.note,
                present,
                &progress.lines,
                only_adds(progress),
            )
        } else {
            note::keep(&activity.note, present, &progress.lines)
        };
        if note.is_none() {
            tracing::warn!(activity.id = %id, "The note is left as it is: with what people wrote, it would be too long");
        }
        let moves = progress.person != attachment.person();
        let deal_id = if moves {
            self.deal(lease, attachment).await?
        } else {
            None
        };
        let head = Head {
            subject: &activity.subject,
            due_date: &activity.due_date,
            due_time: &activity.due_time,
            duration: &activity.duration,
        };
        let update = Update {
            head: (!progress.adopted || !only_adds(progress)).then_some(head),
            note: note.as_deref(),
            participants: moves.then_some(&*activity.participants),
            deal_id,
        };
        let lines = note::either(&progress.lines, &note::fingerprint(&activity.note));
        let intent = ChangeIntent {
            lease,
            progress,
            lines: &lines,
        };
        let call = pipedrive::update_activity(id, &update);
        match once(&self.client, &call, &intent, self.timing).await {
            Ok(_) => {
                fail_point::reach(FailPoint::ActivityChangeAnswered).await;
                Ok(Recorded::Updated(id))
            }
            Err(NotDone::Refused(error)) => self.not_updated(id, error, attachment, deal_id).await,
            Err(other) => Err(other.into()),
        }
    }

    /// What it means that a change was refused: somebody deleted the activity meanwhile, or what it was to be attached to.
    async fn not_updated(
        &self,
        id: ActivityId,
        error: PipedriveError,
        attachment: &Attachment,
        deal: Option<DealId>,
    ) -> Result<Recorded, Failure> {
        if !matches!(error, PipedriveError::NotFound { .. }) {
            return Err(self.unless_gone(error, attachment, deal).await.into());
        }
        match self.client.activity(id).await {
            Ok(present) if !present.is_deleted => Err(error.into()),
            Ok(_) | Err(PipedriveError::NotFound { .. }) => Ok(Recorded::Deleted(id)),
            Err(unknown) => Err(unknown.into()),
        }
    }

    /// A refusal says nothing of the record where its person or deal is gone: merged, deleted or closed since they were
    /// looked up. The next attempt finds who took their place.
    async fn unless_gone(
        &self,
        error: PipedriveError,
        attachment: &Attachment,
        deal: Option<DealId>,
    ) -> PipedriveError {
        let (PipedriveError::Rejected { operation, .. }, Some(person)) =
            (&error, attachment.person())
        else {
            return error;
        };
        let gone = PipedriveError::NotFound {
            operation,
            status: 404,
        };
        match self.client.person(person).await {
            Ok(person) if person.is_deleted => return gone,
            Ok(_) => {}
            Err(unknown) => return unknown,
        }
        match deal {
            None => error,
            Some(deal) => match self.client.only_open_deal(person).await {
                Ok(Some(present)) if present == deal => error,
                Ok(_) => gone,
                Err(unknown) => unknown,
            },
        }
    }

    /// The person's only open deal. Not being allowed to look at deals is no reason to lose a call.
    async fn deal(
        &self,
        lease: &Lease,
        attachment: &Attachment,
    ) -> Result<Option<DealId>, Failure> {
        let Attachment::Person(person) = attachment else {
            return Ok(None);
        };
        if !self.link_open_deal {
            return Ok(None);
        }
        lease.renew().await?;
        match self.client.only_open_deal(*person).await {
            Err(
                error @ (PipedriveError::Forbidden { .. }
                | PipedriveError::NotFound { .. }
                | PipedriveError::Rejected { .. }),
            ) => {
                tracing::warn!(%error, "No deal is linked");
                Ok(None)
            }
            other => Ok(other?),
        }
    }
}

/// The note that the activity is about to be created.
struct CreateIntent<'a> {
    lease: &'a Lease,
    progress: &'a Progress,
    /// What was known before this attempt.
    before: &'a Progress,
}

impl Intent for CreateIntent<'_> {
    async fn write(&self, latest_end: Timestamp) -> Result<(), LeaseError> {
        self.lease
            .intend_activity(self.progress, latest_end)
            .await?;
        fail_point::reach(FailPoint::ActivityIntended).await;
        Ok(())
    }

    async fn restore(&self) -> Result<(), LeaseError> {
        let older = match self.before.activity {
            Effect::Intended(at) => Some(at),
            Effect::NotTried | Effect::Done(_) => None,
        };
        self.lease.restore_activity(older, &self.before.lines).await
    }
}

/// The note that the activity is about to be changed, with the lines that its note may have from us by then.
///
/// A change may take effect late, and undo what another event adds in the meantime: that one has to wait.
struct ChangeIntent<'a> {
    lease: &'a Lease,
    progress: &'a Progress,
    lines: &'a str,
}

impl Intent for ChangeIntent<'_> {
    async fn write(&self, latest_end: Timestamp) -> Result<(), LeaseError> {
        self.lease
            .doubt_update(Some(latest_end), self.lines)
            .await?;
        fail_point::reach(FailPoint::ActivityChangeIntended).await;
        Ok(())
    }

    async fn restore(&self) -> Result<(), LeaseError> {
        let older = self.progress.update_in_doubt;
        self.lease.doubt_update(older, &self.progress.lines).await
    }
}

/// Whether all that is known are events that only add to what others tell.
fn only_adds(progress: &Progress) -> bool {
    progress.facts.values().all(|facts| facts.kind.enriches())
}
