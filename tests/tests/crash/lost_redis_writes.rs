//! A Redis that comes back without the last writes it acknowledged: more of C12 of `docs/RELIABILITY.md`.

use std::time::Duration;

use bridge_tests::bridge::{TestApp, call};
use bridge_tests::servers::{Redis, RedisOptions};
use futures_util::future::join_all;

use crate::hold::{Hold, end_leases};
use crate::invariants::{assert_recorded_once, assert_settled, created};
use crate::process::Worker;

const UNKNOWN_CALLER: &str = "+15550123456";

/// A bridge whose Redis is about to lose its last writes, and whose Pipedrive is slow to find what was created.
async fn app(options: &RedisOptions) -> (TestApp, Redis) {
    let redis = Redis::temporary(options).await;
    let redis = redis.expect("a private Redis starts");
    let app = TestApp::builder().without_worker().redis(&redis);
    let app = app.spawn().await;
    app.pipedrive.set_search_lag(Duration::from_secs(600));
    (app, redis)
}

async fn post(app: &TestApp, id: &str) {
    app.post(call(id, UNKNOWN_CALLER)).await.assert_accepted();
}

/// In which epoch Redis says that it is.
async fn epoch(app: &TestApp) -> String {
    let asked = redis::cmd("HGET")
        .arg(format!("{}:epoch", app.settings.redis.prefix))
        .arg("id")
        .to_owned();
    let id: redis::RedisResult<String> = asked.query_async(&mut app.redis().await).await;
    id.expect("an epoch is on record")
}

/// Number of searches for activities.
fn looks(app: &TestApp) -> usize {
    let requests = app.pipedrive.requests();
    let lists = requests
        .iter()
        .filter(|request| request.method == "GET" && request.path == "/api/v2/activities");
    lists.count()
}

/// One call and a worker, held at a point over it.
async fn hold_over_a_call(app: &TestApp, point: &str) -> (Worker, Hold) {
    let hold = Hold::new();
    let worker = Worker::start(app, &hold.at(point));
    post(app, "call-1").await;
    hold.reached().await;
    (worker, hold)
}

/// The call is recorded once, in an epoch that is not `lost`, though its webhook is sent again and Redis has lost it.
async fn assert_looked_for(app: &TestApp, lost: &str) {
    post(app, "call-1").await;
    assert_recorded_once(app).await;
    assert_ne!(epoch(app).await, lost);
    assert!(looks(app) > 0, "what Redis does not know is looked for");
    assert_eq!(created(app, "/api/v2/persons"), 1);
    assert_eq!(created(app, "/api/v2/activities"), 1);
}

/// With the claim goes all that Redis knew of the call; without it, an entry without an attempt comes back.
#[tokio::test(flavor = "multi_thread")]
async fn c12_redis_restarts_without_its_last_writes_and_the_webhook_is_sent_again() {
    let last_kept = ["delivered", "claimed"];
    join_all(last_kept.map(async |point| {
        let (app, mut redis) = app(&RedisOptions::synced_each_second()).await;
        let (_worker, hold) = hold_over_a_call(&app, point).await;
        let lost = epoch(&app).await;

        redis.stop_saving().await.unwrap();
        hold.release();
        app.wait_for_activities(1).await;
        assert_recorded_once(&app).await;
        redis.kill().unwrap();
        redis.restart().await.unwrap();
        if point == "claimed" {
            end_leases(&app, "lease").await;
        }

        assert_looked_for(&app, &lost).await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c12_redis_restarts_without_its_last_writes_and_the_message_is_delivered_again() {
    // That it writes through from then on brings nothing back.
    join_all([false, true].map(deliver_again_after_a_restart)).await;
}

async fn deliver_again_after_a_restart(writes_through_then: bool) {
    let (mut app, mut redis) = app(&RedisOptions::synced_each_second()).await;
    app.start_worker().await;
    app.stop_worker().await;
    let lost = epoch(&app).await;

    redis.stop_saving().await.expect("Redis answers");
    let (doomed, _hold) = hold_over_a_call(&app, "completed").await;
    redis.kill().expect("Redis runs");
    doomed.kill();
    redis.restart().await.expect("Redis starts");
    if writes_through_then {
        redis.write_through().await.expect("Redis answers");
    }
    let _heir = Worker::start(&app, "");

    assert_looked_for(&app, &lost).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c12_a_replica_that_lagged_takes_over() {
    // Each of the two servers writes through; what one of them never got it cannot have.
    let (app, mut redis) = app(&RedisOptions::default()).await;
    let (worker, hold) = hold_over_a_call(&app, "delivered").await;
    let lost = epoch(&app).await;

    redis.stop_saving().await.unwrap();
    hold.release();
    app.wait_for_activities(1).await;
    assert_recorded_once(&app).await;
    worker.terminate().await;
    redis.kill().unwrap();
    redis.restart().await.unwrap();
    redis.take_over().await.unwrap();
    let _heir = Worker::start(&app, "");

    assert_looked_for(&app, &lost).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_writes_through_keeps_its_epoch_in_a_restart_and_nothing_is_looked_for() {
    let (app, mut redis) = app(&RedisOptions::default()).await;
    let worker = Worker::start(&app, "");
    post(&app, "call-1").await;
    app.wait_for_activities(1).await;
    app.wait_until_idle().await;
    let kept = epoch(&app).await;

    redis.kill().unwrap();
    redis.restart().await.unwrap();
    post(&app, "call-1").await;
    // Only now: what is delivered while the worker connects anew is delivered again, and looked for on that account.
    let duplicate = r#"outcome="duplicate""#;
    worker
        .wait_for_metric("bridge_worker_messages_total", duplicate, 1)
        .await;
    post(&app, "call-2").await;

    let calls = ["call-1", "call-2"].map(str::to_owned);
    app.assert_each_recorded_once(calls).await;
    assert_settled(&app).await;
    assert_eq!(epoch(&app).await, kept);
    assert_eq!(looks(&app), 0);
}
