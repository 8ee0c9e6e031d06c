//! A worker that dies between new OAuth tokens and Redis: O1 of `docs/RELIABILITY.md`.

use bridge_tests::bridge::{TestApp, call};
use bridge_tests::sandbox::pipedrive::{OAuthConfig, RefreshTokens};

use crate::invariants::assert_recorded_once;
use crate::process::Worker;

const CALLER: &str = "+15550123456";

/// A worker dies with the first tokens in its hands.
async fn crash(refresh_tokens: RefreshTokens) -> TestApp {
    let app = TestApp::builder()
        .oauth(OAuthConfig {
            refresh_tokens,
            ..OAuthConfig::default()
        })
        .without_worker()
        .spawn()
        .await;
    app.post(call("call-1", CALLER)).await.assert_accepted();
    Worker::start(&app, "token-answered=abort")
        .wait_for_death()
        .await;
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn o1_before_new_tokens_are_kept_the_next_worker_refreshes_again() {
    let app = crash(RefreshTokens::Change).await;

    let _heir = Worker::start(&app, "");
    app.wait_for_activities(1).await;

    assert_recorded_once(&app).await;
    assert_eq!(app.pipedrive.token_exchanges(), [2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn o1_where_the_lost_refresh_token_was_the_only_good_one_work_waits_for_a_new_installation() {
    let mut app = crash(RefreshTokens::Spend).await;

    // In this process, where it can be asked how it is.
    app.start_worker_that_waits().await;
    app.wait_until_not_ready("install the app again").await;
    app.wait_for_dead_letters(0).await;
    app.stop_worker().await;
    let next = app.pipedrive.install_app();
    let configured = app.settings.pipedrive.oauth.refresh_token.as_ref().unwrap();
    configured.replace(next.into());
    app.start_worker().await;

    app.wait_for_activities(1).await;
    assert_recorded_once(&app).await;
}
