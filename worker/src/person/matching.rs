//! What an interaction is attached to: decided here, from what was found; found elsewhere.

use pipedrive::{OrganizationId, PersonId};
use shared::domain::phone::{self, Comparison, E164, Region};

use crate::person::candidate::{Candidate, Candidates, Named};
use crate::person::handle::{Handle, HandleKind};

/// What the search for one handle brought to light.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Sort of the handle.
    pub(crate) by: HandleKind,
    /// People who have it.
    pub(crate) holders: Candidates,
    /// People who may have it: their numbers, stored without country code, have its digits.
    pub(crate) undecided: Candidates,
    /// Whether there is a person that Pipedrive hides from the credential's user.
    pub(crate) is_hidden: bool,
}

/// What follows from the findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Just this person has the handle.
    One {
        person: PersonId,
        open_deals: Option<u64>,
        by: HandleKind,
    },
    /// Several people of one organisation share it.
    Organization {
        organization: OrganizationId,
        by: HandleKind,
        people: Vec<Named>,
    },
    /// Several people share it. The activity is attached to none of them: a call on the wrong customer is worse than one
    /// that waits for a person to decide.
    Shared { by: HandleKind, people: Vec<Named> },
    /// It is not certain that anyone has it, nor that no one has.
    Undecided(Vec<Named>),
    /// A hidden person may have it. Another person is not created beside that one.
    Hidden(HandleKind),
    /// No person has any of the handles.
    Unknown,
}

/// Decides what an interaction is attached to. The first handle that a person has counts: findings are in the order of
/// the handles.
pub(crate) fn decide(findings: &[Finding]) -> Decision {
    if let Some(found) = findings.iter().find(|found| !found.holders.is_empty()) {
        return of_holders(found.by, &found.holders);
    }
    let uncertain = findings.iter().find(|found| !found.undecided.is_empty());
    if let Some(found) = uncertain {
        return Decision::Undecided(named(&found.undecided));
    }
    match findings.iter().find(|found| found.is_hidden) {
        Some(found) => Decision::Hidden(found.by),
        None => Decision::Unknown,
    }
}

fn of_holders(by: HandleKind, holders: &Candidates) -> Decision {
    let mut all = holders.values();
    let people = || named(holders);
    match (all.next(), all.next(), one_organization(holders)) {
        (Some(only), None, _) => Decision::One {
            person: only.id,
            open_deals: only.open_deals,
            by,
        },
        (_, _, Some(organization)) => Decision::Organization {
            organization,
            by,
            people: people(),
        },
        (_, _, None) => Decision::Shared {
            by,
            people: people(),
        },
    }
}

/// The organisation to which all of them belong.
pub(crate) fn one_organization(people: &Candidates) -> Option<OrganizationId> {
    let mut all = people.values().map(|person| person.organization);
    let first = all.next().flatten()?;
    all.all(|other| other == Some(first)).then_some(first)
}

fn named(people: &Candidates) -> Vec<Named> {
    people.values().map(Candidate::named).collect()
}

/// The candidates that compare with the handle as `expected` says.
pub(crate) fn compared(
    candidates: &[Candidate],
    handle: &Handle,
    region: Option<Region>,
    expected: Comparison,
) -> Candidates {
    candidates
        .iter()
        .filter(|candidate| handle.compare(candidate, region) == expected)
        .map(|candidate| (candidate.id, candidate.clone()))
        .collect()
}

/// What to search for, in this order. The national number is part of every stored form that the index may know by its
/// digits, in each spelling of a mobile that has two; the `international` one serves an index that matches from the
/// beginning, or compares whole numbers.
///
/// How Pipedrive's search treats the forms is documented nowhere.
#[must_use]
pub(crate) fn search_terms(wanted: &E164, international: bool) -> Vec<String> {
    let mut terms = phone::search_digits(wanted);
    if international {
        terms.push(wanted.as_str().to_owned());
    }
    terms
}

#[cfg(test)]
#[path = "matching_tests.rs"]
mod tests;
