//! A create that is turned away while an older one may still take effect.

use std::time::Duration;

use bridge_tests::bridge::{TestApp, sample};
use bridge_tests::sandbox::pipedrive::{Fault, FaultRule};
use bridge_tests::servers::wait_until;

use crate::hold::Hold;
use crate::invariants::{assert_recorded_once, created};
use crate::process::Worker;

/// Longer than a worker needs to miss the answer, to wait for it to settle, and to list what there is.
const LATE: Duration = Duration::from_secs(12);
/// More than a held message waits for tokens, and less than a spent day.
const BUSY_MS: u64 = 18_000;

/// Lets the budget of all workers have no room for a while, as a burst that Pipedrive refused does.
async fn fill_the_budget(app: &TestApp) {
    let mut redis = app.redis().await;
    let time: redis::RedisResult<(u64, u64)> = redis::cmd("TIME").query_async(&mut redis).await;
    let (seconds, micros) = time.expect("Redis answers");
    let until = seconds * 1_000_000 + micros + BUSY_MS * 1_000;
    let key = format!("{}:{{tokens}}:pause", app.settings.redis.prefix);
    let set: redis::RedisResult<()> = redis::cmd("SET")
        .arg(key)
        .arg(until)
        .arg("PX")
        .arg(BUSY_MS)
        .query_async(&mut redis)
        .await;
    set.expect("Redis answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_create_that_comes_late_is_found_though_a_newer_attempt_had_no_room() {
    // Without a request for deals, the create meets the full budget.
    let app = TestApp::builder()
        .set("BRIDGE__PIPEDRIVE__LINK_OPEN_DEAL", "false")
        .without_worker()
        .spawn()
        .await;
    app.pipedrive.add_fault(FaultRule::once(
        "POST",
        "/api/v2/activities",
        Fault::apply_late(LATE),
    ));
    let hold = Hold::new();
    let worker = Worker::start(&app, &hold.at_over("pipedrive-answered", "list activities"));
    app.post(sample("eventbridge-customer-end-voice-inbound"))
        .await
        .assert_accepted();

    // The list does not hold the activity yet; by the time the worker goes on, Pipedrive does.
    hold.reached().await;
    assert_eq!(app.pipedrive.unsettled_requests(), 1, "it came too early");
    wait_until("the late activity", 2 * LATE, async || {
        anyhow::ensure!(app.pipedrive.unsettled_requests() == 0);
        Ok(())
    })
    .await
    .unwrap();
    fill_the_budget(&app).await;
    hold.release();

    assert_recorded_once(&app).await;
    assert_eq!(created(&app, "/api/v2/activities"), 1);
    worker.terminate().await;
}
