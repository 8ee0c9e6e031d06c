//! The person and the deal of an activity: whether they are still there, and which deal it is.

use pipedrive::{DealId, PipedriveError};

use crate::activity::recorder::Recorder;
use crate::failure::Failure;
use crate::person::attachment::Attachment;
use crate::store::Lease;

impl Recorder {
    /// Turns a refusal into "not found" where the person or deal was merged, deleted or closed since it was read. The next
    /// attempt searches again.
    pub(super) async fn unless_gone(
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
    pub(super) async fn deal(
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
