//! A Redis that fails or forgets: C12 to C14 of `docs/RELIABILITY.md`, and what else can befall it.

use std::time::Duration;

use bridge_tests::bridge::{TestApp, call};
use bridge_tests::sandbox::pipedrive::{Limits, SandboxConfig};
use bridge_tests::servers::{Redis, RedisOptions};
use futures_util::future::join_all;

use crate::hold::Hold;
use crate::invariants::{assert_recorded_once, assert_settled, created};
use crate::process::Worker;

const UNKNOWN_CALLER: &str = "+15550123456";

/// A bridge without a worker, with a Redis of its own, and that Redis.
pub async fn app_with_redis() -> (TestApp, Redis) {
    let redis = Redis::temporary(&RedisOptions::default()).await;
    let redis = redis.expect("a private Redis starts");
    let app = TestApp::builder().without_worker().redis(&redis);
    (app.spawn().await, redis)
}

/// One call, held at a point; the bridge, its Redis and the worker.
struct Held {
    app: TestApp,
    redis: Redis,
    worker: Worker,
    hold: Hold,
}

impl Held {
    async fn at(point: &str) -> Self {
        let (app, redis) = app_with_redis().await;
        // What was created is not to be found by the search.
        app.pipedrive.set_search_lag(Duration::from_secs(600));
        let hold = Hold::new();
        let worker = Worker::start(&app, &hold.at(point));
        app.post(call("call-1", UNKNOWN_CALLER))
            .await
            .assert_accepted();
        hold.reached().await;
        Self {
            app,
            redis,
            worker,
            hold,
        }
    }

    /// Numbers of people and activities in the sandbox.
    fn records(&self) -> (usize, usize) {
        let pipedrive = &self.app.pipedrive;
        (pipedrive.activities().len(), pipedrive.persons().len())
    }

    /// Goes on while Redis does not do its work: readiness turns red, the message is kept, and nothing is created.
    async fn go_on_and_pause(&self) {
        let before = self.records();
        self.hold.release();
        self.worker.wait_until_not_ready("Redis").await;
        self.app.wait_until_queued(1).await;
        assert_eq!(self.records(), before);
    }

    async fn assert_recorded_once(&self) {
        self.app.wait_for_activities(1).await;
        assert_recorded_once(&self.app).await;
        assert_eq!(created(&self.app, "/api/v2/persons"), 1);
        assert_eq!(created(&self.app, "/api/v2/activities"), 1);
    }
}

async fn set_limit(redis: &Redis, limit: &str) {
    let mut connection = redis.connect().await.expect("Redis answers");
    let mut set = redis::cmd("CONFIG");
    set.arg("SET").arg("maxmemory").arg(limit);
    let set = set.exec_async(&mut connection).await;
    set.expect("Redis takes a limit");
}

#[tokio::test(flavor = "multi_thread")]
async fn c12_redis_is_emptied_around_an_effect() {
    let points = ["person-answered", "activity-intended", "activity-answered"];
    join_all(points.map(async |point| {
        let held = Held::at(point).await;

        held.redis.flush().await.unwrap();
        held.hold.release();

        held.assert_recorded_once().await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c13_redis_is_full_before_the_claim_or_before_an_intent() {
    let points = ["delivered", "matched"];
    join_all(points.map(async |point| {
        let held = Held::at(point).await;

        set_limit(&held.redis, "1mb").await;
        held.go_on_and_pause().await;
        set_limit(&held.redis, "0").await;

        held.assert_recorded_once().await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c14_redis_does_not_answer_the_claim_an_intent_or_the_mark() {
    let points = ["delivered", "matched", "activity-answered"];
    join_all(points.map(async |point| {
        let mut held = Held::at(point).await;

        held.redis.pause().unwrap();
        held.go_on_and_pause().await;
        held.redis.resume().unwrap();

        held.assert_recorded_once().await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_recorded_is_looked_for_when_redis_was_emptied() {
    let (mut app, redis) = app_with_redis().await;
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

    assert_recorded_once(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_redis_away_nothing_is_posted_everything_is_kept_and_work_resumes_by_itself() {
    let (app, mut redis) = app_with_redis().await;
    let worker = Worker::start(&app, "");
    app.post(call("call-0", UNKNOWN_CALLER))
        .await
        .assert_accepted();
    app.wait_for_activities(1).await;
    app.wait_until_idle().await;
    let asked = app.pipedrive.request_count();

    redis.kill().unwrap();
    for n in 1..6 {
        app.post(call(&format!("call-{n}"), UNKNOWN_CALLER))
            .await
            .assert_accepted();
    }
    worker.wait_until_not_ready("Redis").await;
    app.wait_until_queued(5).await;
    assert_eq!(app.pipedrive.request_count(), asked);
    redis.restart().await.unwrap();

    let calls = (0..6).map(|n| format!("call-{n}"));
    app.assert_each_recorded_once(calls).await;
    assert_settled(&app).await;
    assert_eq!(app.pipedrive.persons().len(), 1);
    assert_eq!(created(&app, "/api/v2/activities"), 6);
}

/// What is created is created, though the bucket's own call to Redis fails right after it.
#[tokio::test(flavor = "multi_thread")]
async fn a_create_after_which_the_token_bucket_cannot_be_corrected_is_not_repeated() {
    let limits = Limits {
        daily_tokens: Some(30_000),
        ..Limits::unlimited()
    };
    let app = TestApp::builder()
        .sandbox(SandboxConfig {
            limits,
            ..SandboxConfig::default()
        })
        .without_worker()
        .spawn()
        .await;
    // So few that each answer corrects the bucket.
    app.pipedrive.set_budget_left(1_000, None);
    let hold = Hold::new();
    let worker = Worker::start(
        &app,
        &hold.at_over("pipedrive-answered", "create an activity"),
    );
    app.post(call("call-1", UNKNOWN_CALLER))
        .await
        .assert_accepted();
    hold.reached().await;

    let [report] = &app.redis_keys("{tokens}:report").await[..] else {
        panic!("no answer corrected the bucket")
    };
    let spoiled: redis::RedisResult<()> = redis::pipe()
        .del(report)
        .lpush(report, "no number")
        .query_async(&mut app.redis().await)
        .await;
    spoiled.unwrap();
    hold.release();

    assert_recorded_once(&app).await;
    assert_eq!(created(&app, "/api/v2/activities"), 1);
    let outcome = r#"outcome="created""#;
    let recorded = worker.metric("bridge_worker_messages_total", outcome).await;
    assert_eq!(recorded.unwrap(), 1, "at the first attempt");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_evicts_keys_is_refused_at_start() {
    let (app, redis) = app_with_redis().await;
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
