//! Finding people by the directory, in place of Pipedrive's search.

use std::collections::BTreeSet;

use pipedrive::{Person, PersonId, Phone, PipedriveError};
use shared::domain::phone::{self, Comparison, E164};

use super::directory::{Directory, Freshness, Lookup};
use super::finder::PersonFinder;
use super::matching::{Candidate, PersonMatch};
use crate::failure::Failure;
use crate::store::PersonLease;

/// From so many holders on, a number is ambiguous, and the others need not be read.
const SHARED_BY: usize = 2;

/// What reading the people of the directory came to.
struct Judged {
    found: PersonMatch,
    /// The directory named people who are gone, or have the number no more.
    is_stale: bool,
}

impl PersonFinder {
    /// Who has the number by the directory, each person read for one token. Where it names none, changes are read first,
    /// for 10 tokens that all who wait share. `None`: the search serves.
    pub(super) async fn find_indexed(
        &self,
        lease: &PersonLease,
        number: &E164,
        recent: &[Candidate],
    ) -> Result<Option<PersonMatch>, Failure> {
        let Some(directory) = &self.directory else {
            return Ok(None);
        };
        let mut is_stale = false;
        for is_refreshed in [false, true] {
            if is_refreshed && directory.refresh_before_create().await? == Freshness::Behind {
                return Ok(None);
            }
            let Lookup::Complete(mut people) = directory.lookup(number).await? else {
                return Ok(None);
            };
            people.extend(self.holders(recent, number));
            people.extend(self.undecided(recent, number));
            let judged = self.judge(directory, lease, number, people).await?;
            is_stale |= judged.is_stale;
            if judged.found != PersonMatch::Unknown {
                return Ok(Some(judged.found));
            }
        }
        // A merge may have given the number to a person whom no list of changes shows.
        Ok((!is_stale).then_some(PersonMatch::Unknown))
    }

    /// Reads people, 1 token each, until two have the number.
    async fn judge(
        &self,
        directory: &Directory,
        lease: &PersonLease,
        number: &E164,
        people: BTreeSet<PersonId>,
    ) -> Result<Judged, Failure> {
        let (mut found, mut undecided) = (BTreeSet::new(), Vec::new());
        let mut is_stale = false;
        for id in people {
            if found.len() >= SHARED_BY {
                found.insert(id);
                continue;
            }
            lease.renew().await?;
            match self.read_indexed(directory, id, number).await? {
                Comparison::Same => {
                    found.insert(id);
                }
                Comparison::Undecidable => undecided.push(id),
                Comparison::Different => is_stale = true,
            }
        }
        let found = if found.is_empty() && !undecided.is_empty() {
            PersonMatch::Undecided(undecided)
        } else {
            PersonMatch::of(found)
        };
        Ok(Judged { found, is_stale })
    }

    /// Compares a person as it is now, and corrects the directory where it was wrong.
    async fn read_indexed(
        &self,
        directory: &Directory,
        id: PersonId,
        number: &E164,
    ) -> Result<Comparison, Failure> {
        let person = match self.client.person(id).await {
            Err(PipedriveError::NotFound { .. }) => {
                directory.forget(id).await?;
                return Ok(Comparison::Different);
            }
            other => other?,
        };
        if person.is_deleted {
            directory.forget(id).await?;
            return Ok(Comparison::Different);
        }
        let phones: Vec<&str> = person.phones.iter().map(|phone| &*phone.value).collect();
        let compared = phone::compare(&phones, number, self.region);
        if compared == Comparison::Different {
            directory.learn(&person).await?;
        }
        Ok(compared)
    }

    /// Enters a person who was just created. A crash before it loses nothing: the next poll lists the person.
    pub(super) async fn enter(&self, id: PersonId, number: &E164) {
        let Some(directory) = &self.directory else {
            return;
        };
        let phone = Phone {
            value: number.as_str().to_owned(),
            primary: true,
            label: None,
        };
        let person = Person {
            id,
            phones: vec![phone],
            ..Person::default()
        };
        if let Err(error) = directory.learn(&person).await {
            tracing::debug!(%error, "Person {id} is not in the directory yet: the next poll enters it");
        }
    }
}
