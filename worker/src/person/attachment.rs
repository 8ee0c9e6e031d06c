//! What an activity is attached to.

use std::collections::BTreeMap;

use pipedrive::{DealId, OrganizationId, Participant, PersonId};
use serde::{Deserialize, Serialize};

use crate::person::candidate::Named;
use crate::person::handle::HandleKind;

/// What an activity is attached to, and which third parties take part in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attachment {
    /// What the customer's handles led to.
    pub(crate) to: Target,
    /// People who took part and are not the customer. They are participants beside the primary one.
    pub(crate) third_parties: Vec<PersonId>,
    /// Those of them who were not known when the activity was written last. A participant that people removed since stays
    /// away.
    pub(crate) newcomers: Vec<PersonId>,
    /// Who has which number, as the events give it: the customer's other numbers too.
    pub(crate) named: BTreeMap<String, Named>,
}

/// What an activity is attached to; or why it is attached to no one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    /// Attached to this person.
    Person(KnownPerson),
    /// A person created just now, who can have no deal yet.
    NewPerson(PersonId),
    /// An organisation to which everyone with the handle belongs.
    Organization {
        organization: OrganizationId,
        /// The one open deal that the organisation has with these people.
        deal: Option<DealId>,
        by: HandleKind,
        people: Vec<Named>,
    },
    /// Unattached: several people share the handle.
    Shared { by: HandleKind, people: Vec<Named> },
    /// Unattached: the numbers of these people, stored without country code, may be of another country.
    Undecided(Vec<Named>),
    /// Unattached: whoever has the handle is hidden from the credential's user.
    Hidden(HandleKind),
    /// Unattached: no person has the handle, and none may be created.
    NotFound(NotCreated),
    /// Unattached: there is neither a number nor an e-mail address.
    NoHandle,
}

/// A person who was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownPerson {
    pub(crate) id: PersonId,
    /// How many open deals it has, where it was read just now and Pipedrive said so.
    pub(crate) open_deals: Option<u64>,
}

impl From<PersonId> for KnownPerson {
    fn from(id: PersonId) -> Self {
        Self {
            id,
            open_deals: None,
        }
    }
}

/// Why no person is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NotCreated {
    /// The number was given without its plus.
    Foreign,
    /// The number is the company's own.
    Own,
    /// No whole event of the customer's own side has arrived.
    Unconfirmed,
    /// A person attached the activity elsewhere, or deleted it, before this customer was known.
    Moved,
}

impl Target {
    /// The person, if there is one.
    pub(crate) fn person(&self) -> Option<PersonId> {
        match *self {
            Target::Person(KnownPerson { id, .. }) | Target::NewPerson(id) => Some(id),
            Target::Organization { .. }
            | Target::Shared { .. }
            | Target::Undecided(_)
            | Target::Hidden(_)
            | Target::NotFound(_)
            | Target::NoHandle => None,
        }
    }
}

impl Attachment {
    /// Attachment without third parties.
    #[cfg(test)]
    pub(crate) fn to(to: Target) -> Self {
        Self {
            to,
            third_parties: Vec::new(),
            newcomers: Vec::new(),
            named: BTreeMap::new(),
        }
    }

    /// Without third parties who are gone.
    pub(crate) fn without(&self, gone: &[PersonId]) -> Self {
        let stay = |people: &[PersonId]| {
            let stay = people.iter().filter(|person| !gone.contains(person));
            stay.copied().collect()
        };
        let mut named = self.named.clone();
        named.retain(|_, person| !gone.contains(&person.id));
        Self {
            to: self.to.clone(),
            third_parties: stay(&self.third_parties),
            newcomers: stay(&self.newcomers),
            named,
        }
    }

    /// The person, if there is one.
    pub(crate) fn person(&self) -> Option<PersonId> {
        self.to.person()
    }

    /// The customer first, as primary participant, then known third parties. Without a customer there are none: of several
    /// participants Pipedrive may take the first for the primary one, and the activity would be the third party's.
    pub(crate) fn participants(&self) -> Vec<Participant> {
        let Some(person_id) = self.person() else {
            return Vec::new();
        };
        let primary = Participant {
            person_id,
            primary: true,
        };
        let others = self.third_parties.iter().copied().map(beside);
        std::iter::once(primary).chain(others).collect()
    }

    /// The participants of an activity with the third parties who joined since; nothing if none did, or if they would be
    /// the only ones.
    pub(crate) fn joining(&self, present: &[Participant]) -> Option<Vec<Participant>> {
        if present.is_empty() {
            return None;
        }
        let is_there = |other: &Participant| {
            let mut there = present.iter();
            there.any(|it| it.person_id == other.person_id)
        };
        let joined = self.newcomers.iter().copied().map(beside);
        let joined: Vec<Participant> = joined.filter(|other| !is_there(other)).collect();
        (!joined.is_empty()).then(|| [present, &joined].concat())
    }

    /// The person, if it can have a deal: one that was created just now has none.
    pub(crate) fn established_person(&self) -> Option<KnownPerson> {
        match self.to {
            Target::Person(person) => Some(person),
            Target::NewPerson(_)
            | Target::Organization { .. }
            | Target::Shared { .. }
            | Target::Undecided(_)
            | Target::Hidden(_)
            | Target::NotFound(_)
            | Target::NoHandle => None,
        }
    }

    /// The organisation, if it is attached to one in place of a person.
    pub(crate) fn organization(&self) -> Option<OrganizationId> {
        match self.to {
            Target::Organization { organization, .. } => Some(organization),
            _ => None,
        }
    }

    /// The deal that was found together with the organisation.
    pub(crate) fn deal_of_organization(&self) -> Option<DealId> {
        match self.to {
            Target::Organization { deal, .. } => deal,
            _ => None,
        }
    }
}

/// A participant who is not the primary one.
fn beside(person_id: PersonId) -> Participant {
    Participant {
        person_id,
        primary: false,
    }
}
