//! Leases that end while their holder stands still: C15 and C19 of `docs/RELIABILITY.md`.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use bridge_tests::bridge::{PATIENCE, TestApp, call};
use bridge_tests::servers::wait_until;

use crate::hold::{Hold, end_leases};
use crate::invariants::{assert_recorded_once, assert_settled, created};
use crate::process::Worker;

const UNKNOWN_CALLER: &str = "+15550123456";
const LEASE_LOSSES: &str = "bridge_worker_lease_losses_total";

/// A worker that is held at `point` over a first call.
async fn sleeper(point: &str) -> (TestApp, Worker, Hold) {
    let app = TestApp::builder().without_worker().spawn().await;
    app.pipedrive.set_search_lag(Duration::from_secs(600));
    let hold = Hold::new();
    let sleeper = Worker::start(&app, &hold.at(point));
    app.post(call("call-1", UNKNOWN_CALLER))
        .await
        .assert_accepted();
    hold.reached().await;
    (app, sleeper, hold)
}

#[tokio::test(flavor = "multi_thread")]
async fn c15_the_lock_of_a_number_ends_while_its_person_is_created() {
    let (app, sleeper, hold) = sleeper("person-answered").await;

    end_leases(&app, "person-lock").await;
    let _other = Worker::start(&app, "");
    app.post(call("call-2", UNKNOWN_CALLER))
        .await
        .assert_accepted();
    app.wait_for_activities(1).await;
    hold.release();

    app.wait_for_activities(2).await;
    assert_settled(&app).await;
    let activities = app.pipedrive.activities();
    let persons = app.pipedrive.persons();
    assert_eq!((activities.len(), persons.len()), (2, 1));
    assert!(
        activities
            .iter()
            .all(|activity| activity.person_id == Some(persons[0].id))
    );
    assert_eq!(created(&app, "/api/v2/persons"), 1);
    sleeper.wait_for_metric(LEASE_LOSSES, "", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c19_a_worker_wakes_after_another_one_finished_its_interaction() {
    let (app, sleeper, hold) = sleeper("activity-answered").await;

    end_leases(&app, "lease").await;
    let _other = Worker::start(&app, "");
    // The sender repeats itself.
    app.post(call("call-1", UNKNOWN_CALLER))
        .await
        .assert_accepted();
    wait_until_marked(&app).await;
    hold.release();

    // It learns that it lost the lease; then its own message is a duplicate.
    sleeper.wait_for_metric(LEASE_LOSSES, "", 1).await;
    assert_recorded_once(&app).await;
    assert_eq!(created(&app, "/api/v2/activities"), 1);
}

/// Waits until the one interaction is marked as recorded.
async fn wait_until_marked(app: &TestApp) {
    let marked = wait_until("a recorded interaction", PATIENCE, async || {
        let keys = app.redis_keys("interaction:").await;
        let key = keys.first().context("no lease was claimed")?;
        let activity: Option<String> = redis::cmd("HGET")
            .arg(key)
            .arg("activity")
            .query_async(&mut app.redis().await)
            .await?;
        let activity = activity.unwrap_or_default();
        ensure!(activity.starts_with("ok:"), "{activity}");
        Ok(())
    });
    marked.await.unwrap_or_else(|error| panic!("{error:#}"));
}
