//! Which members are still ours, by example.

use std::collections::BTreeMap;

use pipedrive::{ActivityId, UserId};
use shared::domain::event::{Filter, Recognised, recognise};
use shared::domain::facts::Facts;
use shared::domain::interaction::no_own_numbers;
use shared::domain::phone::{Region, read_party};

use super::*;

/// What a person does to an activity.
type Edit = fn(&mut ActivityRecord);

fn wanted() -> Activity {
    Activity {
        subject: "Inbound call from +12025550143 (7 min 22 s)".to_owned(),
        kind: "call".to_owned(),
        done: true,
        due_date: "2026-03-10".to_owned(),
        due_time: "14:05".to_owned(),
        duration: "00:08".to_owned(),
        note: String::new(),
        participants: Vec::new(),
        org_id: None,
        deal_id: None,
        owner_id: None,
    }
}

/// An activity as an earlier event left it.
fn present() -> ActivityRecord {
    ActivityRecord {
        id: ActivityId(1),
        subject: Some("Inbound call from +12025550143 (5 min 0 s)".to_owned()),
        due_date: Some("2026-03-10".to_owned()),
        due_time: Some("14:06:00".to_owned()),
        duration: Some("00:05:00".to_owned()),
        done: Some(true),
        owner_id: Some(UserId(9)),
        note: Some("<b>When:</b> Tue 10 Mar 2026, 15:06 (Europe/Berlin)<br><b>Duration:</b> 5 min 0 s<br>Genesys interaction call-1".to_owned()),
        ..ActivityRecord::default()
    }
}

fn participant(id: u64, primary: bool) -> Participant {
    Participant {
        person_id: PersonId(id),
        primary,
    }
}

#[test]
fn what_is_as_we_left_it_is_changed() {
    let wanted = wanted();
    let known = Answered::of(&present());

    let change = Change::of_head(&wanted, &present(), &known);

    assert_eq!(change.subject, Some(&*wanted.subject));
    assert_eq!(
        (change.due_date, change.due_time),
        (Some("2026-03-10"), Some("14:05"))
    );
    assert_eq!(change.duration, Some("00:08"));
    assert_eq!(change.sent().due, ["2026-03-10 14:05"]);
}

#[test]
fn what_a_person_changed_stays_each_by_itself() {
    let wanted = wanted();
    let known = Answered::of(&present());
    let edits: [(Edit, [bool; 3]); 4] = [
        (
            |it| it.subject = Some("Wants a quote".to_owned()),
            [false, true, true],
        ),
        (
            |it| it.due_date = Some("2026-03-12".to_owned()),
            [true, false, true],
        ),
        (
            |it| it.due_time = Some("09:00:00".to_owned()),
            [true, false, true],
        ),
        (
            |it| it.duration = Some("01:00:00".to_owned()),
            [true, true, false],
        ),
    ];
    for (edit, expected) in edits {
        let mut present = present();
        edit(&mut present);

        let change = Change::of_head(&wanted, &present, &known);

        let changed = [
            change.subject.is_some(),
            change.due_date.is_some() && change.due_time.is_some(),
            change.duration.is_some(),
        ];
        assert_eq!(changed, expected, "{present:?}");
    }
}

#[test]
fn what_is_there_already_is_not_sent() {
    let mut there = present();
    let wanted = wanted();
    there.subject = Some(wanted.subject.clone());
    there.due_time = Some("14:05:00".to_owned());
    there.duration = Some("00:08:00".to_owned());

    let change = Change::of_head(&wanted, &there, &Answered::of(&present()));

    assert!(change.is_empty(), "{change:?}");
}

#[test]
fn a_late_write_of_ours_is_no_edit_and_an_edit_after_it_is_one() {
    let (wanted, before) = (wanted(), Answered::of(&present()));
    let sent = Answered {
        subject: vec!["Call with Casey (5 min 0 s)".to_owned()],
        ..Answered::default()
    };
    let known = before.or(&sent);
    for (subject, is_ours) in [
        ("Call with Casey (5 min 0 s)", true),
        ("Inbound call from +12025550143 (5 min 0 s)", true),
        ("Casey wants a quote", false),
    ] {
        let mut present = present();
        present.subject = Some(subject.to_owned());
        let change = Change::of_head(&wanted, &present, &known);
        assert_eq!(change.subject.is_some(), is_ours, "{subject}");
    }
}

#[test]
fn participants_are_added_to_and_never_removed() {
    let mut present = present();
    present.participants = vec![participant(3, true), participant(4, false)];

    let all = participants_with(&present, PersonId(4)).unwrap();
    assert_eq!(all, [participant(3, false), participant(4, true)]);
    let all = participants_with(&present, PersonId(5)).unwrap();
    assert_eq!(
        all,
        [
            participant(3, false),
            participant(4, false),
            participant(5, true)
        ]
    );
    assert_eq!(participants_with(&present, PersonId(3)), None);
}

#[test]
fn without_a_customer_only_those_stay_that_people_added() {
    let mut present = present();
    present.participants = vec![
        participant(3, true),
        participant(4, false),
        participant(8, false),
    ];

    let left = participants_without(&present, &[PersonId(8)]);

    assert_eq!(left, [participant(4, false)]);
}

#[test]
fn a_participant_who_joins_makes_no_other_primary_one_ours() {
    let participants = vec![participant(7, true), participant(8, false)];
    let change = |is_moved| Change {
        participants: Some(participants.clone()),
        is_moved,
        ..Change::default()
    };

    assert!(change(false).sent().person.is_empty(), "a person chose it");
    assert_eq!(change(true).sent().person, [Some(PersonId(7))]);
}

#[test]
fn what_is_cleared_is_null_and_can_be_left() {
    let mut change = Change {
        deal_id: Some(None),
        org_id: Some(Some(OrganizationId(4))),
        ..Change::default()
    };
    let json = serde_json::to_value(&change).unwrap();
    assert_eq!(json, serde_json::json!({"deal_id": null, "org_id": 4}));
    assert_eq!(change.sent().deal, [None]);

    assert!(change.without_clearing());
    assert_eq!((change.deal_id, change.without_clearing()), (None, false));
}

#[test]
fn a_record_whose_person_a_user_changed_is_not_moved() {
    let mut present = present();
    let known = Answered {
        person: vec![Some(PersonId(3))],
        ..Answered::default()
    };
    for (primary, may) in [(3, true), (5, true), (7, false)] {
        present.participants = vec![participant(primary, true)];
        assert_eq!(may_move(&present, &known, PersonId(5)), may, "{primary}");
    }
}

#[test]
fn without_an_answer_only_what_events_and_the_note_speak_for_is_ours() {
    let body = br#"{"data":{"id":"call-1","channelType":"voice","phoneNumber":"+12025550143","duration":442}}"#;
    let Ok(Recognised::Event(event)) = recognise(body, None, &Filter::everything()) else {
        panic!("no event");
    };
    let facts = Facts::of(&event, "2026-03-10T14:20:00Z".parse().unwrap());
    let known = BTreeMap::from([(event.key.digest(), facts)]);
    let call = Interaction::merge(&event.interaction, &known, &no_own_numbers).unwrap();
    let party = read_party(Some("+12025550143"), Some(Region::parse("US").unwrap()));
    let wanted = wanted();
    let changed = |present: &ActivityRecord| {
        let known = by_evidence(present, &wanted, &call, &party, None);
        let change = Change::of_head(&wanted, present, &known);
        [
            change.subject.is_some(),
            change.due_date.is_some(),
            change.duration.is_some(),
        ]
    };

    assert_eq!(changed(&present()), [true; 3]);
    let older =
        "<b>When:</b> 2026-03-10 14:06:31 UTC<br /><b>Duration:</b> 5 min 0 s (300 seconds)<br />";
    let by_an_older_version = ActivityRecord {
        note: Some(older.to_owned()),
        ..present()
    };
    assert_eq!(changed(&by_an_older_version), [true; 3]);
    let edited = ActivityRecord {
        subject: Some("Wants a quote".to_owned()),
        due_date: Some("2026-03-12".to_owned()),
        duration: Some("01:00".to_owned()),
        ..present()
    };
    assert_eq!(changed(&edited), [false; 3]);
}
