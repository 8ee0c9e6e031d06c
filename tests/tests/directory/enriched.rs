//! What a conversation of a known caller costs with everything on: directory, settle delay, Genesys, owners.

use bridge_tests::bridge::call_centre::{CallCentre, line, note};
use bridge_tests::sandbox::call_centre::{Form, Happening, Owner, Scenario, Who};
use bridge_tests::sandbox::genesys::Recording;

use crate::people::{LONG_AGO, wait_until_complete, wait_until_deals_are_known};

/// Tokens of a conversation, and of each change of its record afterwards.
const EACH: u64 = 7;
const CHANGE: u64 = 5;
/// The agent's notes: the event that may come late.
const LATE: &str = "acw";

async fn centre() -> CallCentre {
    let builder = CallCentre::builder()
        .set("BRIDGE__DIRECTORY__MODE", "on")
        .set("BRIDGE__GENESYS__SETTLE_DELAY", "2s")
        .without_worker();
    let mut centre = CallCentre::of(400, builder).await;
    centre.app.pipedrive.age_people(LONG_AGO);
    centre.app.start_worker().await;
    wait_until_complete(&centre.app).await;
    wait_until_deals_are_known(&centre.app).await;
    centre
}

/// Calls of known callers with an owner and notes, of all events in Genesys' own forms. What is recorded is ready.
fn calls(centre: &CallCentre, count: usize) -> Vec<&Happening> {
    let calls = centre.day.happenings.iter().filter(|one| {
        let has_notes = one.deliveries.iter().any(|delivery| delivery.leaf == LATE);
        matches!(one.scenario, Scenario::Inbound | Scenario::BlindTransfer)
            && matches!(one.truth.who, Who::Person(_))
            && matches!(one.truth.owner, Owner::User(_))
            && one.truth.notes.is_some()
            && one.deliveries.iter().all(|it| it.form != Form::Guide)
            && has_notes
            && !matches!(one.held.recording, Recording::Ready { after: 1.. })
    });
    let calls: Vec<_> = calls.take(count).collect();
    assert_eq!(calls.len(), count);
    calls
}

/// Waits until a record is complete: its agents by name, its owner, its recording.
async fn wait_until_whole(centre: &CallCentre, call: &Happening) {
    let Owner::User(email) = &call.truth.owner else {
        panic!("it has an owner");
    };
    let users = centre.app.pipedrive.users();
    let owner = users
        .iter()
        .find(|user| user.email.eq_ignore_ascii_case(email));
    let owner = owner.expect("an agent is a user").id;
    centre
        .wait_for(&call.truth.conversation, |record| {
            let text = note(record);
            let agents = line(text, "Agent").or_else(|| line(text, "Agents"));
            let agents = agents.unwrap_or_default();
            let is_recorded = text.contains("Listen in Genesys Cloud");
            call.truth
                .agents
                .iter()
                .all(|agent| agents.contains(&agent.name))
                && is_recorded == call.truth.has_recording
                && record.owner_id == owner
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_conversation_of_a_known_caller_costs_seven_tokens_at_most() {
    let centre = centre().await;
    let calls = calls(&centre, 13);
    // Users are listed once an hour.
    centre.deliver(calls[0]).await;
    wait_until_whole(&centre, calls[0]).await;
    centre.app.wait_until_idle().await;
    let meter = centre.app.pipedrive.meter();

    for call in &calls[1..] {
        centre.deliver(call).await;
    }
    for call in &calls[1..] {
        wait_until_whole(&centre, call).await;
    }
    centre.app.wait_until_idle().await;

    let (spent, by_operation) = (meter.tokens(), meter.by_operation());
    println!("12 conversations: {spent} tokens");
    assert!(spent <= 12 * EACH, "{spent}: {by_operation:#?}");
    let changes = by_operation.get("PATCH /api/v2/activities/{id}");
    assert!(changes.is_none(), "{by_operation:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_that_come_late_cost_five_tokens_more() {
    let centre = centre().await;
    let calls = calls(&centre, 5);
    centre.deliver(calls[0]).await;
    wait_until_whole(&centre, calls[0]).await;
    centre.app.wait_until_idle().await;
    let meter = centre.app.pipedrive.meter();

    let (late, in_time): (Vec<_>, Vec<_>) = calls[1..]
        .iter()
        .flat_map(|call| &call.deliveries)
        .partition(|delivery| delivery.leaf == LATE);
    for delivery in in_time {
        centre
            .app
            .post(delivery.body.clone())
            .await
            .assert_accepted();
    }
    for call in &calls[1..] {
        wait_until_whole(&centre, call).await;
    }
    centre.app.wait_until_idle().await;
    for delivery in &late {
        centre
            .app
            .post(delivery.body.clone())
            .await
            .assert_accepted();
    }
    for call in &calls[1..] {
        let notes = call.truth.notes.as_deref().expect("it has notes");
        centre
            .wait_for(&call.truth.conversation, |record| {
                note(record).contains(notes)
            })
            .await;
    }
    centre.app.wait_until_idle().await;

    let (spent, by_operation) = (meter.tokens(), meter.by_operation());
    println!("4 conversations with late notes: {spent} tokens");
    assert!(spent <= 4 * (EACH + CHANGE), "{spent}: {by_operation:#?}");
}
