//! A record moves when a later event shows who was there first: completely, and only where no person moved it.

use std::time::Duration;

use anyhow::ensure;
use bridge_tests::bridge::{PATIENCE, TestApp};
use bridge_tests::sandbox::pipedrive::{Activity, Fault, FaultRule, NewPerson};
use bridge_tests::servers::wait_until;
use serde_json::json;

use crate::conversations::{CUSTOMER, SUPPLIER, session};

async fn post(app: &TestApp, event: String) -> Activity {
    app.post(event).await.assert_accepted();
    app.wait_until_idle().await;
    app.wait_for_dead_letters(0).await;
    app.wait_for_exactly(1).await.remove(0)
}

fn supplier() -> String {
    session("supplier", 500, 200, "OUTBOUND", SUPPLIER)
}

fn customer() -> String {
    session("customer", 600, 600, "INBOUND", CUSTOMER)
}

fn note(activity: &Activity) -> String {
    activity.note.clone().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_suppliers_deal_and_organisation_do_not_stay_when_the_record_moves() {
    for clears_links in [true, false] {
        let app = TestApp::spawn().await;
        let mut behaviour = app.pipedrive.behaviour();
        behaviour.fills_organization = true;
        behaviour.clears_links = clears_links;
        app.pipedrive.set_behaviour(behaviour);
        let works = app.pipedrive.add_organization("Supplier Works");
        let sam = NewPerson::named("Sam Supplier").phone(SUPPLIER).of(works);
        let sam = app.pipedrive.add(sam);
        let deal = app.pipedrive.add_deal("Forty screws", sam);
        let casey = app.pipedrive.add_person("Casey Customer", &[CUSTOMER]);
        let first = post(&app, supplier()).await;
        assert_eq!((first.deal_id, first.org_id), (Some(deal), Some(works)));

        let moved = post(&app, customer()).await;

        assert_eq!(moved.person_id, Some(casey));
        let links = (moved.deal_id, moved.org_id);
        if clears_links {
            assert_eq!(links, (None, None));
        } else {
            assert_eq!(links, (Some(deal), Some(works)), "Pipedrive refuses null");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_that_a_person_linked_stays_when_the_record_moves() {
    let app = TestApp::spawn().await;
    let sam = app.pipedrive.add_person("Sam Supplier", &[SUPPLIER]);
    app.pipedrive.add_person("Casey Customer", &[CUSTOMER]);
    let first = post(&app, supplier()).await;
    let deal = app.pipedrive.add_deal("Twenty seats", sam);
    let linked = app
        .pipedrive
        .edit_activity(first.id, &json!({"deal_id": deal}));
    linked.expect("a valid edit");

    let moved = post(&app, customer()).await;

    assert_eq!(moved.deal_id, Some(deal));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_or_withheld_caller_does_not_leave_the_record_on_the_supplier() {
    for (caller, why) in [
        (
            CUSTOMER,
            "<b>Not attached:</b> several people share this number",
        ),
        ("anonymous", "<b>Number:</b> withheld"),
    ] {
        let app = TestApp::spawn().await;
        let sam = app.pipedrive.add_person("Sam Supplier", &[SUPPLIER]);
        for name in ["Casey Customer", "Kim Colleague"] {
            app.pipedrive.add_person(name, &[CUSTOMER]);
        }
        let first = post(&app, supplier()).await;
        assert_eq!(first.person_id, Some(sam));

        let moved = post(&app, session("customer", 600, 600, "INBOUND", caller)).await;

        assert_eq!(moved.person_id, None, "{caller}");
        assert!(moved.participants.is_empty(), "{:?}", moved.participants);
        assert!(note(&moved).contains(why), "{}", note(&moved));
        assert!(note(&moved).contains("Sam Supplier"), "{}", note(&moved));
        assert_eq!(app.pipedrive.persons().len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn for_a_record_that_a_person_moved_no_person_is_created() {
    let app = TestApp::spawn().await;
    app.pipedrive.add_person("Sam Supplier", &[SUPPLIER]);
    let chosen = app.pipedrive.add_person("Robin Right", &[]);
    let first = post(&app, supplier()).await;
    let participants = json!([{"person_id": chosen, "primary": true}]);
    let moved = json!({"participants": participants});
    let moved = app.pipedrive.edit_activity(first.id, &moved);
    moved.expect("a valid edit");

    let found = post(&app, customer()).await;

    assert_eq!(found.person_id, Some(chosen));
    let participants = found.participants.iter().map(|it| it.person_id);
    assert!(
        participants.eq([chosen]),
        "who was removed by a person stays away"
    );
    assert_eq!(app.pipedrive.persons().len(), 2, "no stray person");
    assert!(!note(&found).contains("Not attached"), "{}", note(&found));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_party_who_joins_makes_a_persons_choice_not_ours() {
    let app = TestApp::spawn().await;
    app.pipedrive.add_person("Sam Supplier", &[SUPPLIER]);
    app.pipedrive.add_person("Casey Customer", &[CUSTOMER]);
    let chosen = app.pipedrive.add_person("Robin Right", &[]);
    let third = app.pipedrive.add_person("Toni Third", &["+12025550178"]);
    let first = post(&app, supplier()).await;
    let participants = json!([{"person_id": chosen, "primary": true}]);
    let moved = json!({"participants": participants});
    let moved = app.pipedrive.edit_activity(first.id, &moved);
    moved.expect("a valid edit");

    let joined = session("third", 550, 100, "OUTBOUND", "+12025550178");
    let joined = post(&app, joined).await;
    assert!(joined.participants.iter().any(|it| it.person_id == third));
    let found = post(&app, customer()).await;

    assert_eq!(found.person_id, Some(chosen));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_party_who_is_deleted_before_the_write_is_left_out() {
    let app = TestApp::spawn().await;
    let casey = app.pipedrive.add_person("Casey Customer", &[CUSTOMER]);
    let sam = app.pipedrive.add_person("Sam Supplier", &[SUPPLIER]);
    post(&app, customer()).await;
    let slow = Fault::latency_before(Duration::from_secs(2));
    let slow = FaultRule::always("PATCH", "/api/v2/activities/*", slow);
    app.pipedrive.add_fault(slow.times(1));

    app.post(supplier()).await.assert_accepted();
    wait_until("the change is on its way", PATIENCE, async || {
        let requests = app.pipedrive.requests();
        ensure!(requests.iter().any(|request| request.method == "PATCH"));
        Ok(())
    })
    .await
    .unwrap();
    assert!(app.pipedrive.delete_person(sam));
    app.wait_until_idle().await;

    app.wait_for_dead_letters(0).await;
    let activity = app.wait_for_exactly(1).await.remove(0);
    let people: Vec<i64> = activity
        .participants
        .iter()
        .map(|it| it.person_id)
        .collect();
    assert_eq!(people, [casey]);
    assert!(note(&activity).contains(SUPPLIER), "{}", note(&activity));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_whose_person_was_deleted_takes_in_a_third_party_in_its_note_alone() {
    let app = TestApp::spawn().await;
    let casey = app.pipedrive.add_person("Casey Customer", &[CUSTOMER]);
    app.pipedrive.add_person("Sam Supplier", &[SUPPLIER]);
    post(&app, customer()).await;
    assert!(app.pipedrive.delete_person(casey));

    let joined = post(&app, supplier()).await;

    assert_eq!(joined.person_id, Some(casey), "what was attached stays so");
    assert_eq!(joined.participants.len(), 1);
    assert!(note(&joined).contains(SUPPLIER), "{}", note(&joined));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_moves_away_from_a_person_who_was_deleted() {
    let app = TestApp::spawn().await;
    let sam = app.pipedrive.add_person("Sam Supplier", &[SUPPLIER]);
    let casey = app.pipedrive.add_person("Casey Customer", &[CUSTOMER]);
    post(&app, supplier()).await;
    assert!(app.pipedrive.delete_person(sam));

    let moved = post(&app, customer()).await;

    assert_eq!(moved.person_id, Some(casey));
    assert_eq!(moved.participants.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_side_is_the_customers_the_note_names_both_and_no_person_is_created() {
    let app = TestApp::spawn().await;
    let ended = json!({"event": "conversation.ended", "conversationId": "call-1", "callerId": CUSTOMER,
        "calleeId": SUPPLIER, "durationSeconds": 60, "recordingId": "recording-1"});

    let activity = post(&app, ended.to_string()).await;

    let note = note(&activity);
    let (_, why) = note.split_once("<b>Not attached:</b>").expect("a reason");
    assert!(why.contains(CUSTOMER) && why.contains(SUPPLIER), "{note}");
    assert!(app.pipedrive.persons().is_empty());
}
