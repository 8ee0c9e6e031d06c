//! Which person in Pipedrive an interaction belongs to: decided here, from what was found; found elsewhere.

use std::collections::BTreeSet;

use pipedrive::{PersonHit, PersonId};
use shared::domain::phone::{self, E164, Region};

/// A person that a search returned, with telephone numbers as they are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The person.
    pub id: PersonId,
    /// Numbers in any form, as users typed them.
    pub phones: Vec<String>,
}

impl From<PersonHit> for Candidate {
    fn from(hit: PersonHit) -> Self {
        Self {
            id: hit.id,
            phones: hit.phones,
        }
    }
}

/// Which person in Pipedrive an interaction belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PersonMatch {
    /// Exactly this person has the number.
    One(PersonId),
    /// No person has it.
    Unknown,
    /// Several people share it. We attach to none of them: a call logged on the wrong customer is worse than one that
    /// waits for a person to decide.
    Ambiguous(Vec<PersonId>),
}

impl PersonMatch {
    /// The match where exactly `holders` have the number.
    #[must_use]
    pub fn of(holders: BTreeSet<PersonId>) -> Self {
        let holders: Vec<PersonId> = holders.into_iter().collect();
        match holders[..] {
            [] => Self::Unknown,
            [only] => Self::One(only),
            _ => Self::Ambiguous(holders),
        }
    }
}

/// The candidates that have the wanted number. A hit proves nothing: the search also matches parts of numbers.
#[must_use]
pub fn holders(
    candidates: &[Candidate],
    wanted: &E164,
    region: Option<Region>,
) -> BTreeSet<PersonId> {
    candidates
        .iter()
        .filter(|candidate| has_number(&candidate.phones, wanted, region))
        .map(|candidate| candidate.id)
        .collect()
}

/// Whether one of the stored numbers is the one that is wanted.
#[must_use]
pub fn has_number(phones: &[String], wanted: &E164, region: Option<Region>) -> bool {
    phones
        .iter()
        .any(|stored| phone::is_same(stored, wanted, region))
}

/// What to search for, in this order. The national number is part of every stored form that the index may know by its
/// digits; the `international` one serves an index that matches from the beginning, or compares whole numbers.
///
/// How Pipedrive's search treats the forms is documented nowhere.
#[must_use]
pub fn search_terms(wanted: &E164, international: bool) -> Vec<String> {
    let mut terms = vec![wanted.national()];
    if international {
        terms.push(wanted.as_str().to_owned());
    }
    terms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(id: u64, phone: &str) -> Candidate {
        Candidate {
            id: PersonId(id),
            phones: vec!["+442079460000".to_owned(), phone.to_owned()],
        }
    }

    fn matched(candidates: &[Candidate]) -> PersonMatch {
        let wanted = E164::try_from("+12025550143".to_owned()).unwrap();
        let region = Region::parse("US").unwrap();
        PersonMatch::of(holders(candidates, &wanted, Some(region)))
    }

    #[test]
    fn the_first_hit_is_not_taken_for_the_right_one() {
        let found = matched(&[
            candidate(1, "+442025550143"),
            candidate(2, "(202) 555-0143"),
        ]);
        assert_eq!(found, PersonMatch::One(PersonId(2)));
    }

    #[test]
    fn several_people_with_the_number_are_ambiguous_one_found_twice_is_not() {
        let twice = matched(&[candidate(7, "202 555 0143"), candidate(7, "+12025550143")]);
        assert_eq!(twice, PersonMatch::One(PersonId(7)));

        let shared = matched(&[candidate(9, "+12025550143"), candidate(3, "2025550143")]);
        assert_eq!(
            shared,
            PersonMatch::Ambiguous(vec![PersonId(3), PersonId(9)])
        );
    }

    #[test]
    fn hits_with_another_number_are_nobody() {
        assert_eq!(
            matched(&[candidate(1, "+12025550199")]),
            PersonMatch::Unknown
        );
        assert_eq!(matched(&[]), PersonMatch::Unknown);
    }
}
