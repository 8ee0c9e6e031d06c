//! Entries of interactions in Redis, of every schema.

use anyhow::ensure;
use bridge_tests::bridge::{PATIENCE, TestApp, call, sample};
use bridge_tests::sandbox::pipedrive::{Activity, NewPerson};
use bridge_tests::servers::wait_until;
use serde_json::json;
use shared::domain::ids::InteractionId;

use super::{CALLER, INTERACTION, fixtures, restore};
use crate::conversations::{SUPPLIER, chat, leg, session};

/// Puts a record of the fixtures in place of the interaction's own.
async fn restore_record(app: &TestApp, name: &str, changes: &[(&str, &str)]) {
    let id = InteractionId::parse(INTERACTION).expect("an id");
    let key = format!("interaction:{{{}}}", id.idempotency_key());
    restore(app, &key, &fixtures("records").join(name), changes).await;
}

/// Puts a record of the fixtures in place of that of the interaction which it names.
async fn restore_record_of(app: &TestApp, id: &str, name: &str, changes: &[(&str, i64)]) {
    let id = InteractionId::parse(id).expect("an id");
    let key = format!("interaction:{{{}}}", id.idempotency_key());
    let changes: Vec<(&str, String)> = changes
        .iter()
        .map(|(placeholder, id)| (*placeholder, id.to_string()))
        .collect();
    let changes: Vec<(&str, &str)> = changes.iter().map(|(from, to)| (*from, &**to)).collect();
    restore(app, &key, &fixtures("records").join(name), &changes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_of_schema_1_recognises_duplicates_and_leads_to_the_activity() {
    let app = TestApp::spawn().await;
    let person = app.pipedrive.add_person("Casey Customer", &[CALLER]);
    let ended = sample("eventbridge-customer-end-voice-inbound");
    app.post(ended.clone()).await.assert_accepted();
    let activity = app.wait_for_activities(1).await.remove(0);
    app.wait_until_idle().await;
    let ids = [activity.id.to_string(), person.to_string()];
    restore_record(
        &app,
        "v1/recorded.json",
        &[("$activity", &ids[0]), ("$person", &ids[1])],
    )
    .await;
    let asked = app.pipedrive.request_count();

    app.post(ended).await.assert_accepted();
    app.wait_until_idle().await;
    assert_eq!(
        app.pipedrive.request_count(),
        asked,
        "a duplicate sends no request"
    );
    app.post(sample("eventbridge-acw-voice-inbound"))
        .await
        .assert_accepted();

    wait_until("what the new event adds", PATIENCE, async || {
        let activities = app.pipedrive.activities();
        ensure!(activities.len() == 1 && activities[0].note != activity.note);
        Ok(())
    })
    .await
    .unwrap();
    app.wait_until_idle().await;
    assert_eq!(app.pipedrive.activities().len(), 1);
}

/// Posts an event to an interaction whose record is one of the fixtures. Asserts that no search is needed for it.
async fn after_what_is_remembered(app: &TestApp, event: String) -> Activity {
    let meter = app.pipedrive.meter();
    app.post(event).await.assert_accepted();
    app.wait_until_idle().await;
    app.wait_for_dead_letters(0).await;
    let operations = meter.by_operation();
    assert!(operations.contains_key("PATCH /api/v2/activities/{id}"));
    assert!(
        !operations.contains_key("GET /api/v2/persons/search"),
        "{operations:?}"
    );
    app.wait_for_exactly(1).await.remove(0)
}

async fn recorded(app: &TestApp, events: &[String]) -> Activity {
    for event in events {
        app.post(event.clone()).await.assert_accepted();
        app.wait_until_idle().await;
    }
    app.wait_for_exactly(1).await.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn third_parties_of_a_record_are_remembered_with_what_the_answer_held() {
    let app = TestApp::spawn().await;
    let caller = app.pipedrive.add_person("Casey Customer", &[CALLER]);
    let other = app.pipedrive.add_person("Sam Supplier", &[SUPPLIER]);
    let events = [
        session("customer", 600, 600, "INBOUND", CALLER),
        session("supplier", 500, 200, "OUTBOUND", SUPPLIER),
    ];
    let id = recorded(&app, &events).await.id;
    let ids = [("$activity", id), ("$person", caller), ("$other", other)];
    restore_record_of(&app, "call-1", "v1/third-party.json", &ids).await;
    let edited = app
        .pipedrive
        .edit_activity(id, &json!({"subject": "Wants a quote"}));
    edited.expect("a valid edit");

    let leg = leg("alex", 600, 590, "INBOUND", CALLER, "PEER");
    let activity = after_what_is_remembered(&app, leg).await;

    assert_eq!(activity.person_id, Some(caller));
    assert_eq!(activity.subject, "Wants a quote", "a person's");
    assert!(activity.note.unwrap().contains("Sam Supplier"));
}

#[tokio::test(flavor = "multi_thread")]
async fn several_people_of_a_record_are_remembered() {
    let app = TestApp::spawn().await;
    let names = ["Casey Customer", "Kim Colleague", "Alex Stranger"];
    let people = names.map(|name| app.pipedrive.add_person(name, &[CALLER]));
    let id = recorded(&app, &[call("call-1", CALLER)]).await.id;
    let ids = [
        ("$activity", id),
        ("$first", people[0]),
        ("$second", people[1]),
        ("$third", people[2]),
    ];
    restore_record_of(&app, "call-1", "v1/shared.json", &ids).await;

    let leg = leg("alex", 600, 590, "INBOUND", CALLER, "PEER");
    let activity = after_what_is_remembered(&app, leg).await;

    assert_eq!(activity.person_id, None);
    let note = activity.note.unwrap();
    assert!(names.iter().all(|name| note.contains(name)), "{note}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_person_of_an_e_mail_address_of_a_record_is_remembered() {
    let app = TestApp::spawn().await;
    let writer = NewPerson::named("Casey Customer").email("casey@example.com");
    let writer = app.pipedrive.add(writer);
    let chat = chat("chat-1", "casey@example.com");
    let id = recorded(&app, std::slice::from_ref(&chat)).await.id;
    let ids = [("$activity", id), ("$person", writer)];
    restore_record_of(&app, "chat-1", "v1/email.json", &ids).await;

    let more = chat.replace("\"duration\":61", "\"duration\":75");
    let activity = after_what_is_remembered(&app, more).await;

    assert_eq!(activity.person_id, Some(writer));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_of_schema_1_is_looked_for_before_anything_is_written() {
    let app = TestApp::spawn().await;
    let person = app.pipedrive.add_person("Casey Customer", &[CALLER]);
    restore_record(
        &app,
        "v1/intended.json",
        &[("$person", &person.to_string())],
    )
    .await;

    app.post(sample("eventbridge-customer-end-voice-inbound"))
        .await
        .assert_accepted();

    app.wait_for_exactly(1).await;
    let requests = app.pipedrive.requests();
    let first = |method: &str| {
        requests
            .iter()
            .position(|request| request.method == method && request.path == "/api/v2/activities")
    };
    assert!(first("GET") < first("POST"), "{requests:#?}");
    assert!(first("GET").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_record_cannot_be_read_is_recorded_from_its_message() {
    let app = TestApp::spawn().await;
    let person = app.pipedrive.add_person("Casey Customer", &[CALLER]);
    let unreadable = [("$person", &*person.to_string()), ("{", "?")];
    restore_record(&app, "v1/intended.json", &unreadable).await;

    app.post(sample("eventbridge-customer-end-voice-inbound"))
        .await
        .assert_accepted();

    let activities = app.wait_for_exactly(1).await;
    assert_eq!(activities[0].person_id, Some(person));
    app.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_a_newer_schema_is_left_alone() {
    let app = TestApp::builder()
        .set("BRIDGE__RETRY__MAX_AGE", "4s")
        .spawn()
        .await;
    restore_record(&app, "v1/recorded.json", &[("$schema", "2")]).await;

    app.post(sample("eventbridge-acw-voice-inbound"))
        .await
        .assert_accepted();

    let letters = app.wait_for_dead_letters(1).await;
    let reason = letters[0].header("x-failure-reason");
    assert_eq!(reason.unwrap(), "newer_schema");
    assert!(app.pipedrive.activities().is_empty());
}
