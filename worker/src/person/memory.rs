//! What was found for an interaction, as its entry in Redis remembers it for the next event.
//!
//! One person stands in fields of its own, which older versions know. What else was found is JSON that they leave alone; a
//! text that cannot be read is no finding, and the search is made again.

use std::collections::BTreeMap;

use pipedrive::PersonId;
use serde::{Deserialize, Serialize};
use shared::domain::phone::E164;

use crate::person::attachment::Target;
use crate::person::candidate::Named;
use crate::store::Progress;

/// Most people who are remembered, and named in a note.
const PEOPLE_MAX: usize = 10;

/// A finding, and what it was found by.
#[derive(Debug, Serialize, Deserialize)]
struct Found {
    number: Option<String>,
    email: Option<String>,
    to: Target,
}

/// What was found for the same handles before. A person who was found for a number stays when an address arrives later.
pub(super) fn recall(
    progress: &Progress,
    number: Option<&E164>,
    email: Option<&str>,
) -> Option<Target> {
    let number = number.map(E164::as_str);
    let is_same = progress.number.as_deref() == number
        && (number.is_some() || progress.email.as_deref() == email);
    if let Some(person) = progress.person.filter(|_| is_same) {
        return Some(Target::Person(person.into()));
    }
    let found: Found = serde_json::from_str(progress.found.as_deref()?).ok()?;
    let is_same = found.number.as_deref() == number && found.email.as_deref() == email;
    is_same.then_some(found.to)
}

/// Notes what was found. Only what is certain, and not one person, is worth remembering: who was not found now may be
/// there, or be created, when the next event arrives.
pub(super) fn remember(
    progress: &mut Progress,
    number: Option<&E164>,
    email: Option<&str>,
    target: &mut Target,
) {
    progress.number = number.map(|number| number.as_str().to_owned());
    progress.email = email.map(str::to_owned);
    progress.found = match target {
        Target::Organization { people, .. } | Target::Shared { people, .. } => {
            people.truncate(PEOPLE_MAX);
            let found = Found {
                number: progress.number.clone(),
                email: progress.email.clone(),
                to: target.clone(),
            };
            serde_json::to_string(&found).ok()
        }
        Target::Undecided(people) => {
            people.truncate(PEOPLE_MAX);
            None
        }
        Target::Person(_)
        | Target::NewPerson(_)
        | Target::Hidden(_)
        | Target::NotFound(_)
        | Target::NoHandle => None,
    };
}

/// Third parties that were looked for, by number.
#[derive(Debug, Default)]
pub(super) struct ThirdParties(BTreeMap<String, ThirdParty>);

/// A third party. Older versions wrote the id alone, and look again where they find a name.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum ThirdParty {
    /// A person without a name; 0 for none.
    Id(u64),
    Named(Named),
}

impl ThirdParties {
    pub(super) fn of(progress: &Progress) -> Self {
        let stored = progress.third_parties.as_deref();
        let read = stored.and_then(|stored| serde_json::from_str(stored).ok());
        Self(read.unwrap_or_default())
    }

    /// Whether a number was looked for.
    pub(super) fn contains(&self, number: &E164) -> bool {
        self.0.contains_key(number.as_str())
    }

    /// The person of a number, if one was found.
    pub(super) fn person(&self, number: &E164) -> Option<Named> {
        match self.0.get(number.as_str())? {
            ThirdParty::Id(0) => None,
            ThirdParty::Id(id) => Some(Named {
                id: PersonId(*id),
                name: None,
            }),
            ThirdParty::Named(person) => Some(person.clone()),
        }
    }

    pub(super) fn insert(&mut self, number: &E164, person: Option<Named>) {
        let party = match person {
            None => ThirdParty::Id(0),
            Some(Named { id, name: None }) => ThirdParty::Id(id.0),
            Some(named) => ThirdParty::Named(named),
        };
        self.0.insert(number.as_str().to_owned(), party);
    }

    /// Takes people for unknown who are gone.
    fn forget(&mut self, gone: &[PersonId]) {
        for party in self.0.values_mut() {
            let id = match party {
                ThirdParty::Id(id) => PersonId(*id),
                ThirdParty::Named(person) => person.id,
            };
            if gone.contains(&id) {
                *party = ThirdParty::Id(0);
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn store(self, progress: &mut Progress) {
        let is_any = !self.0.is_empty();
        progress.third_parties = serde_json::to_string(&self.0).ok().filter(|_| is_any);
    }
}

/// Takes third parties for unknown who were deleted, merged or hidden since they were found.
pub(crate) fn forget_third_parties(progress: &mut Progress, gone: &[PersonId]) {
    let mut known = ThirdParties::of(progress);
    known.forget(gone);
    known.store(progress);
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::person::handle::HandleKind;

    fn number() -> E164 {
        E164::try_from("+12025550143".to_owned()).unwrap()
    }

    fn shared() -> Target {
        let named = |id| Named {
            id: PersonId(id),
            name: None,
        };
        Target::Shared {
            by: HandleKind::Number,
            people: (1..=20).map(named).collect(),
        }
    }

    #[test]
    fn what_several_people_share_is_remembered_for_the_same_handles_alone() {
        let number = number();
        let mut progress = Progress::default();
        let mut target = shared();
        remember(&mut progress, Some(&number), None, &mut target);

        assert_eq!(recall(&progress, Some(&number), None), Some(target));
        let with_email = recall(&progress, Some(&number), Some("casey@example.com"));
        assert_eq!(with_email, None, "the address may distinguish them");
        assert_eq!(recall(&progress, None, None), None);
    }

    #[test]
    fn one_person_stays_when_an_address_arrives_and_not_when_the_number_changes() {
        let number = number();
        let progress = Progress {
            person: Some(PersonId(5)),
            number: Some(number.as_str().to_owned()),
            ..Progress::default()
        };
        let person = Some(Target::Person(PersonId(5).into()));
        assert_eq!(recall(&progress, Some(&number), None), person);
        assert_eq!(
            recall(&progress, Some(&number), Some("a@example.com")),
            person
        );
        let other = E164::try_from("+12025550144".to_owned()).unwrap();
        assert_eq!(recall(&progress, Some(&other), None), None);
    }

    #[test]
    fn a_finding_of_another_version_is_searched_again() {
        let progress = Progress {
            found: Some(r#"{"to":{"planet":1}}"#.to_owned()),
            ..Progress::default()
        };
        assert_eq!(recall(&progress, Some(&number()), None), None);
    }

    #[test]
    fn who_has_no_person_is_not_looked_for_again() {
        let mut progress = Progress::default();
        let mut parties = ThirdParties::of(&progress);
        assert!(!parties.contains(&number()));
        parties.insert(&number(), None);
        parties.store(&mut progress);
        let parties = ThirdParties::of(&progress);
        assert!(parties.contains(&number()));
        assert_eq!(parties.person(&number()), None);
    }

    #[test]
    fn a_third_party_keeps_the_name_and_an_older_versions_has_none() {
        let older = Some(r#"{"+12025550143":7}"#.to_owned());
        let mut progress = Progress {
            third_parties: older.clone(),
            ..Progress::default()
        };
        let unnamed = Named {
            id: PersonId(7),
            name: None,
        };
        let mut parties = ThirdParties::of(&progress);
        assert_eq!(parties.person(&number()), Some(unnamed.clone()));
        parties.insert(&number(), Some(unnamed.clone()));
        parties.store(&mut progress);
        assert_eq!(progress.third_parties, older, "as older versions read it");

        let named = Named {
            name: Some("Sam Supplier".to_owned()),
            ..unnamed
        };
        let mut parties = ThirdParties::of(&progress);
        parties.insert(&number(), Some(named.clone()));
        parties.store(&mut progress);
        assert_eq!(ThirdParties::of(&progress).person(&number()), Some(named));
        forget_third_parties(&mut progress, &[PersonId(7)]);
        let parties = ThirdParties::of(&progress);
        assert!(parties.contains(&number()) && parties.person(&number()).is_none());
    }
}
