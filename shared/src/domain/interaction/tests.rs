//! Merging: the same events give the same interaction in any order.

use super::*;
use crate::domain::event::{Event, Filter, Reading, Recognised, read_body, recognise};

const SAMPLES: [&[u8]; 4] = [
    include_bytes!("../../../fixtures/events/eventbridge-customer-end-voice-inbound.json"),
    include_bytes!("../../../fixtures/events/eventbridge-user-end-voice-inbound.json"),
    include_bytes!("../../../fixtures/events/eventbridge-acw-voice-inbound.json"),
    include_bytes!("../../../fixtures/events/guide-interaction-completed.json"),
];

fn merged(order: &[usize]) -> Interaction {
    let mut known = BTreeMap::new();
    let mut id = None;
    for index in order {
        let Ok(Recognised::Event(event)) = recognise(SAMPLES[*index], None, &Filter::everything())
        else {
            panic!("sample {index} is no event");
        };
        // Events that state no time are received at different times in different orders.
        let received = "2026-03-10T14:20:00Z".parse().unwrap();
        known.insert(event.key.digest(), Facts::of(&event, received));
        id = Some(event.interaction.clone());
    }
    Interaction::merge(&id.unwrap(), &known, &no_own_numbers).unwrap()
}

#[test]
fn any_order_of_the_same_events_gives_the_same_interaction() {
    let expected = merged(&[0, 1, 2, 3]);
    for order in [[3, 2, 1, 0], [1, 0, 3, 2], [2, 3, 0, 1], [0, 2, 1, 3]] {
        assert_eq!(merged(&order), expected, "{order:?}");
    }
}

#[test]
fn agent_legs_add_agent_queue_talk_hold_and_wrap_up() {
    let interaction = merged(&[1, 2, 0]);

    assert_eq!(interaction.duration_ms, Some(441_905));
    assert_eq!(
        (
            interaction.talk_ms,
            interaction.hold_ms,
            interaction.after_call_ms
        ),
        (Some(352_118), Some(30_250), Some(43_675))
    );
    assert_eq!(interaction.agents, ["7d2c4e6f-8a1b-4c3d-9e5f-0a1b2c3d4e5f"]);
    assert_eq!(interaction.queues, ["3c5e7a90-1b2d-4f68-a7c4-90d1e2f3a4b5"]);
    assert_eq!(interaction.wrapup_notes.len(), 1);
    assert_eq!(interaction.started.to_string(), "2026-03-10T14:05:25.413Z");
}

#[test]
fn an_agents_leg_alone_makes_an_interaction_too() {
    let interaction = merged(&[1]);

    assert_eq!(interaction.number.as_deref(), Some("tel:+12025550143"));
    assert_eq!(interaction.duration_ms, Some(352_118));
}

#[test]
fn nothing_known_is_no_interaction() {
    let id = InteractionId::parse("a").unwrap();
    assert_eq!(
        Interaction::merge(&id, &BTreeMap::new(), &no_own_numbers),
        None
    );
}

/// The event that a body is, whole or cut off.
fn read(body: &[u8]) -> Box<Event> {
    match read_body(body, None, &Filter::everything(), true).map(|read| read.reading) {
        Ok(Reading::Event(event)) => event,
        other => panic!("no event: {other:?}"),
    }
}

/// What is known after these samples, each cut to so many bytes; whole for nought.
fn known(events: &[(usize, usize)]) -> Interaction {
    let received = "2026-03-10T14:20:00Z".parse().unwrap();
    let mut facts = BTreeMap::new();
    let mut id = None;
    for (index, length) in events {
        let body = SAMPLES[*index];
        let length = if *length == 0 { body.len() } else { *length };
        let event = read(&body[..length]);
        facts.insert(event.key.digest(), Facts::of(&event, received));
        id = Some(event.interaction.clone());
    }
    Interaction::merge(&id.unwrap(), &facts, &no_own_numbers).unwrap()
}

fn position(index: usize, text: &str) -> usize {
    let body = std::str::from_utf8(SAMPLES[index]).unwrap();
    body.find(text).unwrap()
}

#[test]
fn a_part_is_reported_until_the_whole_event_comes() {
    let leg = position(1, "conversationExternalContactIds");
    let shorter = position(1, "\"userId\"");

    let part = known(&[(1, leg)]);
    assert!(part.is_partial);
    assert_eq!(part.talk_ms, Some(352_118));
    let parts = known(&[(1, shorter), (1, leg), (0, 0)]);
    assert_eq!((parts.is_partial, parts.talk_ms), (true, Some(352_118)));
    for order in [
        [(1, leg), (1, 0), (1, shorter)],
        [(1, 0), (1, shorter), (1, leg)],
    ] {
        assert_eq!(known(&order), known(&[(1, 0)]));
    }
}

#[test]
fn a_part_without_its_key_yields_to_any_event_of_its_kind() {
    let body = br#"{"topicName":"customer.end","eventBody":{"conversationId":"c","mediaType":"VOICE","interactingDurationMs":5000,"#;
    let event = read(body);
    let whole = br#"{"topicName":"customer.end","eventBody":{"conversationId":"c","mediaType":"VOICE","interactingDurationMs":5000}}"#;
    let other = read(whole);
    let received = "2026-03-10T14:20:00Z".parse().unwrap();
    let facts = [&event, &other].map(|event| (event.key.digest(), Facts::of(event, received)));

    let interaction =
        Interaction::merge(&event.interaction, &facts.into(), &no_own_numbers).unwrap();

    assert!(!interaction.is_partial);
}

#[test]
fn a_stated_time_goes_before_that_of_a_receipt() {
    assert_eq!(merged(&[3, 0]).started, merged(&[0]).started);
}
