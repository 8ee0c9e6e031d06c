//! An update that takes effect late.

use std::time::Duration;

use anyhow::ensure;
use bridge_tests::app::{PATIENCE, TestApp, sample};
use bridge_tests::pipedrive::{Fault, FaultRule};
use bridge_tests::services::wait_until;

use crate::settled::assert_settled;

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_comes_late_does_not_undo_a_later_one() {
    let app = TestApp::spawn().await;
    app.post(sample("eventbridge-customer-end-voice-inbound"))
        .await
        .assert_accepted();
    app.wait_for_activities(1).await;
    app.wait_until_idle().await;
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
        ensure!(note.contains("hold 30 s"), "{note}");
        Ok(())
    });
    settled.await.unwrap();
    assert_settled(&app).await;
    assert_eq!(app.pipedrive.activities().len(), 1);
}
