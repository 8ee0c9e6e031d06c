//! Changes an activity that exists: only what differs from what the events say, and no person changed.

use pipedrive::{ActivityId, ActivityRecord, DealId, PipedriveError};
use shared::fail_point::{self, FailPoint};

use crate::activity::content::Activity;
use crate::activity::edits::{self, Change};
use crate::activity::intents::ChangeIntent;
use crate::activity::note_merge::{self as note, Merged};
use crate::activity::recorder::{Recorded, Recorder, Written, may_be_about_owner};
use crate::activity::wanted::Wanted;
use crate::effect::once::{NotDone, once};
use crate::failure::Failure;
use crate::person::attachment::Attachment;
use crate::store::{Answered, Effect, Lease, Progress, primary};

impl Recorder {
    pub(super) async fn update(
        &self,
        lease: &Lease,
        progress: &Progress,
        id: ActivityId,
        wanted: &Wanted<'_>,
    ) -> Result<Written, Failure> {
        let present = match self.client.activity(id).await {
            Ok(present) if !present.is_deleted => present,
            Ok(_) | Err(PipedriveError::NotFound { .. }) => {
                return Ok(as_before(Recorded::Deleted(id), progress));
            }
            Err(error) => return Err(error.into()),
        };
        let known = known(progress, &present, wanted);
        let mut change = head(progress, &present, &known, wanted.activity);
        change.owner_id = edits::owner_for(&present, &known, wanted.owner);
        self.attach(lease, progress, &present, &known, wanted, &mut change)
            .await?;
        let merged = merged_note(progress, id, &wanted.activity.note, present.note.as_deref());
        let lines = match &merged {
            Merged::TooLong => progress.lines.clone(),
            Merged::Same | Merged::Changed(_) => note::fingerprint(&wanted.activity.note),
        };
        if let Merged::Changed(note) = merged {
            change.note = Some(note);
        }
        if change.is_empty() {
            return Ok(Written {
                recorded: Recorded::Unchanged(id),
                answered: known,
                lines,
            });
        }
        let answered = self
            .send_what_is_taken(lease, progress, id, wanted, &known, &mut change, &lines)
            .await?;
        Ok(match answered {
            Some(answered) => Written {
                recorded: Recorded::Updated(id),
                answered,
                lines,
            },
            None => as_before(Recorded::Deleted(id), progress),
        })
    }

    /// Attaches the activity to its person or organisation and deal, where those were found or changed since, and no person
    /// did it; and adds the third parties who joined.
    async fn attach(
        &self,
        lease: &Lease,
        progress: &Progress,
        present: &ActivityRecord,
        known: &Answered,
        wanted: &Wanted<'_>,
        change: &mut Change<'_>,
    ) -> Result<(), Failure> {
        let attachment = wanted.attachment;
        let person = attachment.person().filter(|person| {
            progress.person != Some(*person) && edits::may_move(present, known, *person)
        });
        // The customer is another, and no person: the activity does not stay with the customer known before.
        let is_left = attachment.person().is_none()
            && progress
                .person
                .is_some_and(|former| edits::may_move(present, known, former));
        if let Some(person) = person {
            change.participants = edits::participants_with(present, person);
        } else if is_left && primary(present).is_some() {
            let third_parties = &attachment.third_parties;
            change.participants = Some(edits::participants_without(present, third_parties));
        }
        change.is_moved = change.participants.is_some();
        let organization = attachment.organization();
        change.org_id = if change.is_moved && progress.person.is_some() {
            edits::organization_after_move(present, known, organization)
        } else {
            edits::organization_for(present, known, organization).map(Some)
        };
        let is_moved = person.is_some() || is_left || change.org_id.is_some();
        if is_moved && known.deal.contains(&present.deal_id) {
            let deal = self.deal(lease, attachment).await?;
            change.deal_id = (deal != present.deal_id).then_some(deal);
        }
        if is_left {
            return Ok(());
        }
        let participants = change
            .participants
            .as_ref()
            .unwrap_or(&present.participants);
        if let Some(joined) = attachment.joining(participants) {
            change.participants = Some(joined);
        }
        Ok(())
    }

    /// Sends a change, once more without the owner where Pipedrive refuses it with one.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a different part of one change, and none is used elsewhere together"
    )]
    pub(super) async fn send_with_owner(
        &self,
        lease: &Lease,
        progress: &Progress,
        id: ActivityId,
        wanted: &Wanted<'_>,
        known: &Answered,
        change: &mut Change<'_>,
        lines: &str,
    ) -> Result<Option<Answered>, Failure> {
        let sent = self.send(lease, progress, id, wanted, known, change, lines);
        match (sent.await, change.owner_id.take(), &self.owners) {
            (Err(Failure::Pipedrive(error)), Some(owner), Some(owners))
                if may_be_about_owner(&error) =>
            {
                owners.note_refused(owner, &error).await;
                lease.renew().await?;
                if change.is_empty() {
                    return Ok(Some(known.clone()));
                }
                self.send(lease, progress, id, wanted, known, change, lines)
                    .await
            }
            (sent, _, _) => sent,
        }
    }

    /// Sends a change; what is known of the activity by then, or nothing if it was deleted meanwhile.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a different part of one change, and none is used elsewhere together"
    )]
    pub(super) async fn send(
        &self,
        lease: &Lease,
        progress: &Progress,
        id: ActivityId,
        wanted: &Wanted<'_>,
        known: &Answered,
        change: &Change<'_>,
        lines: &str,
    ) -> Result<Option<Answered>, Failure> {
        let sent = change.sent();
        let intent = ChangeIntent {
            lease,
            progress,
            lines: &note::either(&progress.lines, lines),
            answered: &known.or(&sent),
        };
        let call = pipedrive::update_activity(id, change);
        match once(&self.client, &call, &intent, self.timing).await {
            Ok(answer) => {
                fail_point::reach(FailPoint::ActivityChangeAnswered).await;
                Ok(Some(known.after(&sent, &answer)))
            }
            Err(NotDone::Refused(error)) => {
                self.not_updated(id, error, wanted.attachment, change.deal_id.flatten())
                    .await?;
                Ok(None)
            }
            Err(other) => Err(other.into()),
        }
    }

    /// Finds out why a change was refused: nothing is wrong where the activity was deleted meanwhile.
    async fn not_updated(
        &self,
        id: ActivityId,
        error: PipedriveError,
        attachment: &Attachment,
        deal: Option<DealId>,
    ) -> Result<(), Failure> {
        if !matches!(error, PipedriveError::NotFound { .. }) {
            return Err(self.unless_gone(error, attachment, deal).await.into());
        }
        match self.client.activity(id).await {
            Ok(present) if !present.is_deleted => Err(error.into()),
            Ok(_) | Err(PipedriveError::NotFound { .. }) => Ok(()),
            Err(unknown) => Err(unknown.into()),
        }
    }
}

fn as_before(recorded: Recorded, progress: &Progress) -> Written {
    Written {
        recorded,
        answered: progress.answered.clone(),
        lines: progress.lines.clone(),
    }
}

/// The values of ours that the activity may have: those of the answers, or what speaks for them where none is kept.
fn known(progress: &Progress, present: &ActivityRecord, wanted: &Wanted<'_>) -> Answered {
    if progress.answered.subject.is_empty() {
        let Wanted {
            activity,
            interaction,
            party,
            ..
        } = wanted;
        let known = edits::by_evidence(present, activity, interaction, party, progress.person);
        return edits::or_of_displaced(known, progress, wanted.attachment);
    }
    progress.answered.clone()
}

/// Without an event of the customer's own, the head of an activity stays as it is whose other events Redis forgot.
fn head<'a>(
    progress: &Progress,
    present: &ActivityRecord,
    known: &Answered,
    wanted: &'a Activity,
) -> Change<'a> {
    if progress.adopted && progress.adoption.leads {
        return Change::default();
    }
    Change::of_head(wanted, present, known)
}

/// The new note with the lines that people added to the `present` one.
fn merged_note(progress: &Progress, id: ActivityId, new: &str, present: Option<&str>) -> Merged {
    let present = present.unwrap_or_default();
    let merged = if progress.adopted {
        note::inherit(new, present, &progress.lines, progress.adoption.leads)
    } else {
        // While the outcome of a write is unknown, so is which of its lines were ever there.
        let is_settled = matches!(progress.activity, Effect::Done(_));
        let is_certain = is_settled && progress.update_in_doubt.is_none();
        note::keep(new, present, &progress.lines, is_certain)
    };
    if merged == Merged::TooLong {
        tracing::warn!(
            activity.id = %id,
            "The note of activity {id} stays unchanged: with the lines that people added it would be too long"
        );
    }
    merged
}
