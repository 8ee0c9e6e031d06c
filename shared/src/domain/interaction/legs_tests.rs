//! What agents did, and what came of it.

use serde_json::{Value, json};

use super::calls::{ALEX, CUSTOMER, KIM, ended, leg, merged, session};
use super::*;

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
        ended(leaf, "alex", 70, &members)
    };
    let interaction = merged(&[
        notes("acw", "one", 30_000),
        notes("wrapup", "one", 30_000),
        notes("acw", "two", 12_000),
    ]);

    assert_eq!(interaction.after_call_ms, Some(42_000));
}
