//! Crashes and losses while the events of a conversation wait for each other.

use anyhow::ensure;
use bridge_tests::bridge::{PATIENCE, TestApp, sample};
use bridge_tests::servers::{Redis, RedisOptions, wait_until};

use crate::invariants::assert_recorded_once;
use crate::process::Worker;

const SETTLE_DELAY: &str = "BRIDGE__GENESYS__SETTLE_DELAY";
/// Long enough for a worker to die and another to start meanwhile.
const DELAY: &str = "4s";
const QUEUE: &str = "interactions.retry.4s";

async fn app() -> TestApp {
    let app = TestApp::builder().without_worker();
    app.set(SETTLE_DELAY, DELAY).spawn().await
}

async fn post(app: &TestApp) {
    for event in ["user-end", "customer-end", "acw"] {
        let body = sample(&format!("eventbridge-{event}-voice-inbound"));
        app.post(body).await.assert_accepted();
    }
}

async fn wait_until_all_wait(app: &TestApp) {
    let waiting = wait_until("three messages that wait", PATIENCE, async || {
        let waiting = app.vhost().message_count(QUEUE).await?;
        ensure!(waiting == 3, "{waiting} wait");
        Ok(())
    });
    waiting.await.unwrap_or_else(|error| panic!("{error:#}"));
}

/// One create, no change, and everything in it.
async fn assert_one_write(app: &TestApp) {
    app.wait_for_at_least(1).await;
    assert_recorded_once(app).await;
    let writes: Vec<String> = app
        .pipedrive
        .requests()
        .iter()
        .filter(|request| request.path.starts_with("/api/v2/activities") && request.method != "GET")
        .map(|request| request.method.clone())
        .collect();
    assert_eq!(writes, ["POST"]);
    let note = app.pipedrive.activities()[0].note.clone().expect("a note");
    for part in ["<b>Hold:</b> 30 s", "call back on Friday"] {
        assert!(note.contains(part), "{note}");
    }
}

async fn die_at(point: &str) {
    let app = app().await;
    let doomed = Worker::start(&app, &format!("{point}=abort"));
    post(&app).await;
    doomed.wait_for_death().await;

    let _heir = Worker::start(&app, "");

    assert_one_write(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn w1_a_worker_dies_at_the_first_delivery_or_between_the_copy_and_the_acknowledgement() {
    for point in ["claimed", "retry-published"] {
        die_at(point).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w2_a_worker_dies_while_all_wait() {
    let app = app().await;
    let doomed = Worker::start(&app, "");
    post(&app).await;
    wait_until_all_wait(&app).await;
    doomed.kill();

    let _heir = Worker::start(&app, "");

    assert_one_write(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn w3_a_worker_dies_right_after_the_write_or_the_mark() {
    for point in ["activity-answered", "completed"] {
        die_at(point).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w4_redis_is_emptied_while_all_wait() {
    let redis = Redis::temporary(&RedisOptions::default()).await.unwrap();
    let app = TestApp::builder()
        .without_worker()
        .redis(&redis)
        .set(SETTLE_DELAY, DELAY)
        .spawn()
        .await;
    let _worker = Worker::start(&app, "");
    post(&app).await;
    wait_until_all_wait(&app).await;

    redis.flush().await.unwrap();

    assert_one_write(&app).await;
}
