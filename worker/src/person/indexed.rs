//! Finding people by the directory, in place of Pipedrive's search.

use std::collections::BTreeSet;

use pipedrive::{Email, Person, PersonId, Phone};
use shared::domain::phone::Comparison;

use super::directory::{Directory, Freshness, Lookup};
use super::handle::Handle;
use super::matching::Finding;
use super::reader::{PersonReader, Read};
use super::search::{Search, is_worth_reading};
use crate::failure::Failure;

impl Search<'_> {
    /// Finds the people of a handle by the directory, each person read for one token. Where it names none, what changed is
    /// read first, for 10 tokens that all who wait share. `false`: the search has to answer.
    pub(super) async fn find_indexed(
        &mut self,
        handle: &Handle,
        finding: &mut Finding,
    ) -> Result<bool, Failure> {
        let Some(directory) = &self.reader.directory else {
            return Ok(false);
        };
        let (mut is_stale, mut is_behind) = (false, false);
        loop {
            let Lookup::Complete(people) = directory.lookup(handle).await? else {
                return Ok(false);
            };
            is_stale |= self
                .read_indexed(directory, handle, people, finding)
                .await?;
            let is_found = !finding.holders.is_empty() || !finding.undecided.is_empty();
            if is_found || finding.is_hidden {
                return Ok(true);
            }
            if is_behind {
                return Ok(false);
            }
            if self.is_refreshed {
                // A merge may have given the handle to a person that no list of changes shows.
                return Ok(!is_stale && !directory.searches_unknown());
            }
            match directory.refresh_before_create().await? {
                Freshness::Fresh => self.is_refreshed = true,
                // It may have come as far as this person.
                Freshness::Behind => is_behind = true,
            }
        }
    }

    /// Reads people until it is certain what follows, 1 token each. Returns whether the directory named others.
    async fn read_indexed(
        &self,
        directory: &Directory,
        handle: &Handle,
        people: BTreeSet<PersonId>,
        finding: &mut Finding,
    ) -> Result<bool, Failure> {
        let mut is_stale = false;
        for id in people {
            if finding.holders.contains_key(&id) || !is_worth_reading(&finding.holders) {
                continue;
            }
            self.held.renew().await?;
            match self.reader.read(id).await? {
                Read::Hidden => finding.is_hidden = true,
                Read::Gone => {
                    directory.forget(id).await?;
                    is_stale = true;
                }
                Read::Person(person) => match handle.compare(&person, self.reader.region) {
                    Comparison::Same => drop(finding.holders.insert(id, person)),
                    Comparison::Undecidable => drop(finding.undecided.insert(id, person)),
                    Comparison::Different => is_stale = true,
                },
            }
        }
        Ok(is_stale)
    }
}

impl PersonReader {
    /// Enters a person who was just created into the directory, as the answer says, and with these handles in any case.
    pub(super) async fn enter(&self, mut person: Person, handles: &[Handle]) {
        let Some(directory) = &self.directory else {
            return;
        };
        let id = person.id;
        (person.phones, person.emails) = (Vec::new(), Vec::new());
        for handle in handles {
            match handle {
                Handle::Number(number) => person.phones.push(Phone {
                    value: number.as_str().to_owned(),
                    primary: true,
                    label: None,
                }),
                Handle::Email(address) => person.emails.push(Email {
                    value: address.clone(),
                    primary: true,
                    label: None,
                }),
            }
        }
        if let Err(error) = directory.enter(&person).await {
            tracing::debug!(%error, "Person {id} is not in the directory yet: the next poll enters it");
        }
    }
}
