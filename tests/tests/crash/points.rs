//! One test for each point at which a worker can crash, C1 to C11 of `docs/RELIABILITY.md`; where it matters also after
//! Pipedrive did what was asked of it and did not say so.

use std::time::Duration;

use anyhow::ensure;
use bridge_tests::bridge::{PATIENCE, TestApp, call};
use bridge_tests::sandbox::pipedrive::{Fault, FaultRule};
use bridge_tests::servers::wait_until;
use futures_util::future::join_all;

use crate::invariants::{assert_recorded_once, assert_recorded_once_beside, created};
use crate::process::Worker;

const UNKNOWN_CALLER: &str = "+15550123456";
const PERSONS: &str = "/api/v2/persons";
const ACTIVITIES: &str = "/api/v2/activities";

async fn app() -> TestApp {
    TestApp::builder().without_worker().spawn().await
}

/// A bridge in whose Pipedrive the search does not find what was created, and one create goes wrong.
async fn app_with_fault(path: &str, fault: Fault) -> TestApp {
    let app = app().await;
    app.pipedrive.set_search_lag(Duration::from_secs(600));
    app.pipedrive
        .add_fault(FaultRule::once("POST", path, fault));
    app
}

/// Pipedrive creates what it is asked to, now or a little later, and the worker cannot know.
fn silent_effects() -> [Fault; 2] {
    [
        Fault::server_error_after_effect(500),
        Fault::apply_late(Duration::from_millis(1_500)),
    ]
}

/// A worker dies at `point` over one call of an unknown caller; another finishes it, and is returned.
async fn crash(app: &TestApp, point: &str) -> Worker {
    let doomed = Worker::start(app, &format!("{point}=abort"));
    app.post(call("call-1", UNKNOWN_CALLER))
        .await
        .assert_accepted();
    doomed.wait_for_death().await;

    let heir = Worker::start(app, "");
    app.wait_for_activities(1).await;
    heir
}

/// [`crash`] in a bridge as it comes, and what must hold afterwards.
async fn crash_at(point: &str) -> TestApp {
    let app = app().await;
    crash_in(&app, point).await;
    app
}

/// [`crash`], and what must hold afterwards.
async fn crash_in(app: &TestApp, point: &str) {
    let _heir = crash(app, point).await;
    assert_recorded_once(app).await;
}

/// A worker is killed while a create is under way whose effect comes before its answer, or after the worker's death;
/// another finishes the call.
async fn die_creating(path: &str, latency: Fault) {
    let app = app_with_fault(path, latency).await;
    let doomed = Worker::start(&app, "");
    app.post(call("call-1", UNKNOWN_CALLER))
        .await
        .assert_accepted();
    let under_way = wait_until("a create under way", PATIENCE, async || {
        ensure!(created(&app, path) == 1);
        Ok(())
    });
    under_way.await.expect("a create is sent");
    doomed.kill();

    let _heir = Worker::start(&app, "");
    app.wait_for_at_least(1).await;

    assert_recorded_once(&app).await;
    assert_eq!(created(&app, path), 1);
}

/// The effect is there at once and the answer never comes; or the effect comes after the worker stopped waiting.
fn slow_creates() -> [Fault; 2] {
    [
        Fault::latency_after(Duration::from_secs(20)),
        Fault::latency_before(Duration::from_millis(1_500)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn c1_before_the_claim() {
    crash_at("delivered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c2_after_the_claim() {
    let app = app().await;
    let heir = crash(&app, "claimed").await;
    assert_recorded_once(&app).await;

    let busy = heir.metric("bridge_worker_retries_total", r#"reason="busy""#);
    let busy = busy.await.unwrap_or_default();
    assert!(busy > 0, "it did not wait for the lease to end");
}

#[tokio::test(flavor = "multi_thread")]
async fn c3_after_the_intent_to_create_a_person() {
    let app = TestApp::builder()
        .without_worker()
        .set("BRIDGE__PIPEDRIVE__SEARCH_LAG", "5s")
        .spawn()
        .await;
    crash_in(&app, "person-intended").await;
    assert_eq!(
        created(&app, PERSONS),
        1,
        "nothing had been sent before the crash"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn c4_while_the_person_is_being_created() {
    join_all(slow_creates().map(|latency| die_creating(PERSONS, latency))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c5_after_the_person_was_created() {
    let app = app().await;
    app.pipedrive.set_search_lag(Duration::from_secs(600));
    crash_in(&app, "person-answered").await;
    assert_eq!(created(&app, PERSONS), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn c6_between_person_and_activity() {
    let app = crash_at("matched").await;
    assert_eq!(created(&app, PERSONS), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn c6_after_a_person_was_created_whose_answer_was_lost() {
    join_all(silent_effects().map(async |fault| {
        let app = app_with_fault(PERSONS, fault).await;
        crash_in(&app, "matched").await;
        assert_eq!(created(&app, PERSONS), 1);
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c7_after_the_intent_to_create_the_activity() {
    let app = crash_at("activity-intended").await;
    assert_eq!(
        created(&app, ACTIVITIES),
        1,
        "nothing had been sent before the crash"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn c7_while_the_activity_is_being_created() {
    join_all(slow_creates().map(|latency| die_creating(ACTIVITIES, latency))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c8_after_the_activity_was_created() {
    let app = crash_at("activity-answered").await;
    assert_eq!(created(&app, ACTIVITIES), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn c8_after_the_activity_was_found_whose_answer_was_lost() {
    join_all(silent_effects().map(async |fault| {
        let app = app_with_fault(ACTIVITIES, fault).await;
        crash_in(&app, "activity-answered").await;
        assert_eq!(created(&app, ACTIVITIES), 1);
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c9_between_done_and_acknowledgement() {
    let app = crash_at("completed").await;
    assert_eq!(created(&app, ACTIVITIES), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn c10_between_the_copy_in_a_retry_queue_and_the_acknowledgement() {
    let app = app_with_fault(ACTIVITIES, Fault::server_error_before_effect(500)).await;
    crash_in(&app, "retry-published").await;
    assert_eq!(created(&app, ACTIVITIES), 2, "the first came to nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn c10_where_the_activity_was_created_all_the_same() {
    join_all(silent_effects().map(async |fault| {
        let app = app_with_fault(ACTIVITIES, fault).await;
        crash_in(&app, "retry-published").await;
        assert_eq!(created(&app, ACTIVITIES), 1);
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c11_between_the_dead_letter_and_the_acknowledgement() {
    let app = app().await;
    app.let_another_pass("create an activity").await;
    let refused = FaultRule::always("POST", ACTIVITIES, Fault::forbidden());
    app.pipedrive.add_fault(refused.times(3));
    let heir = crash(&app, "dead-letter-published").await;

    // The original came again and was recorded. Its dead letter is replayed in vain.
    assert_recorded_once_beside(&app, 1).await;
    let letters = app.wait_for_dead_letters(1).await;
    assert_eq!(letters[0].property("message_id").unwrap(), "call-1");
    let asked = app.pipedrive.request_count();
    worker::commands::replay::replay(
        &app.settings,
        &worker::commands::replay::ReplayFilter::default(),
    )
    .await
    .unwrap();
    let duplicate = r#"outcome="duplicate""#;
    heir.wait_for_metric("bridge_worker_messages_total", duplicate, 1)
        .await;

    assert_recorded_once(&app).await;
    assert_eq!(app.pipedrive.request_count(), asked);
}
