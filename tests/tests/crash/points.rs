//! One test for each point at which a worker can crash, C1 to C11 of `docs/RELIABILITY.md`.

use std::time::Duration;

use bridge_tests::app::{PATIENCE, TestApp, call};
use bridge_tests::pipedrive::{Fault, FaultRule};
use bridge_tests::services::wait_until;

use crate::process::Worker;

const UNKNOWN_CALLER: &str = "+15550123456";

async fn app() -> TestApp {
    TestApp::builder().without_worker().spawn().await
}

/// A worker dies at `point` over one call of an unknown caller; another finishes it. Gives the bridge afterwards.
async fn crash_at(point: &str) -> TestApp {
    crash_in(app().await, point).await
}

async fn crash_in(app: TestApp, point: &str) -> TestApp {
    let doomed = Worker::start(&app, &format!("{point}=abort"));
    app.post(call("call-1", UNKNOWN_CALLER))
        .await
        .assert_accepted();
    doomed.wait_for_death().await;

    let _heir = Worker::start(&app, "");
    app.wait_for_activities(1).await;
    app.wait_until_idle().await;

    assert_recorded_once(&app);
    app
}

/// Asserts that there is one activity, of the one person there is.
pub fn assert_recorded_once(app: &TestApp) {
    let activities = app.pipedrive.activities();
    let persons = app.pipedrive.persons();
    assert_eq!(
        (activities.len(), persons.len()),
        (1, 1),
        "{activities:#?} {persons:#?}"
    );
    assert_eq!(activities[0].person_id, Some(persons[0].id));
}

/// How many creates were sent to `path`.
pub fn created(app: &TestApp, path: &str) -> usize {
    app.pipedrive
        .requests()
        .iter()
        .filter(|request| request.method == "POST" && request.path == path)
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn c1_before_the_claim() {
    crash_at("delivered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c2_after_the_claim() {
    crash_at("claimed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c3_after_the_intent_to_create_a_person() {
    let app = TestApp::builder()
        .without_worker()
        .set("BRIDGE__PIPEDRIVE__SEARCH_LAG", "5s")
        .spawn()
        .await;
    let app = crash_in(app, "person-intended").await;
    assert_eq!(
        created(&app, "/api/v2/persons"),
        1,
        "nothing had been sent before the crash"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn c4_while_the_person_is_being_created() {
    let app = app().await;
    app.pipedrive.set_search_lag(Duration::from_secs(600));
    let slow = Fault::latency_after(Duration::from_secs(20));
    app.pipedrive
        .add_fault(FaultRule::once("POST", "/api/v2/persons", slow));
    let doomed = Worker::start(&app, "");
    app.post(call("call-1", UNKNOWN_CALLER))
        .await
        .assert_accepted();
    wait_until(
        "a person whose creation is not answered",
        PATIENCE,
        async || {
            anyhow::ensure!(app.pipedrive.persons().len() == 1);
            Ok(())
        },
    )
    .await
    .unwrap();
    doomed.kill().await;

    let _heir = Worker::start(&app, "");
    app.wait_for_activities(1).await;

    assert_recorded_once(&app);
    assert_eq!(created(&app, "/api/v2/persons"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn c5_after_the_person_was_created() {
    let app = app().await;
    app.pipedrive.set_search_lag(Duration::from_secs(600));
    let app = crash_in(app, "person-answered").await;
    assert_eq!(created(&app, "/api/v2/persons"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn c6_between_person_and_activity() {
    let app = crash_at("matched").await;
    assert_eq!(created(&app, "/api/v2/persons"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn c7_after_the_intent_to_create_the_activity() {
    let app = crash_at("activity-intended").await;
    assert_eq!(
        created(&app, "/api/v2/activities"),
        1,
        "nothing had been sent before the crash"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn c7_while_the_activity_is_being_created() {
    let app = app().await;
    let slow = Fault::latency_after(Duration::from_secs(20));
    app.pipedrive
        .add_fault(FaultRule::once("POST", "/api/v2/activities", slow));
    let doomed = Worker::start(&app, "");
    app.post(call("call-1", UNKNOWN_CALLER))
        .await
        .assert_accepted();
    app.wait_for_activities(1).await;
    doomed.kill().await;

    let _heir = Worker::start(&app, "");
    app.wait_until_idle().await;

    assert_recorded_once(&app);
    assert_eq!(created(&app, "/api/v2/activities"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn c7_and_c8_after_the_activity_was_created() {
    let app = crash_at("activity-answered").await;
    assert_eq!(created(&app, "/api/v2/activities"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn c9_between_done_and_acknowledgement() {
    let app = crash_at("completed").await;
    assert_eq!(created(&app, "/api/v2/activities"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn c10_between_the_copy_in_a_retry_queue_and_the_acknowledgement() {
    let app = app().await;
    app.pipedrive.add_fault(FaultRule::once(
        "POST",
        "/api/v2/activities",
        Fault::server_error_before_effect(500),
    ));
    crash_in(app, "retry-published").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c11_between_the_dead_letter_and_the_acknowledgement() {
    let app = app().await;
    app.pipedrive.add_fault(FaultRule::once(
        "POST",
        "/api/v2/activities",
        Fault::forbidden(),
    ));
    let app = crash_in(app, "dead-letter-published").await;

    // The original came again and was recorded. Its dead letter is replayed in vain.
    let [letter] = &app.wait_for_dead_letters(1).await[..] else {
        unreachable!("it was waited for one")
    };
    assert_eq!(letter.property("message_id").unwrap(), "call-1");
    let asked = app.pipedrive.request_count();
    let _worker = Worker::start(&app, "");
    worker::replay::replay(&app.settings, &worker::replay::Filter::default())
        .await
        .unwrap();
    app.wait_until_idle().await;

    assert_recorded_once(&app);
    assert_eq!(app.pipedrive.request_count(), asked);
}
