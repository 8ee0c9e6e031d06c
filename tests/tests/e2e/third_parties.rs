//! Calls in which more than the customer took part.

use bridge_tests::bridge::TestApp;

use crate::conversations::{CUSTOMER, SUPPLIER, leg, session};

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
    let app = TestApp::spawn().await;
    let [customer, supplier] = conference();

    post(&app, &[supplier, customer]).await;

    let activity = app.wait_for_exactly(1).await.remove(0);
    let customer = activity.person_id.and_then(|id| app.pipedrive.person(id));
    assert_eq!(customer.unwrap().phones[0].value, CUSTOMER);
    let note = activity.note.unwrap();
    assert!(
        note.contains("<b>Also took part:</b>") && note.contains(SUPPLIER),
        "{note}"
    );
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
    let others = activity.participants.iter().filter(|it| !it.primary);
    let others: Vec<i64> = others.map(|it| it.person_id).collect();
    assert_eq!(others, [known]);
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
    assert!(!activity.note.unwrap().contains("Also took part"));
}
