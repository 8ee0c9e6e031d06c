//! The directory of people when a worker dies in its work, or Redis forgets it: C21 of `docs/RELIABILITY.md`.

use anyhow::ensure;
use bridge_tests::bridge::{Builder, PATIENCE, TestApp, call};
use bridge_tests::sandbox::pipedrive::NewPerson;
use bridge_tests::servers::wait_until;
use redis::AsyncCommands;
use std::time::Duration;
use worker::commands::directory::{Action, execute};

use crate::invariants::{assert_settled, created};
use crate::process::Worker;

const UNKNOWN_CALLER: &str = "+15550123456";
const PEOPLE: usize = 1500;

async fn app() -> TestApp {
    with_people(TestApp::builder()).await
}

/// A bridge with people in Pipedrive, and without a worker.
async fn with_people(builder: Builder) -> TestApp {
    let builder = builder.set("BRIDGE__DIRECTORY__MODE", "on");
    let app = builder.without_worker().spawn().await;
    let person = |n| NewPerson::named("Example").phone(&format!("(202) 555-{n:04}"));
    app.pipedrive.add_people((0..PEOPLE).map(person));
    app.pipedrive.age_people(Duration::from_secs(3600));
    app
}

/// Waits until the directory has this field: `complete_since`, or `polled`.
async fn wait_for_state(app: &TestApp, field: &str) {
    let key = format!("{}:{{directory}}:state", app.settings.redis.prefix);
    wait_until(field, PATIENCE, async || {
        let value: Option<String> = app.redis().await.hget(&key, field).await?;
        ensure!(value.is_some(), "not yet");
        Ok(())
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}"));
}

async fn assert_right(app: &TestApp) {
    let is_right = execute(&app.settings, Action::Verify).await;
    assert!(
        is_right.expect("Pipedrive and Redis answer"),
        "the directory differs"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn c21_a_worker_dies_while_it_fills_the_directory_and_the_next_one_goes_on() {
    let app = app().await;
    let doomed = Worker::start(&app, "directory-page-stored=abort");
    doomed.wait_for_death().await;
    let meter = app.pipedrive.meter();

    let _heir = Worker::start(&app, "");
    // The lock of the dead one ends after a minute.
    let key = format!("{}:{{directory}}:building", app.settings.redis.prefix);
    let freed: redis::RedisResult<()> = app.redis().await.del(key).await;
    freed.expect("Redis answers");
    wait_for_state(&app, "polled").await;

    let listed = meter.by_operation()["GET /api/v2/persons"];
    assert!(listed.requests <= 4, "pages, and a poll: {listed:?}");
    assert_right(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c21_a_worker_dies_in_a_poll_and_the_next_one_reads_the_changes() {
    let app = app().await;
    let doomed = Worker::start(&app, "directory-polled=abort");
    doomed.wait_for_death().await;
    let typed_in = app.pipedrive.add_person("Typed In", &[UNKNOWN_CALLER]);
    let key = format!("{}:{{directory}}:polling", app.settings.redis.prefix);
    let freed: redis::RedisResult<()> = app.redis().await.del(key).await;
    freed.expect("Redis answers");

    let _heir = Worker::start(&app, "");
    wait_for_state(&app, "polled").await;
    app.post(call("call-1", UNKNOWN_CALLER))
        .await
        .assert_accepted();

    let activities = app.wait_for_activities(1).await;
    assert_eq!(activities[0].person_id, Some(typed_in));
    assert_right(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c21_a_worker_dies_between_a_create_and_its_entry() {
    let app = app().await;
    app.pipedrive.set_search_lag(Duration::from_secs(600));
    let doomed = Worker::start(&app, "person-remembered=abort");
    wait_for_state(&app, "polled").await;
    app.post(call("call-1", UNKNOWN_CALLER))
        .await
        .assert_accepted();
    doomed.wait_for_death().await;

    let _heir = Worker::start(&app, "");
    // What is remembered is gone, too: the poll before a create finds the person.
    for key in app.redis_keys("person:").await {
        let forgotten: redis::RedisResult<()> = app.redis().await.del(key).await;
        forgotten.expect("Redis answers");
    }
    app.post(call("call-2", UNKNOWN_CALLER))
        .await
        .assert_accepted();

    app.wait_for_activities(2).await;
    assert_settled(&app).await;
    assert_eq!(created(&app, "/api/v2/persons"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn c21_redis_forgets_the_directory_while_it_is_filled() {
    let app = app().await;
    let doomed = Worker::start(&app, "directory-page-stored=abort");
    doomed.wait_for_death().await;
    let keys = app.redis_keys("").await;
    let emptied: redis::RedisResult<()> = app.redis().await.del(keys).await;
    emptied.expect("Redis answers");

    let _heir = Worker::start(&app, "");
    wait_for_state(&app, "polled").await;

    assert_right(&app).await;
}
