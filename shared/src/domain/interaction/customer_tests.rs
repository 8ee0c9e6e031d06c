//! Who the customer is, and when the interaction was.

use serde_json::{Value, json};

use super::calls::{
    ALEX, BEGIN, COMPANY, CUSTOMER, SUPPLIER, ended, leg, merged, numbers, session,
};
use super::*;
use crate::domain::event::{Filter, Recognised, recognise};

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
fn a_reopened_thread_of_a_new_guest_is_the_same_customers_by_the_e_mail_address() {
    let chat = |who: &str, end: i64, guest: &str| {
        let members = json!({
            "mediaType": "MESSAGE", "messageType": "WEBMESSAGING", "direction": "INBOUND",
            "addressFrom": guest, "email": "casey@example.com", "interactingDurationMs": 60_000,
        });
        ended("customer.end", who, end, &members)
    };

    let interaction = merged(&[
        chat("one", 60, "7c3fd943-0000-4000-8000-000000000001"),
        chat("two", 7_260, "7c3fd943-0000-4000-8000-000000000002"),
    ]);

    assert_eq!(interaction.sessions.len(), 2);
    assert_eq!(interaction.third_parties, []);
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
        merged(std::slice::from_ref(&supplier)).number.as_deref(),
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
        merged(&[ended("customer.end", "c", 60, &members)]).number
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
        ended("customer.end", "c", 60, &members),
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
            &json!({"direction": "INBOUND", "ani": CUSTOMER, "userId": "alex"}),
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
fn an_update_of_a_whole_event_corrects_it_and_a_second_session_extends_it() {
    let whole = |from: i64, to: i64, more: &Value| {
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
    let first = whole(0, 60, &json!({}));
    let corrected = whole(0, 75, &json!({"summary": "Asked for a quote"}));
    let second = whole(600, 700, &json!({}));

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

/// The guide's event of one session, between two seconds of the call.
fn whole(from: i64, to: i64) -> Value {
    let time = |second| Timestamp::from_second(BEGIN + second).unwrap().to_string();
    json!({"data": {
        "id": "call-1", "channelType": "voice", "phoneNumber": CUSTOMER, "duration": to - from,
        "startTime": time(from), "endTime": time(to),
    }})
}

/// Start, duration and sessions, in seconds since the call began.
fn times(events: &[Value]) -> (i64, u64, Vec<(i64, i64)>) {
    let interaction = merged(events);
    let since = |at: Timestamp| at.as_second() - BEGIN;
    let sessions = interaction.sessions.iter();
    let sessions = sessions.map(|session| (since(session.started), since(session.ended)));
    (
        since(interaction.started),
        interaction.duration_ms.unwrap() / 1000,
        sessions.collect(),
    )
}

#[test]
fn sessions_of_every_source_are_listed_from_first_start_to_last_end() {
    let end = |who: &str, end: i64, seconds: i64| session(who, end, seconds, "INBOUND", CUSTOMER);

    let reopened = times(&[whole(0, 60), end("c2", 700, 100)]);
    assert_eq!(reopened, (0, 700, vec![(0, 60), (600, 700)]));
    let before = times(&[end("c", 60, 60), whole(600, 700)]);
    assert_eq!(before, (0, 700, vec![(0, 60), (600, 700)]));
    let both = times(&[whole(0, 60), end("c", 60, 60)]);
    assert_eq!(both, (0, 60, vec![(0, 60)]), "one session by two sources");
    let later = times(&[whole(0, 60), end("c", 90, 90)]);
    assert_eq!(later, (0, 90, vec![(0, 90)]), "the last end counts");
    let around = times(&[whole(0, 700), end("c", 60, 60), end("c2", 700, 100)]);
    assert_eq!(around, (0, 700, vec![(0, 60), (600, 700)]));
}

#[test]
fn where_no_side_is_taken_both_are_known() {
    let sides = |ani: &str, dnis: &str| {
        let members = json!({"direction": "UNKNOWN", "ani": ani, "dnis": dnis});
        merged(&[ended("customer.end", "c", 60, &members)]).untaken
    };

    assert_eq!(sides(CUSTOMER, SUPPLIER), [CUSTOMER, SUPPLIER]);
    assert_eq!(sides(COMPANY, COMPANY), [COMPANY]);
    assert!(sides(CUSTOMER, COMPANY).is_empty());
}

/// A session of someone who was called, with the external contacts of the conversation.
fn called(who: &str, number: &str, own: Option<&str>, contacts: &[&str]) -> Value {
    let mut event = session(who, 310, 100, "OUTBOUND", number);
    event["eventBody"]["externalContactId"] = json!(own);
    event["eventBody"]["conversationExternalContactIds"] = json!(contacts);
    event
}

#[test]
fn who_was_called_beside_another_external_contact_creates_no_person_until_a_leg_settles_it() {
    let doubtful = called("s", SUPPLIER, None, &["contact-of-c"]);
    assert!(!merged(std::slice::from_ref(&doubtful)).may_create);

    let leg = leg("alex", 310, 100, "OUTBOUND", SUPPLIER, "PEER");
    assert!(merged(&[doubtful, leg]).may_create, "it was called first");
    for (own, contacts) in [(Some("contact-of-s"), &["contact-of-s"][..]), (None, &[])] {
        let called = called("s", SUPPLIER, own, contacts);
        assert!(merged(&[called]).may_create, "{own:?}");
    }
}

#[test]
fn the_contact_of_the_conversation_makes_no_supplier_the_customer() {
    let mut customer = session("c", 300, 300, "INBOUND", CUSTOMER);
    customer["eventBody"]["externalContactId"] = json!("contact-of-c");
    customer["eventBody"]["conversationExternalContactIds"] = json!(["contact-of-c"]);
    let supplier = called("s", SUPPLIER, None, &["contact-of-c"]);

    let interaction = merged(&[customer, supplier]);

    assert_eq!(numbers(&interaction.third_parties), [SUPPLIER]);
    assert_eq!(interaction.sessions.len(), 1);
    assert!(interaction.may_create);
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
