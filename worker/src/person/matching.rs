//! Which person in Pipedrive an interaction belongs to: decided here, from what was found; found elsewhere.

use std::collections::BTreeSet;

use pipedrive::{PersonHit, PersonId};
use shared::domain::phone::{self, Comparison, E164, Region};

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
    /// Nobody surely has it, but numbers of these people, stored without country code, have its digits. We neither attach
    /// to them nor create another person.
    Undecided(Vec<PersonId>),
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

/// The candidates whose numbers compare with the wanted one as `expected` says. A hit proves nothing: the search also
/// matches parts of numbers.
#[must_use]
pub fn compared(
    candidates: &[Candidate],
    wanted: &E164,
    region: Option<Region>,
    expected: Comparison,
) -> BTreeSet<PersonId> {
    candidates
        .iter()
        .filter(|candidate| phone::compare(&candidate.phones, wanted, region) == expected)
        .map(|candidate| candidate.id)
        .collect()
}

/// What to search for, in this order. The national number is part of every stored form that the index may know by its
/// digits, in each spelling of a mobile that has two; the `international` one serves an index that matches from the
/// beginning, or compares whole numbers.
///
/// How Pipedrive's search treats the forms is documented nowhere.
#[must_use]
pub fn search_terms(wanted: &E164, international: bool) -> Vec<String> {
    let mut terms = phone::search_digits(wanted);
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
        PersonMatch::of(compared(
            candidates,
            &wanted,
            Some(region),
            Comparison::Same,
        ))
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

    #[test]
    fn digits_of_a_number_in_several_countries_are_no_match_and_no_difference() {
        let briton = E164::try_from("+447700900123".to_owned()).unwrap();
        let region = Region::parse("US").ok();
        let person = |id: u64, phones: &[&str]| Candidate {
            id: PersonId(id),
            phones: phones.iter().map(|phone| (*phone).to_owned()).collect(),
        };
        let candidates = [
            person(1, &["07700 900123"]),
            person(2, &["07700 900123", "+44 20 7946 0000"]),
            person(3, &["07700 900124"]),
        ];
        let compared = |expected| compared(&candidates, &briton, region, expected);
        assert_eq!(compared(Comparison::Same), BTreeSet::from([PersonId(2)]));
        assert_eq!(
            compared(Comparison::Undecidable),
            BTreeSet::from([PersonId(1)])
        );
    }

    #[test]
    fn both_spellings_of_a_brazilian_mobile_are_searched() {
        let mobile = E164::try_from("+5555998123456".to_owned()).unwrap();
        assert_eq!(search_terms(&mobile, false), ["55998123456", "5598123456"]);
    }
}
