//! Subjects, by example.

use std::collections::BTreeMap;

use shared::domain::event::{Filter, Recognised, recognise};
use shared::domain::facts::Facts;
use shared::domain::interaction::no_own_numbers;
use shared::domain::phone::{Region, read_party};

use super::*;

fn call(outcome: Outcome, direction: Option<Direction>) -> Interaction {
    let body = br#"{"data":{"id":"call-1","channelType":"voice","phoneNumber":"+12025550143","duration":45}}"#;
    let Ok(Recognised::Event(event)) = recognise(body, None, &Filter::everything()) else {
        panic!("no event");
    };
    let facts = Facts::of(&event, "2026-03-10T14:20:00Z".parse().unwrap());
    let known = BTreeMap::from([(event.key.digest(), facts)]);
    let call = Interaction::merge(&event.interaction, &known, &no_own_numbers).unwrap();
    Interaction {
        outcome,
        direction,
        ..call
    }
}

fn party() -> Party {
    read_party(Some("+12025550143"), Some(Region::parse("US").unwrap()))
}

#[test]
fn the_subject_says_the_outcome() {
    let (inbound, outbound) = (Some(Direction::Inbound), Some(Direction::Outbound));
    let gave_up = Outcome::Abandoned {
        after_ms: Some(45_000),
    };
    for (outcome, direction, expected) in [
        (
            Outcome::Connected,
            inbound,
            "Inbound call from +12025550143 (45 s)",
        ),
        (Outcome::Unknown, None, "Call with +12025550143 (45 s)"),
        (
            gave_up,
            inbound,
            "Missed call from +12025550143 (gave up after 45 s)",
        ),
        (Outcome::NoAnswer, inbound, "Missed call from +12025550143"),
        (
            Outcome::NoAnswer,
            outbound,
            "Unanswered call to +12025550143",
        ),
        (
            Outcome::Busy,
            outbound,
            "Unanswered call to +12025550143, busy",
        ),
        (
            Outcome::Voicemail,
            inbound,
            "Voicemail from +12025550143 (45 s)",
        ),
        (
            Outcome::Callback,
            inbound,
            "Callback requested by +12025550143",
        ),
        (Outcome::Failed, outbound, "Failed call to +12025550143"),
    ] {
        let call = call(outcome, direction);
        let subject = subject(&call, &party());
        assert_eq!(subject, expected);
        assert!(is_of(&subject, &call, &party()), "{subject}");
    }
}

#[test]
fn a_subject_that_other_events_of_the_same_call_led_to_is_one_of_its() {
    let call = Interaction {
        customer: Some("Casey Customer".to_owned()),
        ..call(Outcome::Connected, Some(Direction::Inbound))
    };
    for subject in [
        "Call with +12025550143",
        "Inbound call from +12025550143 (1 h 2 min 5 s)",
        "Missed call from Casey Customer (gave up after 3 s)",
        "Call with an unknown customer (1 min 0 s)",
    ] {
        assert!(is_of(subject, &call, &party()), "{subject}");
    }
    for subject in [
        "Inbound call from +12025550143 (important)",
        "Inbound call from +12025550143 (7 min 22 s), wants a quote",
        "Inbound call from +12025550199 (7 min 22 s)",
        "Call Casey back",
        "",
    ] {
        assert!(!is_of(subject, &call, &party()), "{subject}");
    }
}
