//! Finds the person of a number or of an e-mail address, or creates it once.

use std::collections::BTreeSet;

use pipedrive::{
    DealId, Email, NewPerson, OrganizationId, Person, PersonId, Phone, PipedriveError,
};
use shared::domain::phone::Comparison;
use shared::fail_point::{self, FailPoint};

use crate::effect::once::once;
use crate::failure::Failure;
use crate::metrics::PEOPLE_CREATED;
use crate::person::attachment::{KnownPerson, NotCreated, Target};
use crate::person::candidate::Named;
use crate::person::existing::Existing;
use crate::person::handle::{Handle, HandleKind};
use crate::person::held::{Held, PersonIntent};
use crate::person::matching::{Decision, Finding, decide};
use crate::person::reader::{PersonReader, Read};
use crate::person::search::Search;
use crate::store::{InteractionStore, People};
use crate::text::one_line;

/// What is done where no person has any of the handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenUnknown<'n> {
    /// A person is created, named so, or by the first handle.
    Create {
        /// The name, if one is known.
        name: Option<&'n str>,
        /// The activity, if it exists: a person is created for it only where it can be moved to the person.
        existing: Option<&'n Existing>,
    },
    /// No person is created.
    Leave(NotCreated),
}

/// Finds people by their handles.
#[derive(Clone, Debug)]
pub(crate) struct PersonFinder {
    /// Reads and searches people, in the directory or in Pipedrive.
    pub(crate) reader: PersonReader,
    /// People by handle, in Redis.
    pub(crate) people: People,
    /// Whether the one open deal of an organisation's people is linked.
    pub(crate) link_open_deal: bool,
}

/// Result of one look at everything that is known of the handles.
enum Outcome {
    /// With the name, if it is one person.
    Decided(Decision, Option<String>),
    /// No person has any of the handles, and a person moved the activity that one would be created for.
    Moved,
    Created(Box<Person>),
    /// A stored person no longer has this handle.
    Stale(usize, PersonId),
}

impl PersonFinder {
    /// What the first of `handles` that leads to people leads to; where none does, what `when_unknown` says. With the name
    /// of one person who was found.
    ///
    /// # Errors
    ///
    /// When the search fails, or its result is not certain yet. A failed search never counts as "no person".
    pub(crate) async fn find(
        &self,
        handles: &[Handle],
        when_unknown: WhenUnknown<'_>,
    ) -> Result<(Target, Option<String>), Failure> {
        let owner = InteractionStore::new_owner();
        loop {
            let held = Held::claim(&self.people, handles, &owner).await?;
            match self.look(&held, handles, when_unknown).await {
                Ok(Outcome::Stale(handle, person)) => {
                    held.release().await;
                    self.forget(&handles[handle], person).await?;
                }
                Ok(Outcome::Created(created)) => {
                    let person = created.id;
                    held.remember_created(person).await?;
                    fail_point::reach(FailPoint::PersonRemembered).await;
                    self.reader.enter(*created, handles).await;
                    metrics::counter!(PEOPLE_CREATED).increment(1);
                    tracing::info!(person.id = %person, "Created person {person}");
                    return Ok((Target::NewPerson(person), None));
                }
                Ok(Outcome::Decided(decision, name)) => {
                    let target = self.settle(held, handles, decision, when_unknown).await?;
                    return Ok((target, name));
                }
                Ok(Outcome::Moved) => {
                    held.release().await;
                    return Ok((Target::NotFound(NotCreated::Moved), None));
                }
                Err(failure) => {
                    // The leases would expire by themselves; ending them now spares other deliveries the wait.
                    held.release().await;
                    return Err(failure);
                }
            }
        }
    }

    /// Goes through the handles until one leads to people, and creates a person where none does and one may be created.
    async fn look(
        &self,
        held: &Held,
        handles: &[Handle],
        when_unknown: WhenUnknown<'_>,
    ) -> Result<Outcome, Failure> {
        let mut search: Option<Search<'_>> = None;
        let mut findings: Vec<Finding> = Vec::new();
        for (position, handle) in handles.iter().enumerate() {
            let finding = if let Some(person) = held.known(position) {
                match self.recall(person, handle).await? {
                    Some(finding) => finding,
                    None => return Ok(Outcome::Stale(position, person)),
                }
            } else {
                let search = match &mut search {
                    Some(search) => search,
                    none => none.insert(Search::new(&self.reader, held).await?),
                };
                search.people(handle).await?
            };
            let is_found = !finding.holders.is_empty();
            findings.push(finding);
            if is_found {
                break;
            }
        }
        match (decide(&findings), when_unknown) {
            (Decision::Unknown, WhenUnknown::Create { name, existing }) => {
                if let Some(existing) = existing
                    && !existing.is_as_we_left_it(&self.reader.client).await?
                {
                    return Ok(Outcome::Moved);
                }
                let person = self.create(held, handles, name).await?;
                Ok(Outcome::Created(Box::new(person)))
            }
            (decision, _) => Ok(Outcome::Decided(decision, name_of_one(&findings))),
        }
    }

    /// Reads a stored person for one token: since it was stored it may have been merged, or its handle changed. Nothing if
    /// so. One who is hidden by now is the one who has the handle: no other is searched for.
    async fn recall(&self, person: PersonId, handle: &Handle) -> Result<Option<Finding>, Failure> {
        fail_point::reach(FailPoint::PersonRecalled).await;
        let (holder, is_hidden) = match self.reader.read(person).await? {
            Read::Person(read) if handle.compare(&read, self.reader.region) == Comparison::Same => {
                (Some((person, read)), false)
            }
            Read::Person(_) | Read::Gone => return Ok(None),
            Read::Hidden => (None, true),
        };
        Ok(Some(Finding {
            by: handle.kind(),
            holders: holder.into_iter().collect(),
            undecided: [].into(),
            is_hidden,
        }))
    }

    /// Ends the leases as the decision demands.
    async fn settle(
        &self,
        held: Held,
        handles: &[Handle],
        decision: Decision,
        when_unknown: WhenUnknown<'_>,
    ) -> Result<Target, Failure> {
        let position = |by: HandleKind| handles.iter().position(|handle| handle.kind() == by);
        Ok(match decision {
            Decision::One {
                person,
                open_deals,
                by,
            } => {
                held.remember(position(by), person).await?;
                Target::Person(KnownPerson {
                    id: person,
                    open_deals,
                })
            }
            Decision::Organization {
                organization,
                by,
                people,
            } => {
                held.withdraw(position(by)).await?;
                let deal = self.deal(organization, &people).await?;
                Target::Organization {
                    organization,
                    deal,
                    by,
                    people,
                }
            }
            Decision::Shared { by, people } => {
                held.withdraw(position(by)).await?;
                Target::Shared { by, people }
            }
            // An intent stays: an older call may have created a person that the search does not show yet.
            Decision::Undecided(people) => {
                held.release().await;
                Target::Undecided(people)
            }
            Decision::Hidden(by) => {
                held.release().await;
                Target::Hidden(by)
            }
            Decision::Unknown => {
                held.release().await;
                match when_unknown {
                    WhenUnknown::Leave(why) => Target::NotFound(why),
                    WhenUnknown::Create { .. } => Target::NotFound(NotCreated::Unconfirmed),
                }
            }
        })
    }

    async fn forget(&self, handle: &Handle, person: PersonId) -> Result<(), Failure> {
        let since = self.reader.unknown_since();
        for key in handle.keys() {
            self.people.forget(&key, person, since).await?;
        }
        Ok(())
    }

    /// The one open deal that an organisation has with these people. 10 tokens: a list of the organisation's deals, rather
    /// than one of each person's. A credential that may not see deals is no reason to lose a call.
    async fn deal(
        &self,
        organization: OrganizationId,
        people: &[Named],
    ) -> Result<Option<DealId>, Failure> {
        if !self.link_open_deal {
            return Ok(None);
        }
        let deals = match self.reader.client.open_deals_of(organization).await {
            Err(
                error @ (PipedriveError::Forbidden { .. }
                | PipedriveError::NotFound { .. }
                | PipedriveError::Rejected { .. }),
            ) => {
                tracing::warn!(%error, "No deal is linked");
                return Ok(None);
            }
            other => other?,
        };
        let people: BTreeSet<PersonId> = people.iter().map(|person| person.id).collect();
        let theirs = |deal: &&pipedrive::Deal| {
            let person = deal.person_id;
            person.is_some_and(|person| people.contains(&person))
        };
        let mut theirs = deals.iter().filter(theirs);
        let first = theirs.next();
        Ok(first
            .filter(|_| theirs.next().is_none())
            .map(|deal| deal.id))
    }

    async fn create(
        &self,
        held: &Held,
        handles: &[Handle],
        name: Option<&str>,
    ) -> Result<Person, Failure> {
        let call = pipedrive::create_person(&new_person(handles, name));
        let created = once(
            &self.reader.client,
            &call,
            &PersonIntent(held),
            self.reader.timing,
        )
        .await?;
        fail_point::reach(FailPoint::PersonAnswered).await;
        Ok(created)
    }
}

/// The name of the only person who has the handle.
fn name_of_one(findings: &[Finding]) -> Option<String> {
    let found = findings.iter().find(|found| !found.holders.is_empty())?;
    let mut holders = found.holders.values();
    let only = holders.next().filter(|_| holders.next().is_none());
    only.and_then(|person| person.name.clone())
}

/// A person with these handles, named by the first of them if there is no name.
fn new_person(handles: &[Handle], name: Option<&str>) -> NewPerson {
    let label = || Some("work".to_owned());
    let mut person = NewPerson {
        name: name.map(one_line).unwrap_or_default(),
        phones: Vec::new(),
        emails: Vec::new(),
    };
    for handle in handles {
        let text = match handle {
            Handle::Number(number) => {
                let value = number.as_str().to_owned();
                person.phones.push(Phone {
                    value,
                    primary: true,
                    label: label(),
                });
                number.as_str()
            }
            Handle::Email(address) => {
                let value = address.clone();
                person.emails.push(Email {
                    value,
                    primary: true,
                    label: label(),
                });
                address
            }
        };
        if person.name.is_empty() {
            text.clone_into(&mut person.name);
        }
    }
    person
}
