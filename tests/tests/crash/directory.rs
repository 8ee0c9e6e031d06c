//! The directory of people when a worker dies in its work, or Redis forgets it: C21 of `docs/RELIABILITY.md`.

use anyhow::ensure;
use bridge_tests::bridge::{Builder, PATIENCE, TestApp, call};
use bridge_tests::sandbox::pipedrive::NewPerson;
use bridge_tests::servers::wait_until;
use redis::AsyncCommands;
use std::time::Duration;
use worker::commands::directory::{Action, execute};

use crate::invariants::{assert_settled, created};
use crate::process::{Worker, command};

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

/// Lets the next poll be due.
async fn make_due(app: &TestApp) {
    let key = format!("{}:{{directory}}:state", app.settings.redis.prefix);
    let due: redis::RedisResult<()> = app.redis().await.hdel(key, "polled").await;
    due.expect("Redis answers");
}

/// Frees the lock of a dead worker, which ends after a minute.
async fn free(app: &TestApp, lock: &str) {
    let key = format!("{}:{{directory}}:{lock}", app.settings.redis.prefix);
    let freed: redis::RedisResult<()> = app.redis().await.del(key).await;
    freed.expect("Redis answers");
}

async fn assert_right(app: &TestApp) {
    let is_right = execute(&app.settings, Action::Verify).await;
    assert!(
        is_right.expect("Pipedrive and Redis answer"),
        "the directory differs"
    );
}

/// A call of the unknown number is recorded on `person`, and the directory is right.
async fn assert_call_finds(app: &TestApp, person: i64) {
    app.post(call("call-1", UNKNOWN_CALLER))
        .await
        .assert_accepted();

    let activities = app.wait_for_activities(1).await;
    assert_eq!(activities[0].person_id, Some(person));
    assert_right(app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c21_a_worker_dies_while_it_fills_the_directory_and_the_next_one_goes_on() {
    let app = app().await;
    let doomed = Worker::start(&app, "directory-page-stored=abort");
    doomed.wait_for_death().await;
    let meter = app.pipedrive.meter();

    let _heir = Worker::start(&app, "");
    free(&app, "building").await;
    wait_for_state(&app, "polled").await;

    let listed = meter.by_operation()["GET /api/v2/persons"];
    assert!(listed.requests <= 4, "pages, and a poll: {listed:?}");
    assert_right(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c21_a_build_beside_another_says_who_is_at_it_and_takes_over_when_that_one_dies() {
    let app = app().await;
    let key = format!("{}:{{directory}}:building", app.settings.redis.prefix);
    let dead = "1800000000000 0f process 7 on bridge-1";
    let taken: redis::RedisResult<()> = app.redis().await.pset_ex(key, dead, 3000).await;
    taken.expect("Redis answers");

    let build = command(&app, &["directory", "build"]).await;

    let said = String::from_utf8_lossy(&build.stdout);
    println!("{said}");
    assert!(build.status.success());
    assert!(
        said.contains(
            "Another builder, process 7 on bridge-1, fills the directory since 2027-01-15"
        )
    );
    assert!(said.contains("complete, 1500 people"));
    assert_right(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c21_builders_side_by_side_fill_it_once() {
    let app = app().await;
    let meter = app.pipedrive.meter();

    let build = ["directory", "build"];
    let builds = tokio::join!(
        command(&app, &build),
        command(&app, &build),
        command(&app, &build)
    );

    for build in [builds.0, builds.1, builds.2] {
        let said = String::from_utf8_lossy(&build.stdout);
        assert!(build.status.success(), "{said}");
        assert!(said.contains("complete, 1500 people"), "{said}");
    }
    let listed = meter.by_operation()["GET /api/v2/persons"].requests;
    println!("{listed} lists of people");
    assert_right(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c21_a_worker_dies_in_the_middle_of_a_poll_and_the_next_one_misses_no_page() {
    let app = app().await;
    let first = Worker::start(&app, "");
    wait_for_state(&app, "polled").await;
    first.terminate().await;
    // Three pages of changes; the one to find is on the last.
    let person = |n| NewPerson::named("Imported").phone(&format!("(203) 555-{n:04}"));
    app.pipedrive.add_people((0..1200).map(person));
    let typed_in = app.pipedrive.add_person("Typed In", &[UNKNOWN_CALLER]);
    app.pipedrive.set_search_lag(Duration::from_secs(600));
    make_due(&app).await;

    let doomed = Worker::start(&app, "directory-polled=abort");
    doomed.wait_for_death().await;
    free(&app, "polling").await;
    let _heir = Worker::start(&app, "");

    assert_call_finds(&app, typed_in).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c21_a_worker_dies_in_a_poll_and_the_next_one_reads_the_changes() {
    let app = app().await;
    let doomed = Worker::start(&app, "directory-polled=abort");
    doomed.wait_for_death().await;
    let typed_in = app.pipedrive.add_person("Typed In", &[UNKNOWN_CALLER]);
    free(&app, "polling").await;

    let _heir = Worker::start(&app, "");
    wait_for_state(&app, "polled").await;

    assert_call_finds(&app, typed_in).await;
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
