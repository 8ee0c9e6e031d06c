//! Calls in which more than the customer took part.

use bridge_tests::bridge::TestApp;

use bridge_tests::sandbox::pipedrive::Activity;
use serde_json::json;

use crate::conversations::{CUSTOMER, SUPPLIER, leg, session, with_contacts};

async fn post(app: &TestApp, events: &[String]) {
    for event in events {
        app.post(event.clone()).await.assert_accepted();
        app.wait_until_idle().await;
    }
}

/// The customer's session and the supplier's, who was called into the conference.
fn conference() -> [String; 2] {
    [
        session("customer", 600, 600, "INBOUND", CUSTOMER),
        session("supplier", 500, 200, "OUTBOUND", SUPPLIER),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supplier_in_a_conference_is_named_and_never_created() {
    let [customer, supplier] = conference();
    let beside_a_contact = with_contacts(&supplier, None, &["contact-of-the-customer"]);
    let leg = leg("alex", 600, 590, "INBOUND", CUSTOMER, "PEER");
    // Where the supplier's event comes first, it may say that the customer is someone else, or a leg does. Without either
    // it looks like the event of a customer who was called; the settle delay waits for the others.
    for events in [
        vec![customer.clone(), supplier.clone()],
        vec![beside_a_contact, customer.clone()],
        vec![leg, supplier, customer],
    ] {
        let app = TestApp::spawn().await;

        post(&app, &events).await;

        let activity = app.wait_for_exactly(1).await.remove(0);
        let people = app.pipedrive.persons();
        assert_eq!(people.len(), 1, "{events:?}");
        assert_eq!(activity.person_id, Some(people[0].id));
        assert_eq!(people[0].phones[0].value, CUSTOMER);
        let note = activity.note.unwrap();
        assert!(
            note.contains("<b>Also took part:</b>") && note.contains(SUPPLIER),
            "{note}"
        );
    }
}

/// The ids of the participants beside the primary one.
fn others(activity: &Activity) -> Vec<i64> {
    let others = activity.participants.iter().filter(|it| !it.primary);
    others.map(|it| it.person_id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_third_party_joins_the_participants_that_people_added() {
    let app = TestApp::spawn().await;
    let caller = app.pipedrive.add_person("Casey Customer", &[CUSTOMER]);
    let known = app.pipedrive.add_person("Sam Supplier", &[SUPPLIER]);
    let colleague = app.pipedrive.add_person("Kim Colleague", &[]);
    let [customer, supplier] = conference();
    post(&app, &[customer]).await;
    let activity = app.wait_for_exactly(1).await.remove(0);
    let participants = json!([
        {"person_id": caller, "primary": true},
        {"person_id": colleague, "primary": false},
    ]);
    let edited = json!({ "participants": participants });
    let edited = app.pipedrive.edit_activity(activity.id, &edited);
    edited.expect("a valid edit");

    post(&app, &[supplier]).await;

    let activity = app.wait_for_exactly(1).await.remove(0);
    assert_eq!(activity.person_id, Some(caller));
    assert_eq!(others(&activity), [colleague, known]);
    let note = activity.note.unwrap();
    assert!(note.contains("Sam Supplier"), "{note}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supplier_who_is_known_takes_part_beside_the_customer() {
    let app = TestApp::spawn().await;
    let caller = app.pipedrive.add_person("Casey Customer", &[CUSTOMER]);
    let known = app.pipedrive.add_person("Sam Supplier", &[SUPPLIER]);

    post(&app, &conference()).await;
    let meter = app.pipedrive.meter();
    post(&app, &[leg("alex", 600, 590, "INBOUND", CUSTOMER, "PEER")]).await;

    let activity = app.wait_for_exactly(1).await.remove(0);
    assert_eq!(activity.person_id, Some(caller));
    assert_eq!(others(&activity), [known]);
    let note = activity.note.unwrap();
    assert!(note.contains("Sam Supplier"), "remembered: {note}");
    let operations = meter.by_operation();
    assert!(
        !operations.contains_key("GET /api/v2/persons/search"),
        "{operations:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_target_of_an_external_transfer_does_not_take_the_record_over() {
    let app = TestApp::spawn().await;
    let caller = app.pipedrive.add_person("Casey Customer", &[CUSTOMER]);
    let target = app.pipedrive.add_person("Sam Supplier", &[SUPPLIER]);

    post(
        &app,
        &[
            session("target", 900, 300, "OUTBOUND", SUPPLIER),
            leg("alex", 610, 600, "INBOUND", CUSTOMER, "TRANSFER"),
            session("customer", 900, 900, "INBOUND", CUSTOMER),
        ],
    )
    .await;

    let activity = app.wait_for_exactly(1).await.remove(0);
    assert_eq!(
        activity.person_id,
        Some(caller),
        "moved to who was there first"
    );
    assert_eq!(app.pipedrive.activities_of(target).len(), 0);
    assert_eq!(app.pipedrive.persons().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_and_a_reopened_thread_extend_the_record_and_keep_its_person() {
    let app = TestApp::spawn().await;
    let caller = app.pipedrive.add_person("Casey Customer", &[CUSTOMER]);

    post(
        &app,
        &[
            session("customer", 300, 300, "INBOUND", CUSTOMER),
            session("callback", 4_000, 400, "OUTBOUND", CUSTOMER),
        ],
    )
    .await;

    let activity = app.wait_for_exactly(1).await.remove(0);
    assert_eq!(activity.person_id, Some(caller));
    assert_eq!(activity.duration.as_deref(), Some("01:07"));
    assert_eq!(activity.participants.len(), 1);
    assert_eq!(activity.due_time.as_deref(), Some("14:00"));
    assert!(
        activity.subject.contains(", called back"),
        "{}",
        activity.subject
    );
    let note = activity.note.unwrap();
    assert!(!note.contains("Also took part"), "{note}");
    let sessions = "<b>Sessions:</b> Tue 10 Mar 2026, 14:00, inbound, 5 min 0 s<br>\
        Tue 10 Mar 2026, 15:00, outbound, 6 min 40 s<br>";
    assert!(note.contains(sessions), "{note}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_both_sources_make_one_record_from_first_start_to_last_end() {
    let app = TestApp::spawn().await;
    let data = json!({"id": "call-1", "channelType": "voice", "phoneNumber": CUSTOMER, "duration": 300,
        "startTime": "2026-03-10T14:00:00Z", "endTime": "2026-03-10T14:05:00Z"});
    let guide = json!({"eventType": "interaction.completed", "data": data});

    let second = session("customer", 4_000, 400, "INBOUND", CUSTOMER);
    post(&app, &[guide.to_string(), second]).await;

    let activity = app.wait_for_exactly(1).await.remove(0);
    assert_eq!(activity.duration.as_deref(), Some("01:07"));
    assert_eq!(activity.due_time.as_deref(), Some("14:00"));
    let note = activity.note.unwrap();
    let sessions = "<b>Sessions:</b> Tue 10 Mar 2026, 14:00, 5 min 0 s<br>\
        Tue 10 Mar 2026, 15:00, inbound, 6 min 40 s<br>";
    assert!(note.contains(sessions), "{note}");
}
