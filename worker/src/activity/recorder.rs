//! Records an interaction: one activity, created once, kept up to date.

use jiff::Timestamp;
use pipedrive::{ActivityId, Client, DealId, OrganizationId, Participant, PipedriveError};
use serde::Serialize;
use shared::domain::facts::Facts;
use shared::domain::ids::sha256_hex;
use shared::domain::interaction::Interaction;
use shared::domain::phone::Party;
use shared::fail_point::{self, FailPoint};

use crate::activity::content::{self, Activity, Style};
use crate::activity::lookup::ActivityLookup;
use crate::activity::note_merge as note;
use crate::effect::once::{Intent, NotDone, once};
use crate::effect::timing::{Timing, surely_before, wait_since};
use crate::failure::Failure;
use crate::metrics as names;
use crate::person::attachment::Attachment;
use crate::store::{Effect, Lease, LeaseError, Progress};

/// Writes activities.
#[derive(Clone, Debug)]
pub struct Recorder {
    /// Pipedrive client.
    pub client: Client,
    /// Finds activities that Redis does not know.
    pub lookup: ActivityLookup,
    /// Types, owner and link of activities.
    pub style: Style,
    /// Whether a person's only open deal is linked.
    pub link_open_deal: bool,
    /// How long things take in Pipedrive.
    pub timing: Timing,
}

/// What was done to the activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It was created.
    Created(ActivityId),
    /// It was changed.
    Updated(ActivityId),
    /// It was up to date.
    Unchanged(ActivityId),
    /// A user deleted it; it stays deleted.
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

/// Body of a PATCH: the fields that events can change. Type, owner and "done" are left to users once the activity exists.
#[derive(Debug, Serialize)]
struct Update<'a> {
    #[serde(flatten)]
    head: Option<Head<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    participants: Option<&'a [Participant]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    org_id: Option<OrganizationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deal_id: Option<DealId>,
}

/// Fields that only events of the customer's side determine.
#[derive(Debug, Serialize)]
struct Head<'a> {
    subject: &'a str,
    due_date: &'a str,
    due_time: &'a str,
    duration: &'a str,
}

impl<'a> Head<'a> {
    fn of(activity: &'a Activity) -> Self {
        Self {
            subject: &activity.subject,
            due_date: &activity.due_date,
            due_time: &activity.due_time,
            duration: &activity.duration,
        }
    }
}

impl Recorder {
    /// Creates the one activity of `interaction`, or updates it; `progress` then holds what was written.
    ///
    /// # Errors
    ///
    /// When Pipedrive or Redis fails, or the outcome of an earlier attempt is not certain yet.
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

    /// The activity of the interaction, known or found, once it is certain whether it exists.
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
                // A delivery that Redis forgot may be about to write.
                wait_since(lease.epoch_began(), self.timing.in_flight())?;
                let earliest = progress.facts.values().map(Facts::earliest).min();
                earliest.unwrap_or(interaction.started)
            }
            Effect::Intended(at) => {
                wait_since(at, self.timing.settle_time)?;
                // Redis may have forgotten a later intent.
                wait_since(lease.epoch_began(), self.timing.in_flight())?;
                at
            }
        };
        self.search(progress, interaction, attachment, since).await
    }

    /// Searches for an activity that Redis does not know. One that is found without an intent is adopted: its content is
    /// kept, since Redis forgot the events that it was written for.
    async fn search(
        &self,
        progress: &mut Progress,
        interaction: &Interaction,
        attachment: &Attachment,
        since: Timestamp,
    ) -> Result<Option<ActivityId>, Failure> {
        let searching = self
            .lookup
            .find(&self.client, &interaction.id, surely_before(since));
        let found = searching.await?;
        metrics::counter!(names::RECONCILIATIONS, "found" => found.is_some().to_string())
            .increment(1);
        let Some(found) = found else { return Ok(None) };
        if progress.activity == Effect::NotTried {
            progress.adopted = true;
            // A person in it stays: a user may have moved the activity.
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
        let note = merged_note(progress, id, &activity.note, present.note.as_deref());
        let joined = attachment.joining(&present.participants);
        let org_id = attachment
            .organization()
            .filter(|_| present.org_id.is_none());
        let moves = progress.person != attachment.person();
        let deal_id = if moves || org_id.is_some() {
            self.deal(lease, attachment).await?
        } else {
            None
        };
        let update = Update {
            head: (!progress.adopted || !only_adds(progress)).then(|| Head::of(&activity)),
            note: note.as_deref(),
            participants: if moves {
                Some(&*activity.participants)
            } else {
                joined.as_deref()
            },
            org_id,
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

    /// Finds out why a change was refused: the activity was deleted meanwhile, or its person or deal.
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

    /// Turns a refusal into "not found" where the person or deal was merged, deleted or closed since it was read. The next
    /// attempt searches again.
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

    /// The person's only open deal. A call is recorded even where deals cannot be read.
    async fn deal(
        &self,
        lease: &Lease,
        attachment: &Attachment,
    ) -> Result<Option<DealId>, Failure> {
        let Some(person) = attachment.established_person() else {
            return Ok(attachment.deal_of_organization());
        };
        if !self.link_open_deal {
            return Ok(None);
        }
        lease.renew().await?;
        match self.client.only_open_deal(person).await {
            Err(
                error @ (PipedriveError::Forbidden { .. }
                | PipedriveError::NotFound { .. }
                | PipedriveError::Rejected { .. }),
            ) => {
                tracing::warn!(
                    %error,
                    "Cannot read the deals of person {person}: the activity is recorded without a deal"
                );
                Ok(None)
            }
            other => Ok(other?),
        }
    }
}

/// The intent to create the activity.
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

/// The intent to change the activity, with the lines of ours that its note may have by then.
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

/// The new note with the lines that people added to the `present` one; `None` where that is longer than Pipedrive takes.
fn merged_note(
    progress: &Progress,
    id: ActivityId,
    new: &str,
    present: Option<&str>,
) -> Option<String> {
    let present = present.unwrap_or_default();
    let note = if progress.adopted {
        note::inherit(new, present, &progress.lines, only_adds(progress))
    } else {
        note::keep(new, present, &progress.lines)
    };
    if note.is_none() {
        tracing::warn!(
            activity.id = %id,
            "The note of activity {id} stays unchanged: with the lines that people added it would be too long"
        );
    }
    note
}

/// Whether all known events only add to others.
fn only_adds(progress: &Progress) -> bool {
    progress.facts.values().all(|facts| facts.kind.enriches())
}
