//! A worker that stands still, and a Redis that fails or forgets: C12 to C19 of `docs/RELIABILITY.md`.

use std::time::Duration;

use bridge_tests::app::{PATIENCE, TestApp, call};
use bridge_tests::pipedrive::{Fault, FaultRule};
use bridge_tests::services::{Redis, RedisOptions, Scratch, wait_until};

use crate::process::Worker;

const UNKNOWN_CALLER: &str = "+15550123456";

/// A bridge with a Redis of its own, and that Redis.
async fn app_with_redis() -> (TestApp, Redis, Scratch) {
    let scratch = Scratch::create().expect("a folder");
    let redis = Redis::start(&scratch.path().join("redis"), &RedisOptions::default())
        .await
        .expect("a private Redis starts");
    let app = TestApp::builder()
        .without_worker()
        .set("BRIDGE__REDIS__URL", redis.url().to_string())
        .spawn()
        .await;
    (app, redis, scratch)
}

fn assert_recorded_once(app: &TestApp) {
    let activities = app.pipedrive.activities();
    assert_eq!(
        (activities.len(), app.pipedrive.persons().len()),
        (1, 1),
        "{activities:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn c12_a_redis_that_was_emptied_is_recognised_and_what_may_be_recorded_is_looked_for() {
    let (mut app, redis, _scratch) = app_with_redis().await;
    app.start_worker().await;
    app.post(call("call-1", UNKNOWN_CALLER))
        .await
        .assert_accepted();
    app.wait_for_activities(1).await;
    app.wait_until_idle().await;
    app.stop_worker().await;

    // The sender repeats its webhook; before a worker takes it, Redis loses all it knew.
    app.post(call("call-1", UNKNOWN_CALLER))
        .await
        .assert_accepted();
    redis.flush().await.unwrap();
    app.start_worker().await;

    app.wait_until_idle().await;
    assert_recorded_once(&app);
}

#[tokio::test(flavor = "multi_thread")]
async fn c12_a_redis_emptied_while_the_activity_is_written_leads_to_no_second_one() {
    let (app, redis, _scratch) = app_with_redis().await;
    let slow = Fault::latency_after(Duration::from_millis(1500));
    app.pipedrive
        .add_fault(FaultRule::once("POST", "/api/v2/activities", slow));
    let _worker = Worker::start(&app, "");
    app.post(call("call-1", UNKNOWN_CALLER))
        .await
        .assert_accepted();
    app.wait_for_activities(1).await;

    redis.flush().await.unwrap();

    app.wait_until_idle().await;
    assert_recorded_once(&app);
}

#[tokio::test(flavor = "multi_thread")]
async fn c13_and_c14_with_redis_away_nothing_is_posted_nothing_is_lost_and_work_resumes_by_itself()
{
    let (app, mut redis, _scratch) = app_with_redis().await;
    let _worker = Worker::start(&app, "");
    app.post(call("call-0", UNKNOWN_CALLER))
        .await
        .assert_accepted();
    app.wait_for_activities(1).await;

    redis.kill().unwrap();
    for n in 1..6 {
        app.post(call(&format!("call-{n}"), UNKNOWN_CALLER))
            .await
            .assert_accepted();
    }
    redis.restart().await.unwrap();

    app.wait_for_activities(6).await;
    app.wait_until_idle().await;
    assert_eq!(
        (
            app.pipedrive.activities().len(),
            app.pipedrive.persons().len()
        ),
        (6, 1)
    );
    app.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c14_a_redis_that_stands_still_while_the_activity_is_written_leads_to_no_second_one() {
    let (app, mut redis, _scratch) = app_with_redis().await;
    let slow = Fault::latency_after(Duration::from_secs(1));
    app.pipedrive
        .add_fault(FaultRule::once("POST", "/api/v2/activities", slow));
    let _worker = Worker::start(&app, "");
    app.post(call("call-1", UNKNOWN_CALLER))
        .await
        .assert_accepted();
    app.wait_for_activities(1).await;

    redis.pause().unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    redis.resume().unwrap();

    app.wait_until_idle().await;
    assert_recorded_once(&app);
}

#[tokio::test(flavor = "multi_thread")]
async fn c15_and_c19_a_worker_that_outsleeps_its_lease_does_no_harm_when_it_wakes() {
    for point in ["person-answered", "activity-answered"] {
        let app = TestApp::builder().without_worker().spawn().await;
        app.pipedrive.set_search_lag(Duration::from_secs(600));
        let _sleeper = Worker::start(&app, &format!("{point}=hang:40s"));
        app.post(call("call-1", UNKNOWN_CALLER))
            .await
            .assert_accepted();
        wait_until("a person", PATIENCE, async || {
            anyhow::ensure!(app.pipedrive.persons().len() == 1);
            Ok(())
        })
        .await
        .unwrap();

        // The sender repeats itself: another worker meets the lease, and outlives it.
        let _other = Worker::start(&app, "");
        app.post(call("call-1", UNKNOWN_CALLER))
            .await
            .assert_accepted();

        app.wait_for_activities(1).await;
        app.wait_until_idle().await;
        assert_recorded_once(&app);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c13_a_redis_that_is_full_stops_consumption_and_nothing_is_posted() {
    let (mut app, redis, _scratch) = app_with_redis().await;
    app.start_worker().await;
    let mut connection = redis.connect().await.unwrap();
    let set = |limit: &'static str| {
        redis::cmd("CONFIG")
            .arg("SET")
            .arg("maxmemory")
            .arg(limit)
            .to_owned()
    };
    let () = set("1mb").query_async(&mut connection).await.unwrap();

    app.post(call("call-1", UNKNOWN_CALLER))
        .await
        .assert_accepted();
    app.wait_until_not_ready("Redis").await;
    assert!(app.pipedrive.activities().is_empty());
    let () = set("0").query_async(&mut connection).await.unwrap();

    app.wait_for_activities(1).await;
    app.wait_until_idle().await;
    assert_recorded_once(&app);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_evicts_keys_is_refused_at_start() {
    let (app, redis, _scratch) = app_with_redis().await;
    let mut connection = redis.connect().await.unwrap();
    let mut evict = redis::cmd("CONFIG");
    let () = evict
        .arg("SET")
        .arg("maxmemory-policy")
        .arg("allkeys-lru")
        .query_async(&mut connection)
        .await
        .unwrap();

    let started = worker::startup::Application::build(app.settings.clone()).await;

    let error = started.err().unwrap().to_string();
    assert!(
        error.contains("allkeys-lru") && error.contains("noeviction"),
        "{error}"
    );
}
