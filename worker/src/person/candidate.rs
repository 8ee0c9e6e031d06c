//! People who may be the customer.

use std::collections::BTreeMap;

use pipedrive::{OrganizationId, Person, PersonHit, PersonId};
use serde::{Deserialize, Serialize};

/// A person who may have a handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Id of the person.
    pub(crate) id: PersonId,
    /// First and last name of the person in one text.
    pub(crate) name: Option<String>,
    /// The organisation it belongs to.
    pub(crate) organization: Option<OrganizationId>,
    /// Numbers in whatever form they were typed in.
    pub(crate) phones: Vec<String>,
    /// E-mail addresses as they were typed in.
    pub(crate) emails: Vec<String>,
    /// How many open deals it has, where its read said so.
    pub(crate) open_deals: Option<u64>,
}

impl From<PersonHit> for Candidate {
    fn from(hit: PersonHit) -> Self {
        Self {
            id: hit.id,
            name: hit.name,
            organization: hit.org_id,
            phones: hit.phones,
            emails: hit.emails,
            open_deals: None,
        }
    }
}

impl From<Person> for Candidate {
    fn from(person: Person) -> Self {
        let phones = person.phones.into_iter().map(|phone| phone.value);
        let emails = person.emails.into_iter().map(|email| email.value);
        Self {
            id: person.id,
            name: person.name,
            organization: person.org_id,
            phones: phones.collect(),
            emails: emails.collect(),
            open_deals: person.open_deals_count,
        }
    }
}

impl Candidate {
    /// Its name and id.
    pub(crate) fn named(&self) -> Named {
        Named {
            id: self.id,
            name: self.name.clone(),
        }
    }
}

/// Candidates of a search, by their id.
pub(crate) type Candidates = BTreeMap<PersonId, Candidate>;

/// A person, as far as a note names them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Named {
    pub(crate) id: PersonId,
    pub(crate) name: Option<String>,
}
