//! An update that takes effect late.

use std::time::Duration;

use anyhow::ensure;
use bridge_tests::bridge::{PATIENCE, TestApp, sample};
use bridge_tests::sandbox::pipedrive::{Fault, FaultRule};
use bridge_tests::servers::wait_until;
use serde_json::{Value, json};

use crate::invariants::assert_settled;

/// A bridge that has recorded the customer's side of a call.
async fn with_a_recorded_call() -> TestApp {
    let app = TestApp::spawn().await;
    app.post(sample("eventbridge-customer-end-voice-inbound"))
        .await
        .assert_accepted();
    app.wait_for_activities(1).await;
    app.wait_until_idle().await;
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_comes_late_does_not_undo_a_later_one() {
    let app = with_a_recorded_call().await;
    let late = Fault::apply_late(Duration::from_millis(1_500));
    app.pipedrive
        .add_fault(FaultRule::once("PATCH", "/api/v2/activities/*", late));

    app.post(sample("eventbridge-acw-voice-inbound"))
        .await
        .assert_accepted();
    app.post(sample("eventbridge-user-end-voice-inbound"))
        .await
        .assert_accepted();

    let settled = wait_until("a record of all three events", PATIENCE, async || {
        ensure!(
            app.pipedrive.unsettled_requests() == 0,
            "one is still on its way"
        );
        let note = app.pipedrive.activities()[0].note.clone().unwrap();
        ensure!(note.contains("call back on Friday"), "{note}");
        ensure!(note.contains("<b>Hold:</b> 30 s"), "{note}");
        Ok(())
    });
    settled.await.unwrap();
    assert_settled(&app).await;
    assert_eq!(app.pipedrive.activities().len(), 1);
}

/// What the agent's side of the call states, of another agent than the sample's.
fn second_leg() -> String {
    let leg = sample("eventbridge-user-end-voice-inbound");
    let mut leg: Value = serde_json::from_slice(&leg).expect("samples are JSON");
    let body = &mut leg["detail"]["eventBody"];
    body["userId"] = json!("00000000-0000-4000-8000-000000000002");
    body["participantId"] = json!("00000000-0000-4000-8000-000000000003");
    leg.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_an_update_whose_answer_was_lost_give_way_to_later_ones() {
    let app = with_a_recorded_call().await;
    let lost = Fault::server_error_after_effect(500);
    app.pipedrive
        .add_fault(FaultRule::once("PATCH", "/api/v2/activities/*", lost));
    app.post(sample("eventbridge-user-end-voice-inbound"))
        .await
        .assert_accepted();
    let note = async || app.pipedrive.activities()[0].note.clone().unwrap();
    wait_until("the update whose answer is lost", PATIENCE, async || {
        ensure!(note().await.contains("<b>Talk:</b> 5 min 52 s"));
        Ok(())
    })
    .await
    .unwrap();

    app.post(second_leg()).await.assert_accepted();

    wait_until("a record of both agents", PATIENCE, async || {
        let note = note().await;
        ensure!(note.contains("<b>Talk:</b> 11 min 44 s"), "{note}");
        Ok(())
    })
    .await
    .unwrap();
    app.wait_until_idle().await;
    for once in ["<b>Talk:</b>", "<b>Hold:</b>", "<b>Agents:</b>"] {
        let note = note().await;
        assert_eq!(note.matches(once).count(), 1, "{note}");
    }
}
