//! Records that wait for Genesys prove that Pipedrive takes records again.

use std::time::{Duration, Instant};

use anyhow::ensure;
use bridge_tests::bridge::PATIENCE;
use bridge_tests::bridge::call_centre::CallCentre;
use bridge_tests::sandbox::call_centre::Scenario;
use bridge_tests::sandbox::genesys::{Fault, FaultRule};
use bridge_tests::sandbox::pipedrive;
use bridge_tests::servers::wait_until;

/// Far less than the minute for which Genesys is asked again in vain.
const SOON: Duration = Duration::from_secs(25);

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_ends_with_the_first_record_although_genesys_is_away() {
    let centre = CallCentre::spawn(200).await;
    let (app, genesys) = (&centre.app, centre.app.genesys());
    genesys.add_fault(FaultRule::always("", Fault::outage()));
    let outage = pipedrive::Fault::server_error_before_effect(503);
    let outage = pipedrive::FaultRule::always("POST", "/api/v2/activities", outage);
    let outage = app.pipedrive.add_fault(outage);
    let calls = centre.day.happenings.iter();
    let calls = calls.filter(|one| one.scenario == Scenario::Inbound);
    for call in calls.take(8) {
        centre.deliver(call).await;
    }
    app.wait_until_not_ready("create an activity with 503")
        .await;

    app.pipedrive.remove_fault(outage);
    let healed = Instant::now();

    let url = format!("{}/health/ready", app.worker_url());
    wait_until("a ready worker", PATIENCE, async || {
        let (status, text) = app.get(&url).await;
        ensure!(status == 200, "{status} {text}");
        Ok(())
    })
    .await
    .unwrap();
    assert!(healed.elapsed() < SOON, "{:?}", healed.elapsed());
    app.wait_for_activities(8).await;
    genesys.clear_faults();
}
