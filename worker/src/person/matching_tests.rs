//! Decisions, by example.

use super::*;

fn candidate(id: u64, phones: &[&str]) -> Candidate {
    Candidate {
        id: PersonId(id),
        name: Some(format!("Person {id}")),
        organization: None,
        phones: phones.iter().map(|phone| (*phone).to_owned()).collect(),
        emails: vec![" Casey@Example.com".to_owned()],
        open_deals: None,
    }
}

fn of(organization: u64, id: u64) -> Candidate {
    Candidate {
        organization: Some(OrganizationId(organization)),
        ..candidate(id, &[])
    }
}

fn by_id(people: impl IntoIterator<Item = Candidate>) -> Candidates {
    people.into_iter().map(|it| (it.id, it)).collect()
}

fn finding(holders: impl IntoIterator<Item = Candidate>) -> Finding {
    Finding {
        by: HandleKind::Number,
        holders: by_id(holders),
        undecided: Candidates::new(),
        is_hidden: false,
    }
}

fn number(text: &str) -> Handle {
    Handle::Number(E164::try_from(text.to_owned()).unwrap())
}

fn ids(people: &Candidates) -> Vec<u64> {
    people.keys().map(|id| id.0).collect()
}

fn person(decision: &Decision) -> Option<u64> {
    match decision {
        Decision::One { person, .. } => Some(person.0),
        _ => None,
    }
}

#[test]
fn hits_of_a_search_are_compared_by_what_they_mean() {
    let hits = [
        candidate(1, &["+442079460000", "+442025550143"]),
        candidate(2, &["+442079460000", "(202) 555-0143"]),
        candidate(2, &["+12025550143"]),
    ];
    let region = Region::parse("US").ok();
    let same = |handle: &Handle| ids(&compared(&hits, handle, region, Comparison::Same));
    assert_eq!(same(&number("+12025550143")), [2]);
    assert_eq!(same(&number("+12025550199")), [] as [u64; 0]);
    assert_eq!(same(&Handle::Email("casey@example.com".to_owned())), [1, 2]);
    assert!(same(&Handle::Email("sey@example.com".to_owned())).is_empty());
}

#[test]
fn digits_of_a_number_in_several_countries_are_no_match_and_no_difference() {
    let briton = number("+447700900123");
    let region = Region::parse("US").ok();
    let candidates = [
        candidate(1, &["07700 900123"]),
        candidate(2, &["07700 900123", "+44 20 7946 0000"]),
        candidate(3, &["07700 900124"]),
    ];
    let compared = |expected| ids(&compared(&candidates, &briton, region, expected));
    assert_eq!(compared(Comparison::Same), [2]);
    assert_eq!(compared(Comparison::Undecidable), [1]);
}

#[test]
fn one_holder_is_the_customer_and_several_are_not() {
    let one = decide(&[finding([candidate(7, &[])])]);
    assert_eq!(person(&one), Some(7));

    let several = decide(&[finding([candidate(9, &[]), candidate(3, &[])])]);
    let Decision::Shared { people, .. } = several else {
        panic!("{several:?}");
    };
    assert_eq!(people[0].id, PersonId(3));
    assert_eq!(people[0].name.as_deref(), Some("Person 3"));
}

#[test]
fn several_of_one_organisation_stand_for_it_and_a_stranger_among_them_does_not() {
    let colleagues = decide(&[finding([of(5, 1), of(5, 2), of(5, 3)])]);
    assert!(
        matches!(colleagues, Decision::Organization { organization, .. } if organization.0 == 5)
    );
    for stranger in [of(6, 4), candidate(4, &[])] {
        let mixed = decide(&[finding([of(5, 1), of(5, 2), stranger])]);
        assert!(matches!(mixed, Decision::Shared { .. }), "{mixed:?}");
    }
}

#[test]
fn the_number_goes_before_the_address() {
    let by_number = finding([candidate(1, &[])]);
    let by_email = Finding {
        by: HandleKind::Email,
        ..finding([candidate(2, &[])])
    };
    let both = decide(&[by_number, by_email.clone()]);
    assert_eq!(person(&both), Some(1));
    let unknown_number = decide(&[finding([]), by_email]);
    assert_eq!(person(&unknown_number), Some(2));
}

#[test]
fn only_where_nothing_is_uncertain_no_person_has_it() {
    let hidden = Finding {
        is_hidden: true,
        ..finding([])
    };
    let undecided = Finding {
        undecided: by_id([candidate(3, &[])]),
        ..finding([])
    };
    assert_eq!(decide(&[finding([])]), Decision::Unknown);
    let found = decide(std::slice::from_ref(&hidden));
    assert_eq!(found, Decision::Hidden(HandleKind::Number));
    assert!(matches!(
        decide(&[undecided, hidden.clone()]),
        Decision::Undecided(_)
    ));
    let beside = Finding {
        holders: by_id([candidate(4, &[])]),
        ..hidden
    };
    assert_eq!(person(&decide(&[beside])), Some(4));
}

#[test]
fn both_spellings_of_a_brazilian_mobile_are_searched() {
    let mobile = E164::try_from("+5555998123456".to_owned()).unwrap();
    assert_eq!(search_terms(&mobile, false), ["55998123456", "5598123456"]);
}
