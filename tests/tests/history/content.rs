//! What records say: in fields that are right and in such as are wrong, and of interactions that are not theirs.

use bridge_tests::history::{
    Activity, Answer, Began, Deal, Gone, History, Person, Posted, Violation, check,
};
use jiff::SignedDuration;

use crate::{CALLER, activity, at, bystander, event, head, person, right, violations};

/// The fields that are found wrong, each with what is expected instead.
pub(super) fn wrong_fields(history: &History) -> Vec<(&'static str, String)> {
    let wrong = check(history)
        .violations
        .into_iter()
        .map(|found| match found {
            Violation::WrongField {
                field, expected, ..
            } => (field, expected),
            other => panic!("{other}"),
        });
    wrong.collect()
}

#[test]
fn a_wrong_field_of_each_sort() {
    type Change = fn(&mut Activity);
    let changes: [(&str, &str, Change); 6] = [
        ("subject", "Call of a customer", |it| it.subject.push('s')),
        ("type", "call", |it| it.kind = "task".to_owned()),
        ("time", "2027-01-15 08:00", |it| {
            it.due = "2027-01-15 08:01".to_owned();
        }),
        ("duration", "00:02", |it| it.duration = "00:03".to_owned()),
        ("done", "true", |it| it.is_done = false),
        ("deal", "none", |it| it.deal = Some(4)),
    ];
    for (field, expected, change) in changes {
        let mut history = right();
        change(&mut history.activities[0]);
        assert_eq!(wrong_fields(&history), [(field, expected.to_owned())]);
    }
}

/// The end of the customer's side, and what two agents' sides added after it, all in one record.
fn with_agents() -> History {
    let agents = |key: &str, fact: &str, subject: &str| Posted {
        head: Some(head(false, subject)),
        ..event("one", key, fact)
    };
    History {
        posted: vec![
            event("one", "one-end", "Alex"),
            agents("one-user", "Sam", "Call of an agent"),
            agents("one-acw", "wants a quote", "Call with notes"),
        ],
        activities: vec![activity(7, "one", "Alex, Sam, wants a quote")],
        persons: right().persons,
        ..History::default()
    }
}

#[test]
fn what_the_customers_side_states_leads_the_record() {
    let mut history = with_agents();
    assert_eq!(violations(&history), [""; 0]);

    history.activities[0].subject = "Call of an agent".to_owned();
    let expected = ("subject", "Call of a customer".to_owned());
    assert_eq!(wrong_fields(&history), [expected]);
}

#[test]
fn without_the_customers_side_any_agents_leads_but_no_mixture() {
    let mut history = with_agents();
    history.posted.remove(0);
    for subject in ["Call of an agent", "Call with notes"] {
        history.activities[0].subject = subject.to_owned();
        assert_eq!(violations(&history), [""; 0], "{subject}");
    }

    let head = history.posted[1].head.as_mut().expect("it has a head");
    head.duration = "00:00".to_owned();
    assert_eq!(violations(&history), ["wrong field"]);

    // An event that is not recorded does not lead.
    history.activities[0].note = activity(7, "one", "wants a quote").note;
    history.activities[0].subject = "Call of an agent".to_owned();
    history.activities[0].duration = "00:00".to_owned();
    history.posted[0].answer = Answer::None;
    assert_eq!(
        wrong_fields(&history),
        [("subject", "Call with notes".to_owned())]
    );
}

#[test]
fn a_time_of_receipt_is_after_the_first_sending_and_before_the_last_writing() {
    let due = |due: &str| {
        let mut history = right();
        let head = history.posted[0].head.as_mut().expect("it has a head");
        head.began = Began::BeforeReceipt(SignedDuration::from_secs(60));
        history.activities[0].written = at(120);
        history.activities[0].due = format!("2027-01-15 {due}");
        wrong_fields(&history)
    };
    for right in ["07:59", "08:00", "08:01"] {
        assert_eq!(due(right), [], "{right}");
    }
    for wrong in ["07:58", "08:02"] {
        let expected = "2027-01-15 07:59 to 2027-01-15 08:01".to_owned();
        assert_eq!(due(wrong), [("time", expected)]);
    }
}

/// The caller was known and has deal 3; another person has deal 4.
fn with_deals() -> History {
    let mut history = right();
    history.persons[0].was_there_before = true;
    history.persons.push(bystander(2));
    history.deals = vec![Deal { id: 3, person: 1 }, Deal { id: 4, person: 2 }];
    history.activities[0].deal = Some(3);
    history
}

#[test]
fn the_only_deal_of_the_person_is_linked() {
    let mut history = with_deals();
    assert_eq!(violations(&history), [""; 0]);
    for linked in [None, Some(4)] {
        history.activities[0].deal = linked;
        assert_eq!(wrong_fields(&history), [("deal", "3".to_owned())]);
    }

    history.deals.push(Deal { id: 5, person: 1 });
    history.activities[0].deal = Some(5);
    assert_eq!(wrong_fields(&history), [("deal", "none".to_owned())]);
    history.activities[0].deal = None;
    assert_eq!(violations(&history), [""; 0], "one of two is not chosen");
}

#[test]
fn who_shares_a_number_gets_no_deal() {
    let mut history = with_deals();
    history.persons[1].phones = vec![CALLER.to_owned()];
    history.activities[0].person = None;
    history.activities[0]
        .note
        .insert_str(0, "Person 1, Person 2<br>");
    assert_eq!(wrong_fields(&history), [("deal", "none".to_owned())]);
}

#[test]
fn after_a_merge_or_a_deletion_a_deal_of_anyone_who_had_the_number_is_right() {
    let mut history = with_deals();
    history.persons[0].gone = Some(Gone::MergedInto(2));
    history.persons[1].phones.push(CALLER.to_owned());
    for linked in [None, Some(3), Some(4)] {
        history.activities[0].deal = linked;
        assert_eq!(violations(&history), [""; 0], "{linked:?}");
    }

    let mut history = with_deals();
    history.persons[0].gone = Some(Gone::DeletedAt(at(10)));
    history.persons.push(Person {
        created: at(11),
        ..person(5, CALLER)
    });
    history.activities[0].created = at(11);
    history.activities[0].person = Some(5);
    assert_eq!(violations(&history), [""; 0], "moved with its deal");
    history.activities[0].deal = Some(4);
    assert_eq!(wrong_fields(&history), [("deal", "none".to_owned())]);
}

#[test]
fn a_record_that_states_what_another_interaction_states() {
    let mut history = right();
    history.posted[2].facts = vec!["Kim, case 000417 (62 seconds)".to_owned()];
    history.posted[1].facts = vec!["wants a quote for 000555".to_owned()];
    let note = "Alex wants a quote for 000555";
    for harmless in ["", ", Kim", " (62 seconds)", " at 08:00:00 on 2027-01-15"] {
        history.activities[0] = activity(7, "one", &format!("{note}{harmless}"));
        assert_eq!(violations(&history), [""; 0], "{harmless}");
    }

    for foreign in [
        " case 000417",
        "<a href=\"https://cases.example/000417\">x</a>",
    ] {
        history.activities[0] = activity(7, "one", &format!("{note}{foreign}"));
        let violation = Violation::ForeignFact {
            interaction: "one".to_owned(),
            foreign: "000417".to_owned(),
            owner: "two".to_owned(),
        };
        assert_eq!(check(&history).violations, [violation]);
    }

    // A fact that two events state belongs to neither alone.
    history.posted[4].facts = vec!["case 000417".to_owned()];
    history.activities = vec![activity(7, "one", note), activity(8, "four", "case 000417")];
    assert_eq!(violations(&history), [""; 0]);
}

#[test]
fn a_record_that_names_another_interaction_as_well() {
    let mut history = right();
    let id = "c0000000-0000-4000-8000-000000000417";
    history.posted[2].interaction = id.to_owned();
    history.dead_letters[0].interaction = id.to_owned();
    assert_eq!(violations(&history), [""; 0]);

    let note = &mut history.activities[0].note;
    *note = format!("{note}<br>Genesys interaction {id}");
    assert_eq!(violations(&history), ["foreign fact"]);
}
