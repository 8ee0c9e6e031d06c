//! The deal of an activity: the person's only open one.
//!
//! The read of the person counts its open deals, and the directory knows which they are: only where the two do not agree
//! are deals listed.

use pipedrive::{DealId, PersonId, PipedriveError};

use crate::activity::recorder::Recorder;
use crate::failure::Failure;
use crate::person::attachment::Attachment;
use crate::store::Lease;

/// How the deal is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// There is none. Costs nothing.
    Unlinked,
    /// It is this one, unless its read shows otherwise. 1 token.
    Read(DealId),
    /// Deals are listed. 10 tokens.
    List,
}

/// What follows from the count in the read of the person, which may be absent, and from the open deals that the directory
/// knows; `None` where it knows nothing of deals.
fn step(counted: Option<u64>, known: Option<&[DealId]>) -> Step {
    match (counted, known) {
        (Some(0), None) | (None | Some(0), Some([])) => Step::Unlinked,
        // One that the directory knows, and the count does not, may be closed by now, or counted late.
        (None | Some(0 | 1), Some([only])) => Step::Read(*only),
        (None | Some(_), None | Some(_)) => Step::List,
    }
}

impl Recorder {
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
        let known = match &self.directory {
            Some(directory) => directory.deals_of(person.id).await?,
            None => None,
        };
        match step(person.open_deals, known.as_deref()) {
            Step::Unlinked => Ok(None),
            Step::Read(deal) => {
                lease.renew().await?;
                if self.is_open(person.id, deal).await? {
                    return Ok(Some(deal));
                }
                match person.open_deals {
                    Some(0) => Ok(None),
                    _ => self.listed_deal(lease, person.id).await,
                }
            }
            Step::List => self.listed_deal(lease, person.id).await,
        }
    }

    /// Whether a deal that the directory knows is still open, and the person's. 1 token.
    async fn is_open(&self, person: PersonId, deal: DealId) -> Result<bool, Failure> {
        let is_open = match self.client.deal(deal).await {
            Ok(deal) => deal.is_open() && deal.person_id == Some(person),
            Err(
                PipedriveError::Forbidden { .. }
                | PipedriveError::NotFound { .. }
                | PipedriveError::Rejected { .. },
            ) => false,
            Err(error) => return Err(error.into()),
        };
        if let (false, Some(directory)) = (is_open, &self.directory) {
            directory.forget_deal(person, deal).await?;
        }
        Ok(is_open)
    }

    /// The only open deal in Pipedrive's list, which the directory then knows. 10 tokens.
    async fn listed_deal(
        &self,
        lease: &Lease,
        person: PersonId,
    ) -> Result<Option<DealId>, Failure> {
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
            Ok(deal) => {
                if let (Some(deal), Some(directory)) = (deal, &self.directory) {
                    directory.enter_deal(person, deal).await?;
                }
                Ok(deal)
            }
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: [DealId; 1] = [DealId(7)];
    const TWO: [DealId; 2] = [DealId(7), DealId(8)];

    #[test]
    fn no_open_deal_is_free_one_is_read_and_whatever_does_not_agree_is_listed() {
        let read = Step::Read(DealId(7));
        for (counted, known, expected) in [
            (Some(0), Some(&[][..]), Step::Unlinked),
            (Some(0), None, Step::Unlinked),
            (Some(0), Some(&ONE[..]), read),
            (Some(0), Some(&TWO[..]), Step::List),
            (Some(1), Some(&[][..]), Step::List),
            (Some(1), None, Step::List),
            (Some(1), Some(&ONE[..]), read),
            (Some(1), Some(&TWO[..]), Step::List),
            (Some(2), Some(&ONE[..]), Step::List),
            (Some(2), Some(&TWO[..]), Step::List),
            (None, None, Step::List),
            (None, Some(&[][..]), Step::Unlinked),
            (None, Some(&ONE[..]), read),
            (None, Some(&TWO[..]), Step::List),
        ] {
            assert_eq!(step(counted, known), expected, "{counted:?}, {known:?}");
        }
    }
}
