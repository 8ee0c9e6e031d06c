//! Records an interaction: one activity, created once, kept up to date.

use jiff::Timestamp;
use pipedrive::{ActivityId, Client, PipedriveError, UserId};
use shared::domain::ids::sha256_hex;
use shared::domain::interaction::Interaction;
use shared::domain::phone::Party;

use crate::activity::content::{self, Activity};
use crate::activity::edits;
use crate::activity::intents::CreateIntent;
use crate::activity::lookup::{ActivityLookup, Found};
use crate::activity::note_merge as note;
use crate::activity::owners::Owners;
use crate::activity::style::Style;
use crate::activity::wanted::Wanted;
use crate::effect::once::{NotDone, once};
use crate::effect::timing::{Timing, surely_before, wait_since};
use crate::failure::Failure;
use crate::metrics as names;
use crate::person::attachment::Attachment;
use crate::person::directory::Directory;
use crate::person::memory;
use crate::store::{Answered, Effect, Lease, Progress};

/// Creates the activity of an interaction, or updates it.
#[derive(Clone, Debug)]
pub struct Recorder {
    /// Client of Pipedrive that requests go through.
    pub client: Client,
    /// Finds activities that Redis does not know.
    pub lookup: ActivityLookup,
    /// Finds the owner by the agent's e-mail address, if that is wanted.
    pub owners: Option<Owners>,
    /// Types, owner and link of activities.
    pub style: Style,
    /// Whether a person's only open deal is linked.
    pub link_open_deal: bool,
    /// The directory, which knows open deals; `None` where it is off.
    pub(crate) directory: Option<Directory>,
    /// How long things take in Pipedrive.
    pub timing: Timing,
}

/// What was done to the activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The activity was created.
    Created(ActivityId),
    /// The activity was changed.
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

    /// Id of the activity.
    #[must_use]
    pub fn id(self) -> ActivityId {
        match self {
            Self::Created(id) | Self::Updated(id) | Self::Unchanged(id) | Self::Deleted(id) => id,
        }
    }
}

/// What was done, and what is known of the activity from then on.
pub(super) struct Written {
    pub recorded: Recorded,
    /// Values of ours that its members may have.
    pub answered: Answered,
    /// Fingerprint of the note.
    pub lines: String,
}

impl Recorder {
    /// Creates the one activity of `interaction`, or updates it; `progress` then holds what was written. Third parties who
    /// were deleted, merged or hidden since they were found are left out.
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
        let before = progress.clone();
        let recorded = self.write(lease, progress, interaction, party, attachment);
        let refusal = match recorded.await {
            Err(Failure::Pipedrive(
                error @ (PipedriveError::Rejected { .. }
                | PipedriveError::NotFound { .. }
                | PipedriveError::Forbidden { .. }),
            )) => error,
            other => return other,
        };
        let gone = self.gone(&attachment.third_parties).await?;
        if gone.is_empty() {
            return Err(refusal.into());
        }
        *progress = before;
        memory::forget_third_parties(progress, &gone);
        let rest = attachment.without(&gone);
        self.write(lease, progress, interaction, party, &rest).await
    }

    async fn write(
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
        let owner = match &self.owners {
            Some(owners) => owners.of(interaction.agent_email.as_deref()).await?,
            None => None,
        };
        let mut activity = content::activity(interaction, party, attachment, None, &self.style);
        activity.owner_id = owner.or(activity.owner_id);
        let lines = note::fingerprint(&activity.note);
        let digest = sha256_hex(&serde_json::to_string(&activity).expect("activities are JSON"));
        let written = match existing {
            Some(id) if progress.written.as_deref() == Some(&digest) => Written {
                recorded: Recorded::Unchanged(id),
                answered: progress.answered.clone(),
                lines,
            },
            Some(id) => {
                let wanted = Wanted {
                    activity: &activity,
                    interaction,
                    party,
                    attachment,
                    owner,
                };
                self.update(lease, progress, id, &wanted).await?
            }
            None => {
                let before = progress.clone();
                progress.person = attachment.person();
                progress.written = Some(digest.clone());
                progress.lines = note::either(&before.lines, &lines);
                let (recorded, answered) = self
                    .create(lease, progress, &before, activity, attachment)
                    .await?;
                Written {
                    recorded,
                    answered,
                    lines,
                }
            }
        };
        progress.person = attachment.person();
        progress.written = Some(digest);
        progress.lines = written.lines;
        progress.answered = written.answered;
        Ok(written.recorded)
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
                if progress.adoption.has_person {
                    // A person in it stays: a user may have moved the activity.
                    progress.person = attachment.person();
                }
                return Ok(Some(id));
            }
            // Known to be unrecorded, or searched for when it was to be adopted.
            Effect::NotTried => return Ok(None),
            Effect::Intended(at) => {
                wait_since(at, self.timing.settle_time)?;
                // Redis may have forgotten a later intent.
                wait_since(lease.epoch_began(), self.timing.in_flight())?;
                at
            }
        };
        let found = self.find(interaction, since).await?;
        Ok(found.map(|found| found.id))
    }

    /// Searches for an activity that Redis does not know.
    pub(super) async fn find(
        &self,
        interaction: &Interaction,
        since: Timestamp,
    ) -> Result<Option<Found>, Failure> {
        let searching = self
            .lookup
            .find(&self.client, &interaction.id, surely_before(since));
        let found = searching.await?;
        metrics::counter!(names::RECONCILIATIONS, "found" => found.is_some().to_string())
            .increment(1);
        Ok(found)
    }

    async fn create(
        &self,
        lease: &Lease,
        progress: &mut Progress,
        before: &Progress,
        mut activity: Activity,
        attachment: &Attachment,
    ) -> Result<(Recorded, Answered), Failure> {
        activity.deal_id = self.deal(lease, attachment).await?;
        // The agent's user, the fallback owner, and the token's user, who can always own what it creates.
        loop {
            progress.answered = before.answered.or(&edits::sent_with(&activity));
            let call = pipedrive::create_activity(&activity);
            let intent = CreateIntent {
                lease,
                progress,
                before,
            };
            match once(&self.client, &call, &intent, self.timing).await {
                Ok(created) => return Ok((Recorded::Created(created.id), Answered::of(&created))),
                Err(NotDone::Refused(error)) => match activity.owner_id {
                    Some(owner) if may_be_about_owner(&error) => {
                        activity.owner_id = self.owner_in_place_of(owner, &error, attachment).await;
                        lease.renew().await?;
                    }
                    Some(_) | None => {
                        let deal = activity.deal_id;
                        return Err(self.unless_gone(error, attachment, deal).await.into());
                    }
                },
                Err(other) => return Err(other.into()),
            }
        }
    }

    /// The owner of a new activity that Pipedrive refused for `owner`; none is the token's user.
    async fn owner_in_place_of(
        &self,
        owner: UserId,
        error: &PipedriveError,
        attachment: &Attachment,
    ) -> Option<UserId> {
        if let Some(owners) = &self.owners {
            owners.note_refused(owner, error).await;
        }
        let is_attached = attachment.person().is_some() || attachment.organization().is_some();
        let fallback = self.style.fallback_owner.filter(|_| !is_attached);
        fallback.filter(|fallback| *fallback != owner)
    }
}

/// Whether a refusal may be one of the owner: Pipedrive does not say it in a stable form.
pub(super) fn may_be_about_owner(error: &PipedriveError) -> bool {
    matches!(
        error,
        PipedriveError::Rejected { .. } | PipedriveError::Forbidden { .. }
    )
}
