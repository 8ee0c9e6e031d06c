//! Reads people in Pipedrive: one by one, and those who changed lately.

use jiff::Timestamp;
use pipedrive::{Client, PersonId, PipedriveError};
use shared::clock;
use shared::domain::phone::Region;

use crate::effect::timing::{Timing, surely_before};
use crate::failure::Failure;
use crate::person::access::{Access, Refusal};
use crate::person::candidate::Candidate;
use crate::person::directory::Directory;

/// Reads people from the directory, or by Pipedrive's search.
#[derive(Clone, Debug)]
pub(crate) struct PersonReader {
    /// Client of Pipedrive that requests go through.
    pub(crate) client: Client,
    /// The directory of all people; `None` where it is off.
    pub(crate) directory: Option<Directory>,
    /// Whether the read of a person asks for the number of its open deals.
    pub(crate) counts_deals: bool,
    /// People that Pipedrive refused to show.
    pub(crate) access: Access,
    /// Region of stored numbers that have no country code.
    pub(crate) region: Option<Region>,
    /// Whether a number is searched in its international form too.
    pub(crate) search_international: bool,
    /// How long requests take in Pipedrive.
    pub(crate) timing: Timing,
}

/// A person as it is now.
pub(super) enum Read {
    Person(Candidate),
    /// Deleted, or merged into another.
    Gone,
    /// Hidden from the credential's user.
    Hidden,
}

impl PersonReader {
    /// Reads a person for one token.
    pub(super) async fn read(&self, person: PersonId) -> Result<Read, Failure> {
        let read = if self.counts_deals {
            self.client.person_with_deals(person).await
        } else {
            self.client.person(person).await
        };
        match read {
            Ok(read) => {
                self.access.shown();
                Ok(if read.is_deleted {
                    Read::Gone
                } else {
                    Read::Person(read.into())
                })
            }
            Err(PipedriveError::NotFound { .. }) => Ok(Read::Gone),
            Err(PipedriveError::Forbidden { .. }) => match self.access.refused(person) {
                Refusal::OfPerson => Ok(Read::Hidden),
                Refusal::OfCredential => Err(Failure::PeopleForbidden),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Since when a person may have taken a handle over without being in the search yet. No request of ours is in flight:
    /// there is nothing to wait for.
    pub(super) fn unknown_since(&self) -> Timestamp {
        let now = clock::now();
        let lag = self.timing.search_lag.max(self.timing.settle_time);
        now.checked_sub(lag).unwrap_or(now)
    }

    /// People that the search may not show yet, from Pipedrive's list.
    pub(super) async fn changed_since(&self, since: Timestamp) -> Result<Vec<Candidate>, Failure> {
        let people = self.client.people_since(surely_before(since)).await?;
        let living = people.into_iter().filter(|person| !person.is_deleted);
        Ok(living.map(Candidate::from).collect())
    }
}
