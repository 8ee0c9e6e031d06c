//! A change that Pipedrive refuses: it is sent without what may be the reason.

use pipedrive::{ActivityId, PersonId, PipedriveError};

use crate::activity::edits::Change;
use crate::activity::recorder::Recorder;
use crate::activity::wanted::Wanted;
use crate::failure::Failure;
use crate::person::attachment::Attachment;
use crate::store::{Answered, Lease, Progress};

impl Recorder {
    /// Sends a change without what Pipedrive refuses in it: participants who are gone, and the clearing of links. As
    /// [`Recorder::send`] answers.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a different part of one change, and none is used elsewhere together"
    )]
    pub(super) async fn send_what_is_taken(
        &self,
        lease: &Lease,
        progress: &Progress,
        id: ActivityId,
        wanted: &Wanted<'_>,
        known: &Answered,
        change: &mut Change<'_>,
        lines: &str,
    ) -> Result<Option<Answered>, Failure> {
        let mut answered = self
            .send_with_owner(lease, progress, id, wanted, known, change, lines)
            .await;
        if let Err(Failure::Pipedrive(
            PipedriveError::Rejected { .. } | PipedriveError::NotFound { .. },
        )) = answered
            && self.leave_out_gone(change, wanted.attachment).await?
        {
            tracing::warn!(
                activity.id = %id,
                "Someone who takes part in activity {id} was deleted, merged or hidden: they are left out of what is sent"
            );
            if change.is_empty() {
                return Ok(Some(known.clone()));
            }
            answered = self
                .send(lease, progress, id, wanted, known, change, lines)
                .await;
        }
        // Pipedrive documents nowhere that `null` clears a member.
        if let Err(Failure::Pipedrive(PipedriveError::Rejected { .. })) = answered
            && change.without_clearing()
        {
            tracing::warn!(
                activity.id = %id,
                "Pipedrive clears no deal and no organisation: activity {id} keeps those of its former person"
            );
            answered = self
                .send(lease, progress, id, wanted, known, change, lines)
                .await;
        }
        answered
    }

    /// Takes those participants out of a refused change who stand in the activity and are gone. An activity that stays with
    /// its person keeps the participants it has: without that person it would be the next participant's. Whether any is
    /// gone. 1 token each.
    async fn leave_out_gone(
        &self,
        change: &mut Change<'_>,
        attachment: &Attachment,
    ) -> Result<bool, Failure> {
        let is_ours = |person| {
            change.is_moved && attachment.person() == Some(person)
                || attachment.third_parties.contains(&person)
        };
        let people = change.participants.iter().flatten().map(|it| it.person_id);
        let others: Vec<PersonId> = people.filter(|person| !is_ours(*person)).collect();
        let gone = self.gone(&others).await?;
        if gone.is_empty() {
            return Ok(false);
        }
        match &mut change.participants {
            Some(participants) if change.is_moved => {
                participants.retain(|other| !gone.contains(&other.person_id));
            }
            participants => *participants = None,
        }
        Ok(true)
    }
}
