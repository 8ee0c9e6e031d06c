//! Who the customer is, what agents did, and what came of it, by calls that are made up.

use serde_json::{Value, json};

use super::*;
use crate::domain::event::{Filter, Recognised, recognise};

const CUSTOMER: &str = "tel:+12025550143";
const SUPPLIER: &str = "tel:+12025550177";
const COMPANY: &str = "tel:+12025550100";
const ALEX: &str = "sip:alex+example.orgspan.com@localhost";
const KIM: &str = "sip:kim+example.orgspan.com@localhost";
/// When calls begin here, in seconds since 1970.
const BEGIN: i64 = 1_773_151_200;

/// An event that ends `end` seconds after the call began, with further members.
fn ended(leaf: &str, participant: &str, end: i64, members: Value) -> Value {
    let mut body = json!({
        "conversationId": "call-1", "participantId": participant, "sessionId": participant,
        "mediaType": "VOICE", "eventTime": (BEGIN + end) * 1000,
    });
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    json!({"topicName": leaf, "eventBody": body})
}

/// The session of somebody outside the company.
fn session(who: &str, end: i64, seconds: i64, direction: &str, number: &str) -> Value {
    let (ani, dnis) = sides(direction, number, COMPANY);
    let members = json!({
        "direction": direction, "ani": ani, "dnis": dnis, "interactingDurationMs": seconds * 1000,
        "disconnectType": "ENDPOINT",
    });
    ended("customer.end", who, end, members)
}

/// An agent's leg: the agent's address, the far side, and how the leg ended.
fn leg(who: &str, end: i64, seconds: i64, direction: &str, far: &str, why: &str) -> Value {
    let (ani, dnis) = sides(direction, far, if who == "kim" { KIM } else { ALEX });
    let members = json!({
        "direction": direction, "ani": ani, "dnis": dnis, "userId": who, "queueId": "sales",
        "interactingDurationMs": seconds * 1000, "alertingDurationMs": 5_000, "disconnectType": why,
    });
    ended("user.end", who, end, members)
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
fn merged(events: &[Value]) -> Interaction {
    let interaction = merged_in_order(events);
    let reversed: Vec<Value> = events.iter().rev().cloned().collect();
    assert_eq!(merged_in_order(&reversed), interaction);
    interaction
}

fn numbers(parties: &[ThirdParty]) -> Vec<&str> {
    parties
        .iter()
        .filter_map(|party| party.number.as_deref())
        .collect()
}

#[test]
fn a_supplier_in_a_conference_never_takes_the_record_over() {
    let interaction = merged(&[
        session("c", 300, 300, "INBOUND", CUSTOMER),
        session("s", 310, 100, "OUTBOUND", SUPPLIER),
        leg("alex", 310, 290, "INBOUND", CUSTOMER, "PEER"),
    ]);

    assert_eq!(interaction.number.as_deref(), Some(CUSTOMER));
    assert_eq!(interaction.direction, Some(Direction::Inbound));
    assert_eq!(numbers(&interaction.third_parties), [SUPPLIER]);
    assert!(interaction.may_create);
    assert_eq!(
        (interaction.duration_ms, interaction.sessions.len()),
        (Some(300_000), 1)
    );
}

#[test]
fn an_external_transfer_and_a_consulted_colleague_leave_the_customer() {
    let interaction = merged(&[
        leg("alex", 120, 100, "INBOUND", CUSTOMER, "TRANSFER"),
        leg("kim", 115, 10, "INBOUND", ALEX, "PEER"),
        session("c", 400, 400, "INBOUND", CUSTOMER),
        session("s", 400, 280, "OUTBOUND", SUPPLIER),
    ]);

    assert_eq!(interaction.number.as_deref(), Some(CUSTOMER));
    assert_eq!(
        numbers(&interaction.third_parties),
        [SUPPLIER],
        "colleagues are none"
    );
    assert_eq!(interaction.agents, ["kim", "alex"]);
    assert!(!interaction.is_internal);
}

#[test]
fn the_record_moves_when_a_later_event_shows_an_earlier_session() {
    let supplier = session("s", 310, 100, "OUTBOUND", SUPPLIER);
    let customer = session("c", 300, 300, "INBOUND", CUSTOMER);

    assert_eq!(
        merged(&[supplier.clone()]).number.as_deref(),
        Some(SUPPLIER)
    );
    let moved = merged(&[supplier, customer]);

    assert_eq!(moved.number.as_deref(), Some(CUSTOMER));
    assert_eq!(moved.direction, Some(Direction::Inbound));
}

#[test]
fn an_agents_leg_that_began_earlier_shows_the_customer_before_its_own_end_comes() {
    let interaction = merged(&[
        session("s", 310, 100, "OUTBOUND", SUPPLIER),
        leg("alex", 200, 150, "INBOUND", CUSTOMER, "TRANSFER"),
    ]);

    assert_eq!(interaction.number.as_deref(), Some(CUSTOMER));
    assert_eq!(numbers(&interaction.third_parties), [SUPPLIER]);
    assert!(
        !interaction.may_create,
        "a leg finds people, and creates none"
    );
}

#[test]
fn a_callback_extends_the_record_and_both_sessions_are_listed() {
    let interaction = merged(&[
        session("c", 60, 60, "INBOUND", CUSTOMER),
        session("c2", 1_260, 200, "OUTBOUND", "tel:+1 202 555 0143"),
    ]);

    assert_eq!(interaction.direction, Some(Direction::Inbound));
    assert_eq!(interaction.started.as_second(), BEGIN);
    assert_eq!(interaction.duration_ms, Some(1_260_000));
    assert_eq!(interaction.sessions.len(), 2);
    assert!(interaction.third_parties.is_empty());
}

#[test]
fn a_reopened_thread_of_one_session_extends_it() {
    let interaction = merged(&[
        session("c", 60, 60, "INBOUND", CUSTOMER),
        session("c", 900, 100, "INBOUND", CUSTOMER),
    ]);

    assert_eq!(interaction.sessions.len(), 1);
    assert_eq!(interaction.started.as_second(), BEGIN);
    assert_eq!(interaction.sessions[0].ended.as_second(), BEGIN + 900);
}

#[test]
fn without_a_direction_a_side_is_the_customers_only_beside_an_own_number() {
    let undirected = |ani: &str, dnis: &str| {
        let members = json!({"direction": "UNKNOWN", "ani": ani, "dnis": dnis});
        merged(&[ended("customer.end", "c", 60, members)]).number
    };

    assert_eq!(undirected(CUSTOMER, COMPANY).as_deref(), Some(CUSTOMER));
    assert_eq!(undirected(COMPANY, CUSTOMER).as_deref(), Some(CUSTOMER));
    assert_eq!(undirected(CUSTOMER, SUPPLIER), None);
    assert_eq!(undirected(COMPANY, COMPANY), None);
}

#[test]
fn the_direction_of_the_conversation_stands_in_for_that_of_a_session() {
    let members = json!({"ani": COMPANY, "dnis": CUSTOMER, "interactingDurationMs": 1000});
    let interaction = merged(&[
        ended("customer.end", "c", 60, members),
        leg("alex", 60, 50, "OUTBOUND", CUSTOMER, "PEER"),
    ]);

    assert_eq!(interaction.number.as_deref(), Some(CUSTOMER));
    assert_eq!(interaction.direction, Some(Direction::Outbound));
}

#[test]
fn only_a_whole_event_of_the_customer_creates_a_person() {
    let customer = session("c", 60, 60, "INBOUND", CUSTOMER);
    let notes = |leaf| {
        ended(
            leaf,
            "alex",
            70,
            json!({"direction": "INBOUND", "ani": CUSTOMER, "userId": "alex"}),
        )
    };
    let mut in_1970 = customer.clone();
    in_1970["eventBody"]["eventTime"] = json!(10_000);
    for (events, may_create) in [
        (vec![customer.clone()], true),
        (
            vec![customer, leg("alex", 60, 50, "INBOUND", CUSTOMER, "PEER")],
            true,
        ),
        (
            vec![leg("alex", 60, 50, "INBOUND", CUSTOMER, "PEER")],
            false,
        ),
        (vec![notes("acw"), notes("wrapup")], false),
        (vec![in_1970], false),
    ] {
        let interaction = merged(&events);
        assert_eq!(interaction.number.as_deref(), Some(CUSTOMER));
        assert_eq!(interaction.may_create, may_create, "{events:?}");
    }
}

#[test]
fn legs_that_were_transferred_count_and_those_that_were_declined_do_not() {
    let interaction = merged(&[
        leg("kim", 20, 0, "INBOUND", CUSTOMER, "NO_ANSWER_TRANSFER"),
        leg("alex", 120, 90, "INBOUND", CUSTOMER, "TRANSFER"),
        leg("sam", 300, 170, "INBOUND", CUSTOMER, "PEER"),
        session("c", 300, 300, "INBOUND", CUSTOMER),
    ]);

    assert_eq!(interaction.agents, ["alex", "sam"]);
    assert_eq!(interaction.talk_ms, Some(260_000));
    let answered: Vec<bool> = interaction
        .legs
        .iter()
        .map(|leg| leg.was_answered)
        .collect();
    assert_eq!(answered, [false, true, true]);
    assert!(interaction.legs[1].was_transferred);
    assert_eq!(interaction.outcome, Outcome::Connected);
}

#[test]
fn legs_alone_that_were_handed_on_are_not_the_end() {
    let transferred = leg("alex", 120, 90, "INBOUND", CUSTOMER, "TRANSFER");
    let declined = leg("kim", 20, 0, "INBOUND", CUSTOMER, "PEER");
    let last = leg("sam", 300, 170, "INBOUND", CUSTOMER, "PEER");

    let stage = |events: &[Value]| merged(events).stage;

    assert_eq!(stage(&[transferred.clone(), declined]), Stage::HandedOn);
    assert_eq!(stage(&[transferred.clone(), last.clone()]), Stage::Legs);
    let customer = session("c", 300, 300, "INBOUND", CUSTOMER);
    assert_eq!(stage(&[transferred, customer]), Stage::Ended);
    assert_eq!(merged(&[last]).duration_ms, Some(170_000));
}

#[test]
fn calls_between_colleagues_are_internal() {
    let colleagues = [
        leg("alex", 60, 50, "OUTBOUND", KIM, "PEER"),
        leg("kim", 60, 50, "INBOUND", ALEX, "PEER"),
    ];
    assert!(merged(&colleagues).is_internal);
    assert!(!merged(&[leg("alex", 60, 50, "OUTBOUND", CUSTOMER, "PEER")]).is_internal);
    let extension = leg("alex", 60, 50, "OUTBOUND", "tel:1234", "PEER");
    assert!(merged(&[extension]).is_internal);
    let with_customer = [
        &colleagues[..],
        &[session("c", 60, 60, "INBOUND", CUSTOMER)],
    ]
    .concat();
    let interaction = merged(&with_customer);
    assert!(!interaction.is_internal);
    assert_eq!(interaction.number.as_deref(), Some(CUSTOMER));
}

#[test]
fn the_outcome_is_what_the_events_show() {
    let outbound = |why: &str| vec![leg("alex", 30, 0, "OUTBOUND", CUSTOMER, why)];
    let declined = leg("kim", 20, 0, "INBOUND", CUSTOMER, "NO_ANSWER_TRANSFER");
    let customer = session("c", 60, 60, "INBOUND", CUSTOMER);
    let mut callback = customer.clone();
    callback["eventBody"]["mediaType"] = json!("CALLBACK");
    let mut voicemail = customer.clone();
    voicemail["eventBody"]["mediaType"] = json!("VOICEMAIL");
    for (events, outcome) in [
        (vec![customer.clone()], Outcome::Unknown),
        (
            vec![customer.clone(), declined.clone()],
            Outcome::Abandoned {
                after_ms: Some(60_000),
            },
        ),
        (vec![declined], Outcome::NoAnswer),
        (outbound("DND_ENDPOINT"), Outcome::Busy),
        (outbound("ERROR"), Outcome::Failed),
        (outbound("PEER"), Outcome::NoAnswer),
        (
            vec![leg("alex", 30, 20, "OUTBOUND", CUSTOMER, "PEER")],
            Outcome::Connected,
        ),
        (vec![callback], Outcome::Callback),
        (vec![voicemail], Outcome::Voicemail),
    ] {
        assert_eq!(merged(&events).outcome, outcome, "{events:?}");
    }
}

#[test]
fn after_call_work_counts_once_a_leg() {
    let notes = |leaf, session: &str, ms: u64| {
        let members = json!({"userId": "alex", "sessionId": session, "wrapupDurationMs": ms});
        ended(leaf, "alex", 70, members)
    };
    let interaction = merged(&[
        notes("acw", "one", 30_000),
        notes("wrapup", "one", 30_000),
        notes("acw", "two", 12_000),
    ]);

    assert_eq!(interaction.after_call_ms, Some(42_000));
}

#[test]
fn an_update_of_a_whole_event_corrects_it_and_a_second_session_extends_it() {
    let whole = |from: i64, to: i64, more: Value| {
        let time = |second| Timestamp::from_second(BEGIN + second).unwrap().to_string();
        let mut data = json!({
            "id": "call-1", "channelType": "voice", "phoneNumber": CUSTOMER, "duration": to - from,
            "startTime": time(from), "endTime": time(to),
        });
        for (name, value) in more.as_object().unwrap() {
            data[name] = value.clone();
        }
        json!({ "data": data })
    };
    let first = whole(0, 60, json!({}));
    let corrected = whole(0, 75, json!({"summary": "Asked for a quote"}));
    let second = whole(600, 700, json!({}));

    let update = merged(&[first, corrected.clone()]);
    assert_eq!(
        (update.duration_ms, update.sessions.len()),
        (Some(75_000), 1)
    );
    assert_eq!(update.summary.as_deref(), Some("Asked for a quote"));
    let reopened = merged(&[corrected, second]);
    assert_eq!(
        (reopened.duration_ms, reopened.sessions.len()),
        (Some(700_000), 2)
    );
    assert_eq!(reopened.started.as_second(), BEGIN);
}

#[test]
fn the_same_whole_event_under_an_old_key_began_when_it_came_first() {
    let body = br#"{"data":{"id":"call-1","channelType":"voice","duration":60,"participantName":"Anonymous"}}"#;
    let Ok(Recognised::Event(event)) = recognise(body, None, &Filter::everything()) else {
        panic!("no event");
    };
    let old = r#"{"kind":"completed","at":"2026-03-10T14:20:00Z","at_receipt":true,"channel":"voice","customer":"Anonymous","duration_ms":60000}"#;
    let again = Facts::of(&event, "2026-03-12T08:00:00Z".parse().unwrap());
    let legacy = crate::domain::ids::EventKey::legacy_of_guide(&event.interaction);
    let known = BTreeMap::from([
        (legacy.digest(), serde_json::from_str(old).unwrap()),
        (event.key.digest(), again),
    ]);

    let interaction = Interaction::merge(&event.interaction, &known, &no_own_numbers).unwrap();

    assert_eq!(interaction.started.to_string(), "2026-03-10T14:19:00Z");
    assert_eq!(interaction.customer, None);
}
