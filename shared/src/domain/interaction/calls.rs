//! Calls that are made up, for tests.

use serde_json::{Value, json};

use super::*;
use crate::domain::event::{Filter, Recognised, recognise};

pub(super) const CUSTOMER: &str = "tel:+12025550143";
pub(super) const SUPPLIER: &str = "tel:+12025550177";
pub(super) const COMPANY: &str = "tel:+12025550100";
pub(super) const ALEX: &str = "sip:alex+example.orgspan.com@localhost";
pub(super) const KIM: &str = "sip:kim+example.orgspan.com@localhost";
/// When calls begin here, in seconds since 1970.
pub(super) const BEGIN: i64 = 1_773_151_200;

/// An event that ends `end` seconds after the call began, with further members.
pub(super) fn ended(leaf: &str, participant: &str, end: i64, members: &Value) -> Value {
    let mut body = json!({
        "conversationId": "call-1", "participantId": participant, "sessionId": participant,
        "mediaType": "VOICE", "eventTime": (BEGIN + end) * 1000,
    });
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    json!({"topicName": leaf, "eventBody": body})
}

/// Session of a party outside the company.
pub(super) fn session(who: &str, end: i64, seconds: i64, direction: &str, number: &str) -> Value {
    let (ani, dnis) = sides(direction, number, COMPANY);
    let members = json!({
        "direction": direction, "ani": ani, "dnis": dnis, "interactingDurationMs": seconds * 1000,
        "disconnectType": "ENDPOINT",
    });
    ended("customer.end", who, end, &members)
}

/// An agent's leg: the agent's address, the far side, and how the leg ended.
pub(super) fn leg(
    who: &str,
    end: i64,
    seconds: i64,
    direction: &str,
    far: &str,
    why: &str,
) -> Value {
    let (ani, dnis) = sides(direction, far, if who == "kim" { KIM } else { ALEX });
    let members = json!({
        "direction": direction, "ani": ani, "dnis": dnis, "userId": who, "queueId": "sales",
        "interactingDurationMs": seconds * 1000, "alertingDurationMs": 5_000, "disconnectType": why,
    });
    ended("user.end", who, end, &members)
}

fn sides<'a>(direction: &str, far: &'a str, near: &'a str) -> (&'a str, &'a str) {
    if direction == "OUTBOUND" {
        (near, far)
    } else {
        (far, near)
    }
}

fn is_company(number: &str) -> bool {
    number == COMPANY
}

fn merged_in_order(events: &[Value]) -> Interaction {
    let received = "2026-03-11T00:00:00Z".parse().unwrap();
    let mut known = BTreeMap::new();
    for event in events {
        let body = event.to_string();
        let Ok(Recognised::Event(event)) = recognise(body.as_bytes(), None, &Filter::everything())
        else {
            panic!("no event: {body}");
        };
        known.insert(event.key.digest(), Facts::of(&event, received));
    }
    let id = InteractionId::parse("call-1").unwrap();
    Interaction::merge(&id, &known, &is_company).unwrap()
}

/// The interaction, which the order of the events does not change.
pub(super) fn merged(events: &[Value]) -> Interaction {
    let interaction = merged_in_order(events);
    let reversed: Vec<Value> = events.iter().rev().cloned().collect();
    assert_eq!(merged_in_order(&reversed), interaction);
    interaction
}

pub(super) fn numbers(parties: &[ThirdParty]) -> Vec<&str> {
    parties
        .iter()
        .filter_map(|party| party.number.as_deref())
        .collect()
}
