//! A directory that is filled by several, stopped, lost, or of another key.

use anyhow::ensure;
use bridge_tests::bridge::{PATIENCE, TestApp, call};
use bridge_tests::servers::wait_until;
use worker::commands::directory::{Action, execute};

use crate::people::{app_of, app_with, number, state, wait_until_complete};

async fn delete_directory(app: &TestApp) {
    let keys = app.redis_keys("{directory}").await;
    let deleted: redis::RedisResult<()> = redis::cmd("DEL")
        .arg(keys)
        .query_async(&mut app.redis().await)
        .await;
    deleted.expect("Redis answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_fill_it_once() {
    let mut app = app_with(3000, "on").await;
    let meter = app.pipedrive.meter();

    app.start_worker_that_waits().await;
    app.start_worker().await;
    wait_until_complete(&app).await;

    let tokens = meter.by_operation()["GET /api/v2/persons"].tokens;
    assert!(
        tokens <= 10 + 60 + 20,
        "{tokens} tokens: one pass, and no more than two polls"
    );
    assert!(execute(&app.settings, Action::Verify).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_expires_is_followed_by_the_time_of_changes() {
    let app = app_of(
        TestApp::builder().set("BRIDGE__DIRECTORY__DAILY_SHARE", "1"),
        5000,
        "on",
    )
    .await;
    // 1 % of 7,000 tokens: the newest id and six pages.
    let mut settings = app.settings.clone();
    settings.pipedrive.daily_tokens = Some(7_000);
    assert!(
        !execute(&settings, Action::Build).await.unwrap(),
        "the share is spent"
    );
    assert!(state(&app, "cursor").await.is_some());
    app.pipedrive.expire_cursors();

    settings.directory.daily_share = 100;
    assert!(execute(&settings, Action::Build).await.unwrap());

    assert_eq!(state(&app, "people").await.as_deref(), Some("5000"));
    assert!(execute(&settings, Action::Verify).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_directory_is_filled_again_and_the_search_serves_meanwhile() {
    let mut app = app_with(500, "on").await;
    app.start_worker().await;
    wait_until_complete(&app).await;

    delete_directory(&app).await;
    app.post(call("call-1", &number(7))).await.assert_accepted();

    let activities = app.wait_for_exactly(1).await;
    assert_eq!(activities[0].person_id, Some(8));
    assert_eq!(app.pipedrive.persons().len(), 500);
    app.stop_worker().await;
    app.start_worker().await;
    wait_until_complete(&app).await;
    assert!(execute(&app.settings, Action::Verify).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_pass_takes_out_who_was_deleted_and_verify_shows_them_before() {
    let mut app = app_with(600, "on").await;
    app.start_worker().await;
    wait_until_complete(&app).await;
    app.stop_worker().await;
    assert!(app.pipedrive.delete_person(7));

    assert!(!execute(&app.settings, Action::Verify).await.unwrap());
    assert!(execute(&app.settings, Action::Build).await.unwrap());

    assert!(execute(&app.settings, Action::Verify).await.unwrap());
    assert_eq!(state(&app, "people").await.as_deref(), Some("599"));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_new_key_it_is_filled_anew_and_remembered_people_are_found_under_their_old_names() {
    let mut app = app_with(100, "on").await;
    app.start_worker().await;
    wait_until_complete(&app).await;
    app.post(call("call-1", &number(7))).await.assert_accepted();
    app.wait_for_exactly(1).await;
    let passed = state(&app, "complete_since").await;
    app.stop_worker().await;

    let key = secrecy::SecretString::from("0123456789abcdef0123456789abcdef");
    app.settings.redis.hash_key = Some(key);
    app.start_worker().await;
    wait_until("a new directory", PATIENCE, async || {
        ensure!(state(&app, "complete_since").await > passed);
        Ok(())
    })
    .await
    .unwrap();
    let meter = app.pipedrive.meter();
    app.post(call("call-2", &number(7))).await.assert_accepted();

    let activities = app.wait_for_exactly(2).await;
    assert!(
        activities
            .iter()
            .all(|activity| activity.person_id == Some(8))
    );
    assert_eq!(meter.by_operation()["GET /api/v2/persons/{id}"].requests, 1);
    assert!(execute(&app.settings, Action::Verify).await.unwrap());
}
