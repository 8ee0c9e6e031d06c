//! The person and the deal of an activity: whether they are still there.

use pipedrive::{DealId, PersonId, PipedriveError};

use crate::activity::recorder::Recorder;
use crate::person::attachment::Attachment;

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

    /// Those of `people` who cannot take part any more: deleted, merged or hidden. 1 token each.
    pub(super) async fn gone(&self, people: &[PersonId]) -> Result<Vec<PersonId>, PipedriveError> {
        let mut gone = Vec::new();
        for person in people {
            match self.client.person(*person).await {
                Ok(read) if !read.is_deleted => {}
                Ok(_) | Err(PipedriveError::NotFound { .. } | PipedriveError::Forbidden { .. }) => {
                    gone.push(*person);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(gone)
    }
}
