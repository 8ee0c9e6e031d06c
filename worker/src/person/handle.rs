//! By what a person is found: a telephone number or an e-mail address.

use std::fmt;

use serde::{Deserialize, Serialize};
use shared::domain::phone::{self, Comparison, E164, Region};

use crate::person::candidate::Candidate;
use crate::store::HandleKey;

/// One handle of a person.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Handle {
    /// A telephone number in E.164.
    Number(E164),
    /// An e-mail address in lower case.
    Email(String),
}

/// Sort of a handle, for the note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HandleKind {
    Number,
    Email,
}

impl HandleKind {
    /// The word for it.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Email => "e-mail address",
        }
    }
}

impl Handle {
    /// The handles of a customer in the order in which they are used: the number first, since an address may be a family's
    /// or a department's.
    pub(crate) fn of_customer(number: Option<&E164>, email: Option<&str>) -> Vec<Self> {
        let number = number.cloned().map(Self::Number);
        let email = email.map(|address| Self::Email(address.to_owned()));
        number.into_iter().chain(email).collect()
    }

    pub(crate) fn kind(&self) -> HandleKind {
        match self {
            Self::Number(_) => HandleKind::Number,
            Self::Email(_) => HandleKind::Email,
        }
    }

    /// Keys of its entries in Redis, the present one first.
    pub(crate) fn keys(&self) -> Vec<HandleKey> {
        match self {
            Self::Number(number) => HandleKey::of_number(number),
            Self::Email(address) => vec![HandleKey::of_email(address)],
        }
    }

    /// Whether a person has it. A search is no proof: it finds parts of numbers and addresses.
    pub(crate) fn compare(&self, candidate: &Candidate, region: Option<Region>) -> Comparison {
        match self {
            Self::Number(number) => phone::compare(&candidate.phones, number, region),
            Self::Email(address) => {
                let is_same = |stored: &String| stored.trim().to_lowercase() == *address;
                if candidate.emails.iter().any(is_same) {
                    Comparison::Same
                } else {
                    Comparison::Different
                }
            }
        }
    }
}

/// Numbers and addresses are personal data: the sort alone is shown.
impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind().fmt(f)
    }
}
