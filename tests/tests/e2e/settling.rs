//! The events of one conversation make one record, once they have come.

use anyhow::ensure;
use bridge_tests::bridge::{Builder, PATIENCE, TestApp, call};
use bridge_tests::sandbox::pipedrive::{Activity, Fault, FaultRule, Meter};
use bridge_tests::servers::{Publication, wait_until};
use shared::broker::topology::{DEAD_LETTER_QUEUE, WORK_QUEUE};

use crate::conversations::{CUSTOMER, SUPPLIER, declined, leg, notes, session};

/// Where messages wait with a settle delay of 50 minutes.
const WAITING: &str = "interactions.retry.50m";
const CREATE: &str = "POST /api/v2/activities";
const CHANGE: &str = "PATCH /api/v2/activities/{id}";

/// A bridge with this settle delay, which has a queue of its own.
fn bridge(settle_delay: &str) -> Builder {
    TestApp::builder().set("BRIDGE__GENESYS__SETTLE_DELAY", settle_delay)
}

fn end() -> String {
    session("customer", 600, 600, "INBOUND", CUSTOMER)
}

fn answered() -> String {
    leg("alex", 600, 590, "INBOUND", CUSTOMER, "PEER")
}

fn friday() -> String {
    notes("alex", 640, "call back on Friday")
}

/// The same event of another conversation.
fn of(conversation: &str, event: &str) -> String {
    event.replace("call-1", conversation)
}

async fn post(app: &TestApp, events: &[String]) {
    for event in events {
        app.post(event.clone()).await.assert_accepted();
    }
}

/// How many activities were created, and how many changes were sent.
fn writes(meter: &Meter) -> (u64, u64) {
    let operations = meter.by_operation();
    let count = |name| operations.get(name).map_or(0, |spent| spent.requests);
    (count(CREATE), count(CHANGE))
}

fn note(activity: &Activity) -> &str {
    activity.note.as_deref().unwrap_or_default()
}

/// Moves messages to the work queue, as an operator does.
async fn move_messages(app: &TestApp, queue: &str) {
    let moving = app
        .management()
        .move_messages(app.vhost().name(), queue, WORK_QUEUE);
    moving.await.expect("the messages move");
}

async fn wait_until_in(app: &TestApp, queue: &str, count: u32) {
    let waiting = wait_until("messages that wait", PATIENCE, async || {
        let waiting = app.vhost().message_count(queue).await?;
        ensure!(waiting == count, "{waiting} in {queue}");
        Ok(())
    });
    waiting.await.unwrap_or_else(|error| panic!("{error:#}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_every_order_the_events_of_a_conversation_make_one_create_and_no_update() {
    let mut app = bridge("3s").spawn().await;
    app.start_worker().await;
    app.pipedrive.add_person("Casey Customer", &[CUSTOMER]);
    let meter = app.pipedrive.meter();
    let events = [end(), answered(), friday()];
    let orders = [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ];

    for (n, order) in orders.iter().enumerate() {
        let events = order.map(|event: usize| of(&format!("order-{n}"), &events[event]));
        post(&app, &events).await;
    }

    for activity in app.wait_for_exactly(orders.len()).await {
        let note = note(&activity);
        assert!(
            note.contains("alex") && note.contains("call back on Friday"),
            "{note}"
        );
    }
    assert_eq!(writes(&meter), (6, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn three_events_of_a_known_caller_cost_what_one_does_and_a_late_one_a_change() {
    let app = bridge("1500ms").spawn().await;
    app.pipedrive.add_person("Casey Customer", &[CUSTOMER]);
    post(&app, &[of("earlier", &end())]).await;
    app.wait_for_exactly(1).await;

    let meter = app.pipedrive.meter();
    post(&app, &[answered(), end()]).await;
    app.wait_for_exactly(2).await;
    assert_eq!(writes(&meter), (1, 0));
    assert_eq!(
        meter.tokens(),
        1 + 10 + 5,
        "the person, the deals, the activity"
    );

    let meter = app.pipedrive.meter();
    post(&app, &[friday()]).await;
    wait_until("the agent's notes in the record", PATIENCE, async || {
        let activities = app.pipedrive.activities();
        ensure!(
            activities
                .iter()
                .any(|it| note(it).contains("call back on Friday"))
        );
        Ok(())
    })
    .await
    .unwrap();
    app.wait_for_exactly(2).await;
    assert_eq!(writes(&meter), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transferred_call_is_one_record_with_both_agents() {
    let app = bridge("1500ms").spawn().await;
    let meter = app.pipedrive.meter();

    post(
        &app,
        &[
            leg("alex", 300, 290, "INBOUND", CUSTOMER, "TRANSFER"),
            leg("kim", 600, 280, "INBOUND", CUSTOMER, "PEER"),
            end(),
        ],
    )
    .await;

    let activity = app.wait_for_exactly(1).await.remove(0);
    let note = note(&activity);
    assert!(note.contains("alex") && note.contains("kim"), "{note}");
    assert_eq!(writes(&meter), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_whole_by_itself_never_waits_and_the_rest_waits_in_a_queue_of_its_delay() {
    let app = bridge("50m").spawn().await;
    let ended = r#"{"event":"conversation.ended","conversationId":"call-3","callerId":"+12025550143",
        "calleeId":"+12025550100","durationSeconds":61}"#;

    post(&app, &[call("call-2", CUSTOMER), ended.to_owned(), end()]).await;

    app.wait_for_activities(2).await;
    wait_until_in(&app, WAITING, 1).await;
    assert_eq!(app.pipedrive.activities().len(), 2, "the third waits");

    // A whole event of the same conversation takes along what waits.
    post(&app, &[call("call-1", CUSTOMER)]).await;
    app.wait_for_activities(3).await;
    move_messages(&app, WAITING).await;
    app.wait_for_exactly(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_message_that_is_moved_by_hand_is_recorded() {
    let app = bridge("50m").spawn().await;
    post(&app, &[end()]).await;
    wait_until_in(&app, WAITING, 1).await;

    move_messages(&app, WAITING).await;

    app.wait_for_exactly(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn legs_without_the_customers_end_are_recorded_late_and_create_no_person() {
    let app = bridge("1500ms")
        .set("BRIDGE__GENESYS__LEGS_WAIT", "3s")
        .spawn()
        .await;
    let known = app.pipedrive.add_person("Sam Supplier", &[SUPPLIER]);

    post(
        &app,
        &[
            of("unknown", &answered()),
            of("sam", &leg("alex", 600, 590, "INBOUND", SUPPLIER, "PEER")),
            of(
                "handed-on",
                &leg("alex", 300, 290, "INBOUND", CUSTOMER, "TRANSFER"),
            ),
            of("declined", &declined("alex", 300, CUSTOMER)),
        ],
    )
    .await;

    let activities = app.wait_for_exactly(3).await;
    assert_eq!(app.pipedrive.persons().len(), 1, "none is created");
    let of_known = app.pipedrive.activities_of(known);
    assert_eq!(of_known.len(), 1);
    assert!(note(&of_known[0]).ends_with("sam"));
    assert!(activities.iter().all(|it| !note(it).ends_with("declined")));
    app.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_follows_recorded_legs_changes_their_record_once() {
    let app = bridge("1500ms")
        .set("BRIDGE__GENESYS__LEGS_WAIT", "1500ms")
        .spawn()
        .await;
    let meter = app.pipedrive.meter();
    post(
        &app,
        &[leg("alex", 300, 290, "INBOUND", CUSTOMER, "TRANSFER")],
    )
    .await;
    app.wait_for_exactly(1).await;

    post(
        &app,
        &[end(), leg("kim", 600, 280, "INBOUND", CUSTOMER, "PEER")],
    )
    .await;

    wait_until("both agents in the record", PATIENCE, async || {
        let activities = app.pipedrive.activities();
        ensure!(note(&activities[0]).contains("kim"));
        Ok(())
    })
    .await
    .unwrap();
    let activity = app.wait_for_exactly(1).await.remove(0);
    assert_eq!(writes(&meter), (1, 1));
    assert!(
        activity.person_id.is_some(),
        "the end vouches for the caller"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_and_bodies_without_headers_wait_like_any_other() {
    let app = bridge("1500ms").spawn().await;
    let meter = app.pipedrive.meter();
    let by_hand = Publication {
        exchange: "interactions".to_owned(),
        routing_key: "work".to_owned(),
        payload: answered(),
        ..Publication::default()
    };

    post(&app, &[end(), end(), end()]).await;
    let vhost = app.vhost().name();
    app.management().publish(vhost, &by_hand).await.unwrap();

    let activity = app.wait_for_exactly(1).await.remove(0);
    assert!(note(&activity).contains("alex"));
    assert_eq!(writes(&meter), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_party_whose_session_ends_first_is_no_customer() {
    let app = bridge("1500ms").spawn().await;
    let meter = app.pipedrive.meter();

    post(
        &app,
        &[session("supplier", 500, 200, "OUTBOUND", SUPPLIER), end()],
    )
    .await;

    let activity = app.wait_for_exactly(1).await.remove(0);
    let persons = app.pipedrive.persons();
    assert_eq!(persons.len(), 1, "{persons:#?}");
    assert_eq!(persons[0].phones[0].value, CUSTOMER);
    assert_eq!(activity.person_id, Some(persons[0].id));
    assert_eq!(writes(&meter), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_dead_letter_does_not_wait_again() {
    let app = bridge("50m").spawn().await;
    app.let_another_pass("create an activity").await;
    let refused = FaultRule::always("POST", "/api/v2/activities", Fault::forbidden());
    app.pipedrive.add_fault(refused);
    post(&app, &[end()]).await;
    wait_until_in(&app, WAITING, 1).await;
    move_messages(&app, WAITING).await;
    app.wait_for_dead_letters(1).await;
    app.pipedrive.clear_faults();

    move_messages(&app, DEAD_LETTER_QUEUE).await;

    app.wait_for_exactly(1).await;
}
