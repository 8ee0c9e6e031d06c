//! Third parties, and several people with one number.

use bridge_tests::history::{Deal, Gone, History, Person, Posted, check};

use crate::content::wrong_fields;
use crate::{CALLER, at, event, person, right, violations};

const STRANGER: &str = "+447700900950";

/// A third party takes part in the first interaction.
fn with_third_party() -> History {
    let mut history = right();
    history.posted.push(Posted {
        number: None,
        third_party: Some(STRANGER.to_owned()),
        head: None,
        ..event("one", "one-third", STRANGER)
    });
    let note = &mut history.activities[0].note;
    *note = format!("<b>Also took part:</b> {STRANGER}<br>{note}");
    history
}

#[test]
fn a_third_party_is_named_and_takes_no_record_over() {
    let mut history = with_third_party();
    assert_eq!(violations(&history), [""; 0]);
    assert_eq!(check(&history).counts.third_parties, 1);

    history.persons.push(Person {
        was_there_before: true,
        ..person(2, STRANGER)
    });
    history.activities[0].person = Some(2);
    assert_eq!(violations(&history), ["wrong person"]);

    history.activities[0].person = Some(1);
    let note = &mut history.activities[0].note;
    *note = note.replace(STRANGER, "");
    assert_eq!(violations(&history), ["incomplete record"]);
}

#[test]
fn a_third_party_who_has_a_name_from_another_interaction_is_named_by_it() {
    let mut history = with_third_party();
    let name = "Caller 000417";
    history.posted[2].facts = vec![name.to_owned()];
    let note = &mut history.activities[0].note;
    *note = note.replace(STRANGER, &format!("{name} ({STRANGER})"));
    assert_eq!(violations(&history), ["foreign fact"]);

    history.persons.push(Person {
        was_there_before: true,
        name: name.to_owned(),
        ..person(2, STRANGER)
    });
    assert_eq!(violations(&history), [""; 0]);

    // The supplier was merged into them.
    history.persons.push(Person {
        was_there_before: true,
        name: "Supplier".to_owned(),
        gone: Some(Gone::MergedInto(2)),
        ..person(3, STRANGER)
    });
    assert_eq!(violations(&history), [""; 0]);
}

#[test]
fn no_person_is_created_for_a_third_party_once_the_call_is_recorded() {
    let mut history = with_third_party();
    history.persons.push(Person {
        created: at(10),
        ..person(2, STRANGER)
    });
    assert_eq!(violations(&history), ["stray person"]);

    history.persons[1].created = at(9);
    let verdict = check(&history);
    assert_eq!(verdict.violations, []);
    assert_eq!(verdict.counts.taken_for_customers, 1);
}

/// Two people of organisation 6 have the caller's number; the second has deal 3.
fn with_colleagues() -> History {
    let mut history = right();
    history.persons = [1, 2]
        .map(|id| Person {
            was_there_before: true,
            organization: Some(6),
            ..person(id, CALLER)
        })
        .to_vec();
    history.deals = vec![Deal { id: 3, person: 2 }];
    let activity = &mut history.activities[0];
    (activity.person, activity.organization, activity.deal) = (None, Some(6), Some(3));
    activity.note = format!("Person 1, Person 2<br>{}", activity.note);
    history
}

#[test]
fn colleagues_with_one_number_are_named_at_their_organisation_and_its_only_deal() {
    let mut history = with_colleagues();
    assert_eq!(violations(&history), [""; 0]);
    assert_eq!(check(&history).counts.shared, 1);

    history.activities[0].organization = None;
    history.activities[0].deal = None;
    let expected = [("deal", "3".to_owned()), ("organisation", "6".to_owned())];
    assert_eq!(wrong_fields(&history), expected);
}

#[test]
fn people_of_two_organisations_with_one_number_are_named_at_neither() {
    let mut history = with_colleagues();
    history.persons[1].organization = Some(7);
    history.activities[0].deal = None;
    let expected = ("organisation", "none".to_owned());
    assert_eq!(wrong_fields(&history), [expected]);

    history.activities[0].organization = None;
    assert_eq!(violations(&history), [""; 0]);
    let note = &mut history.activities[0].note;
    *note = note.replace("Person 2", "");
    let expected = ("people", "Person 2".to_owned());
    assert_eq!(wrong_fields(&history), [expected]);
}
