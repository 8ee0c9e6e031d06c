//! The check of histories, on histories that are right and on such as are wrong in each way.

mod content;
mod parties;

use bridge_tests::history::{
    Activity, Answer, Began, DeadLetter, Gone, Head, History, Person, Posted, Violation, check,
};
use jiff::Timestamp;

const CALLER: &str = "+12025550143";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("a time of this century")
}

fn event(interaction: &str, key: &str, fact: &str) -> Posted {
    Posted {
        interaction: interaction.to_owned(),
        event: key.to_owned(),
        is_recordable: true,
        number: Some("(202) 555-0143".to_owned()),
        third_party: None,
        facts: vec![fact.to_owned()],
        head: Some(head(true, "Call of a customer")),
        sent: Some(at(0)),
        answer: Answer::Accepted,
    }
}

fn head(is_customers: bool, subject: &str) -> Head {
    Head {
        is_customers,
        subject: subject.to_owned(),
        kind: "call".to_owned(),
        began: Began::At(at(0)),
        duration: "00:02".to_owned(),
    }
}

fn activity(id: i64, interaction: &str, facts: &str) -> Activity {
    Activity {
        id,
        subject: "Call of a customer".to_owned(),
        kind: "call".to_owned(),
        due: "2027-01-15 08:00".to_owned(),
        duration: "00:02".to_owned(),
        is_done: true,
        deal: None,
        note: format!("<b>Agent:</b> {facts}<br>Genesys interaction {interaction}"),
        person: Some(1),
        organization: None,
        created: at(9),
        written: at(10),
    }
}

fn person(id: i64, phone: &str) -> Person {
    Person {
        id,
        name: format!("Person {id}"),
        organization: None,
        phones: vec![phone.to_owned()],
        was_there_before: false,
        created: at(8),
        gone: None,
    }
}

fn dead_letter(interaction: &str, key: &str, second: i64) -> DeadLetter {
    DeadLetter {
        interaction: interaction.to_owned(),
        event: key.to_owned(),
        reason: Some("pipedrive_forbidden".to_owned()),
        died: Some(at(second)),
    }
}

/// Two interactions of one caller: the first of two events, the second dead; a third not to be recorded, and a fourth
/// of which its sender never heard.
fn right() -> History {
    let ignored = Posted {
        is_recordable: false,
        head: None,
        answer: Answer::Ignored("channel email is not recorded".to_owned()),
        ..event("three", "three-end", "nothing")
    };
    let unanswered = Posted {
        answer: Answer::None,
        ..event("four", "four-end", "nothing")
    };
    History {
        posted: vec![
            event("one", "one-end", "Alex"),
            event("one", "one-acw", "wants a quote"),
            event("two", "two-end", "Kim"),
            ignored,
            unanswered,
        ],
        activities: vec![activity(7, "one", "Alex wants a quote")],
        persons: vec![person(1, CALLER)],
        deals: Vec::new(),
        dead_letters: vec![dead_letter("two", "two-end", 5)],
    }
}

fn violations(history: &History) -> Vec<&'static str> {
    check(history)
        .violations
        .iter()
        .map(Violation::name)
        .collect()
}

#[test]
fn a_right_history_has_no_violation_and_is_counted() {
    let verdict = check(&right());

    assert_eq!(verdict.violations, []);
    let counts = verdict.counts;
    assert_eq!((counts.interactions, counts.events), (2, 3));
    assert_eq!((counts.recorded, counts.dead), (1, 1));
    assert_eq!((counts.ignored, counts.unanswered), (1, 1));
    assert_eq!((counts.persons_created, counts.dead_then_recorded), (1, 0));
    assert_eq!(counts.dead_letters["pipedrive_forbidden"], 1);
}

#[test]
fn what_was_never_answered_may_be_recorded_once() {
    let mut history = right();
    history.activities.push(activity(8, "four", ""));
    assert_eq!(violations(&history), [""; 0]);

    history.activities.push(activity(9, "four", ""));
    assert_eq!(violations(&history), ["doubled activity"]);
}

#[test]
fn one_lost() {
    let mut history = right();
    history.dead_letters.clear();
    assert_eq!(violations(&history), ["lost"]);

    let mut history = right();
    history.activities.clear();
    assert_eq!(violations(&history), ["lost", "lost"], "both events of one");
}

#[test]
fn one_doubled() {
    let mut history = right();
    history
        .activities
        .push(activity(8, "one", "Alex wants a quote"));

    let violation = Violation::DoubledActivity {
        interaction: "one".to_owned(),
        activities: vec![7, 8],
    };
    assert_eq!(check(&history).violations, [violation]);
}

#[test]
fn a_marker_is_the_whole_id_not_its_beginning() {
    let mut history = right();
    history.activities[0].note = history.activities[0]
        .note
        .replace("interaction one", "interaction one-more");

    assert_eq!(violations(&history), ["stray activity", "lost", "lost"]);
}

#[test]
fn a_doubled_person_in_whatever_form_its_number_is() {
    for form in ["+1 202 555 0143", "2025550143", "tel:+12025550143"] {
        let mut history = right();
        history.persons.push(person(2, form));
        assert_eq!(violations(&history), ["doubled person"], "{form}");
    }

    let mut history = right();
    history.persons[0].was_there_before = true;
    history.persons.push(person(2, CALLER));
    assert_eq!(violations(&history), ["doubled person"], "one was known");
}

#[test]
fn people_who_shared_a_number_before_are_no_doubled_person_and_get_no_activity() {
    let mut history = right();
    let known = |id| Person {
        was_there_before: true,
        ..person(id, CALLER)
    };
    history.persons = vec![known(1), known(2)];
    history.activities[0]
        .note
        .insert_str(0, "Person 1, Person 2<br>");
    assert_eq!(violations(&history), ["wrong person"]);

    history.activities[0].person = None;
    assert_eq!(violations(&history), [""; 0]);
}

#[test]
fn a_silent_drop() {
    let mut history = right();
    history.posted[4].answer = Answer::Ignored("channel voice is not recorded".to_owned());
    assert_eq!(violations(&history), ["silently dropped"]);

    let mut history = right();
    history.posted[3].answer = Answer::Ignored(String::new());
    assert_eq!(violations(&history), ["silently dropped"], "no reason");
}

#[test]
fn one_accepted_that_is_not_to_be_recorded() {
    let mut history = right();
    history.posted[3].answer = Answer::Accepted;
    history
        .dead_letters
        .push(dead_letter("three", "three-end", 5));

    assert_eq!(violations(&history), ["wrongly accepted"]);
}

#[test]
fn dead_and_recorded() {
    let mut history = right();
    history.dead_letters.push(dead_letter("one", "one-acw", 9));
    let verdict = check(&history);
    assert_eq!(verdict.violations, [], "it died first, as in C11");
    assert_eq!(verdict.counts.dead_then_recorded, 1);

    history.dead_letters[1].died = Some(at(11));
    assert_eq!(violations(&history), ["dead though recorded"]);

    history.dead_letters[1].died = None;
    assert_eq!(violations(&history), ["dead though recorded"]);
}

#[test]
fn a_dead_letter_without_a_reason() {
    for reason in [None, Some(" ".to_owned())] {
        let mut history = right();
        history.dead_letters[0].reason = reason;
        assert_eq!(violations(&history), ["unexplained dead letter"]);
    }
}

#[test]
fn an_incomplete_record() {
    let mut history = right();
    history.activities[0] = activity(7, "one", "Alex");
    assert_eq!(violations(&history), ["incomplete record"]);

    history.dead_letters.push(dead_letter("one", "one-acw", 11));
    assert_eq!(violations(&history), [""; 0], "the rest is a dead letter");
}

#[test]
fn a_record_that_says_something_twice() {
    let mut history = right();
    history.activities[0] = activity(7, "one", "Alex wants a quote<br>Alex");
    assert_eq!(violations(&history), ["stated twice"]);

    history.activities[0] = activity(7, "one", "wants a quote, <a href=\"Alex\">Alex</a>");
    assert_eq!(violations(&history), [""; 0], "once to a reader");
}

#[test]
fn a_second_dead_letter_of_one_event_is_counted() {
    let mut history = right();
    history.dead_letters.push(dead_letter("two", "two-end", 6));
    let verdict = check(&history);

    assert_eq!(verdict.violations, []);
    assert_eq!(verdict.counts.repeated_dead_letters, 1);
}

#[test]
fn an_activity_on_the_wrong_person_or_on_none() {
    for attached in [Some(2), None] {
        let mut history = right();
        history.activities[0].person = attached;
        assert_eq!(violations(&history), ["wrong person"]);
    }

    let mut history = right();
    history.persons.clear();
    assert_eq!(
        violations(&history),
        ["wrong person"],
        "no person was created"
    );
}

#[test]
fn a_withheld_number_is_nobodys() {
    let mut history = right();
    for posted in &mut history.posted[..2] {
        posted.number = None;
    }
    assert_eq!(violations(&history), ["wrong person"]);

    history.activities[0].person = None;
    assert_eq!(violations(&history), [""; 0]);
}

#[test]
fn strays() {
    let mut history = right();
    history.activities.push(activity(8, "stray", ""));
    assert_eq!(violations(&history), ["stray activity"]);

    history.activities[1].note = "no marker".to_owned();
    assert_eq!(violations(&history), ["stray activity"]);

    history.activities[1] = activity(8, "three", "");
    history.activities[1].person = Some(1);
    assert_eq!(
        violations(&history),
        ["stray activity"],
        "decided not to record"
    );

    let mut history = right();
    history.persons.push(person(2, "+447700900123"));
    assert_eq!(violations(&history), ["stray person"]);

    let mut history = right();
    history.dead_letters.push(dead_letter("one", "one-else", 5));
    assert_eq!(violations(&history), ["stray dead letter"]);
}

/// Another person, whose number did not call.
fn bystander(id: i64) -> Person {
    Person {
        was_there_before: true,
        ..person(id, "+12025550199")
    }
}

#[test]
fn what_was_attached_to_a_person_counts_for_the_one_they_were_merged_into() {
    let mut history = right();
    history.persons[0].gone = Some(Gone::MergedInto(2));
    let mut survivor = bystander(2);
    survivor.phones.push(CALLER.to_owned());
    history.persons.push(survivor);
    assert_eq!(violations(&history), [""; 0], "attached to the loser");
    history.activities[0].person = Some(2);
    assert_eq!(violations(&history), [""; 0], "moved to the survivor");
    assert_eq!(check(&history).counts.persons_created, 1);

    history.persons.push(bystander(3));
    history.activities[0].person = Some(3);
    assert_eq!(violations(&history), ["wrong person"]);

    history.activities[0].person = Some(2);
    history.persons.push(person(4, CALLER));
    assert_eq!(
        violations(&history),
        ["doubled person"],
        "the merged one was there"
    );
}

#[test]
fn a_deleted_person_keeps_what_they_had_and_nothing_more() {
    let deleted = |second| {
        let mut history = right();
        history.persons[0].gone = Some(Gone::DeletedAt(at(second)));
        history
    };
    assert_eq!(violations(&deleted(10)), [""; 0]);
    assert_eq!(violations(&deleted(9)), ["wrong person"], "attached later");

    let successor = |second| Person {
        created: at(second),
        ..person(2, CALLER)
    };
    let mut history = deleted(10);
    history.persons.push(successor(10));
    assert_eq!(violations(&history), [""; 0]);
    history.activities[0].created = at(11);
    assert_eq!(violations(&history), ["wrong person"], "not the successor");
    history.activities[0].person = Some(2);
    assert_eq!(violations(&history), [""; 0]);

    let mut history = deleted(10);
    history.persons.push(successor(9));
    assert_eq!(
        violations(&history),
        ["doubled person"],
        "created while the other one was there"
    );
}

#[test]
fn a_number_that_came_by_a_merge_is_no_double_of_one_who_was_deleted_before() {
    let mut history = right();
    history.persons[0].gone = Some(Gone::DeletedAt(at(10)));
    let second = Person {
        created: at(11),
        gone: Some(Gone::MergedInto(3)),
        ..person(2, CALLER)
    };
    let mut survivor = bystander(3);
    survivor.phones.push(CALLER.to_owned());
    history.persons.extend([second, survivor]);

    assert_eq!(violations(&history), [""; 0]);
}
