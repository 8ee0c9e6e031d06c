//! The person to which an activity is attached.

use pipedrive::PersonId;

/// The person to which an activity is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Attachment {
    /// One person.
    Person(PersonId),
    /// A person created just now, who can have no deal yet.
    NewPerson(PersonId),
    /// No person: there is no number to search for, or none that may create a person and no person has it.
    Nobody,
    /// No person, since several share the number.
    Shared(Vec<PersonId>),
    /// No person, since the numbers of these, stored without country code, may be of another country.
    Undecided(Vec<PersonId>),
}

impl Attachment {
    /// The person, if there is one.
    pub(crate) fn person(&self) -> Option<PersonId> {
        match self {
            Self::Person(id) | Self::NewPerson(id) => Some(*id),
            Self::Nobody | Self::Shared(_) | Self::Undecided(_) => None,
        }
    }
}
