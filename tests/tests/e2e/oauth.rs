//! The bridge as an app of Pipedrive's: its tokens end, change and are refused, and no interaction suffers from it.

use std::time::{Duration, Instant};

use anyhow::ensure;
use bridge_tests::bridge::{Builder, PATIENCE, TestApp, call};
use bridge_tests::sandbox::pipedrive::{Answer, Fault, FaultRule, OAuthConfig, RefreshTokens};
use bridge_tests::servers::{Redis, RedisOptions, Scratch, wait_until};
use redis::AsyncCommands;
use secrecy::SecretString;
use shared::config::Settings;

use crate::checks::found;
use crate::secret_rotation::{SecretFile, assert_all_recorded, load_until};

const CALLER: &str = "+15550123456";

/// An app whose access tokens live for so long.
fn living(life: Duration) -> OAuthConfig {
    OAuthConfig {
        life,
        ..OAuthConfig::default()
    }
}

fn short_lived(refresh_tokens: RefreshTokens) -> OAuthConfig {
    OAuthConfig {
        refresh_tokens,
        ..living(Duration::from_secs(2))
    }
}

/// A bridge whose refresh token, and whose app's secret, are in files.
fn with_files(app: OAuthConfig, scratch: &Scratch) -> (Builder, SecretFile, SecretFile) {
    let token = SecretFile::new(scratch.path(), "refresh-token", "first-refresh-token");
    let secret = SecretFile::new(scratch.path(), "client-secret", &app.client_secret);
    let app = OAuthConfig {
        refresh_token: Some("first-refresh-token".to_owned()),
        ..app
    };
    let builder = TestApp::builder()
        .oauth(app)
        .set("BRIDGE__PIPEDRIVE__OAUTH__REFRESH_TOKEN_FILE", token.path())
        .set(
            "BRIDGE__PIPEDRIVE__OAUTH__CLIENT_SECRET_FILE",
            secret.path(),
        );
    (builder, token, secret)
}

async fn wait_for_refreshes(app: &TestApp, count: usize) {
    let awaited = format!("{count} refreshes");
    let reached = wait_until(&awaited, PATIENCE, async || {
        let refreshes: usize = app.pipedrive.token_exchanges().iter().sum();
        ensure!(refreshes >= count, "there are {refreshes}");
        Ok(())
    });
    reached.await.unwrap_or_else(|error| panic!("{error:#}"));
}

/// How often Pipedrive was asked who we are: no pause for want of a token ends without.
fn probes(app: &TestApp) -> usize {
    let requests = app.pipedrive.requests();
    let probes = requests.iter().filter(|it| it.path == "/v1/users/me");
    probes.count()
}

/// Tokens that live for two seconds, with two workers at work: each is refreshed once, and nothing else is seen of it.
async fn each_generation_is_refreshed_once(refresh_tokens: RefreshTokens) {
    let mut app = TestApp::builder()
        .oauth(short_lived(refresh_tokens))
        .spawn()
        .await;
    app.start_worker().await;
    let (begun, before) = (Instant::now(), app.pipedrive.token_exchanges().len());

    let count = load_until(&app, wait_for_refreshes(&app, before + 5)).await;

    assert_all_recorded(&app, count).await;
    let exchanges = app.pipedrive.token_exchanges();
    assert!(
        exchanges.iter().all(|times| *times == 1),
        "a generation was refreshed twice: {exchanges:?}"
    );
    let refreshes = exchanges.len() - before;
    // 80 % of two seconds each, and one that began before.
    let lives = begun.elapsed().as_millis() / 1600 + 1;
    assert!(
        refreshes as u128 <= lives,
        "{refreshes} refreshes in {lives} lives"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_refresh_each_generation_once_where_refresh_tokens_change() {
    each_generation_is_refreshed_once(RefreshTokens::Change).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_refresh_each_generation_once_where_refresh_tokens_are_spent() {
    each_generation_is_refreshed_once(RefreshTokens::Spend).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_token_that_is_refused_is_refreshed_once_and_the_request_repeated() {
    let app = TestApp::builder()
        .oauth(OAuthConfig::default())
        .spawn()
        .await;
    let probed = probes(&app);

    let count = load_until(&app, async {
        app.wait_for_at_least(5).await;
        app.pipedrive.end_access_tokens();
        app.wait_for_at_least(app.pipedrive.activities().len() + 10)
            .await;
    })
    .await;

    assert_all_recorded(&app, count).await;
    assert_eq!(app.pipedrive.token_exchanges(), [2], "one for each end");
    assert_eq!(probes(&app), probed, "nothing paused");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_token_endpoint_is_away_the_old_token_serves_and_then_work_waits() {
    let app = TestApp::builder()
        .oauth(living(Duration::from_secs(6)))
        .spawn()
        .await;
    wait_for_refreshes(&app, 1).await;
    let away = Fault::server_error_before_effect(503);
    app.pipedrive
        .add_fault(FaultRule::always("POST", "/oauth/token", away));

    app.post(call("call-1", CALLER)).await.assert_accepted();
    app.wait_for_activities(1).await;
    app.wait_until_not_ready("token endpoint").await;
    app.post(call("call-2", CALLER)).await.assert_accepted();
    app.pipedrive.clear_faults();
    // The answer is lost once more before all is well.
    app.pipedrive.add_fault(FaultRule::once(
        "POST",
        "/oauth/token",
        Fault::CutAfterEffect,
    ));

    app.wait_for_exactly(2).await;
    app.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_is_taken_no_more_pauses_until_a_good_one_is_in_the_file() {
    let scratch = Scratch::create().unwrap();
    let (builder, token, _) = with_files(OAuthConfig::default(), &scratch);
    let app = builder.spawn().await;
    app.post(call("call-1", CALLER)).await.assert_accepted();
    app.wait_for_activities(1).await;

    // The former installation is gone; the first call meets a 401, and the refresh token is refused as well.
    let next = app.pipedrive.install_app();
    app.post(call("call-2", CALLER)).await.assert_accepted();
    app.wait_until_not_ready("pipedrive.oauth.refresh_token")
        .await;
    app.wait_for_dead_letters(0).await;
    token.set("mistyped");
    app.wait_until_not_ready("install the app again").await;
    token.set(&next);

    app.wait_for_exactly(2).await;
    app.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_secret_of_the_app_is_taken_up() {
    let scratch = Scratch::create().unwrap();
    let (builder, _, secret) = with_files(living(Duration::from_secs(2)), &scratch);
    let app = builder.spawn().await;

    let count = load_until(&app, async {
        app.wait_for_at_least(5).await;
        app.pipedrive.set_app_secret("second-secret");
        secret.set("second-secret");
        let before = app.pipedrive.token_exchanges()[0];
        wait_for_refreshes(&app, before + 3).await;
    })
    .await;

    assert_all_recorded(&app, count).await;
}

/// The bridge as an app, on a Redis that may be emptied.
async fn with_own_redis(refresh_tokens: RefreshTokens) -> (Redis, TestApp) {
    let redis = Redis::temporary(&RedisOptions::default()).await;
    let redis = redis.expect("a Redis");
    let app = TestApp::builder()
        .oauth(OAuthConfig {
            refresh_tokens,
            ..OAuthConfig::default()
        })
        .redis(&redis)
        .spawn()
        .await;
    (redis, app)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_was_emptied_gets_the_tokens_back_from_a_worker_that_has_them() {
    let (redis, mut app) = with_own_redis(RefreshTokens::Spend).await;
    app.post(call("call-1", CALLER)).await.assert_accepted();
    app.wait_for_activities(1).await;

    redis.flush().await.unwrap();
    let pattern = format!("{}:{{oauth}}:tokens:*", app.settings.redis.prefix);
    let mut connection = redis.connect().await.unwrap();
    wait_until("the tokens back in Redis", PATIENCE, async || {
        let keys: Vec<String> = connection.keys(&pattern).await?;
        ensure!(keys.len() == 1, "{keys:?}");
        // Expires: an installation may be over.
        let left: i64 = connection.ttl(&keys[0]).await?;
        ensure!(left > 59 * 24 * 3600, "{left} s");
        Ok(())
    })
    .await
    .unwrap();
    // The next worker would not be let in with the configured refresh token, which is spent.
    app.stop_worker().await;
    app.pipedrive.end_access_tokens();
    app.start_worker().await;
    app.post(call("call-2", CALLER)).await.assert_accepted();

    app.wait_for_exactly(2).await;
    app.wait_for_dead_letters(0).await;
    assert_eq!(app.pipedrive.token_exchanges(), [1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_was_emptied_while_no_worker_ran_leads_back_to_the_configured_token() {
    let (redis, mut app) = with_own_redis(RefreshTokens::Change).await;
    wait_for_refreshes(&app, 1).await;
    app.stop_worker().await;

    redis.flush().await.unwrap();
    app.start_worker().await;
    app.post(call("call-1", CALLER)).await.assert_accepted();

    app.wait_for_exactly(1).await;
    assert_eq!(app.pipedrive.token_exchanges(), [2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_starts_with_another_installation_is_let_in_by_it() {
    let mut app = TestApp::builder()
        .oauth(OAuthConfig::default())
        .spawn()
        .await;
    wait_for_refreshes(&app, 1).await;
    app.stop_worker().await;

    let next = app.pipedrive.install_app();
    let before = app.pipedrive.request_count();
    let configured = app.settings.pipedrive.oauth.refresh_token.as_ref().unwrap();
    configured.replace(next.into());
    app.start_worker().await;
    app.post(call("call-1", CALLER)).await.assert_accepted();

    app.wait_for_activities(1).await;
    for request in app.pipedrive.requests_since(before) {
        // Nothing of the former installation was tried.
        assert_eq!(request.answer, Answer::Status(200), "{request:?}");
    }
    assert_eq!(app.pipedrive.token_exchanges(), [1, 1]);
}

/// The settings of another bridge, which differ in its installation alone.
fn with_installation(app: &TestApp, refresh_token: &str) -> Settings {
    let mut settings = app.settings.clone();
    let refresh_token = SecretString::from(refresh_token);
    settings.pipedrive.oauth.refresh_token = Some(refresh_token.into());
    settings
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_of_another_installation_leaves_workers_with_their_own() {
    let app = TestApp::builder()
        .oauth(OAuthConfig {
            // Before the other one's in `token_exchanges`, which begins with a digit.
            refresh_token: Some("!first".to_owned()),
            ..living(Duration::from_secs(2))
        })
        .spawn()
        .await;
    wait_for_refreshes(&app, 1).await;

    let other = with_installation(&app, &app.pipedrive.install_app_beside());
    let first = found(&other, "Pipedrive").await.unwrap();
    wait_for_refreshes(&app, app.pipedrive.token_exchanges()[0] + 3).await;

    assert!(first.contains("kept in Redis for the workers"), "{first}");
    let exchanges = app.pipedrive.token_exchanges();
    assert!(exchanges[0] > 2 && exchanges[1..] == [1], "{exchanges:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_with_wrong_secrets_does_not_take_the_tokens_in_redis_for_a_proof() {
    let mut app = TestApp::builder()
        .oauth(OAuthConfig::default())
        .spawn()
        .await;
    wait_for_refreshes(&app, 1).await;
    app.stop_worker().await;

    let wrong = found(&with_installation(&app, "nope"), "Pipedrive")
        .await
        .unwrap_err();
    assert!(
        wrong.contains("install the app again") && wrong.contains("pipedrive.oauth.refresh_token"),
        "{wrong}"
    );
    let mut settings = app.settings.clone();
    let secret = SecretString::from("nope");
    settings.pipedrive.oauth.client_secret = Some(secret.into());
    let untried = found(&settings, "Pipedrive").await.unwrap();
    assert!(
        untried.contains("valid until") && untried.contains("client_secret were not tried"),
        "{untried}"
    );
    assert_eq!(
        app.pipedrive.token_exchanges(),
        [1],
        "nothing was refreshed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_with_another_key_says_so_and_leaves_the_tokens_alone() {
    let mut app = TestApp::builder()
        .oauth(OAuthConfig::default())
        .spawn()
        .await;
    wait_for_refreshes(&app, 1).await;
    app.stop_worker().await;
    let key = app
        .settings
        .pipedrive
        .oauth
        .encryption_key
        .replace("ff".repeat(32).into());

    assert!(!worker::commands::check::check(&app.settings).await.unwrap());
    app.settings.pipedrive.oauth.encryption_key = key;

    assert!(worker::commands::check::check(&app.settings).await.unwrap());
    assert_eq!(app.pipedrive.token_exchanges(), [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_redis_shows_a_token() {
    let redis = Redis::temporary(&RedisOptions::default()).await.unwrap();
    let app = TestApp::builder()
        .oauth(short_lived(RefreshTokens::Change))
        .redis(&redis)
        .spawn()
        .await;
    app.post(call("call-1", CALLER)).await.assert_accepted();
    app.wait_for_activities(1).await;
    wait_for_refreshes(&app, 3).await;

    let mut connection = redis.connect().await.unwrap();
    let compression = redis::cmd("CONFIG")
        .arg("SET")
        .arg("rdbcompression")
        .arg("no")
        .to_owned();
    let () = compression.query_async(&mut connection).await.unwrap();
    let keys: Vec<String> = connection.keys("*").await.unwrap();
    let mut seen = Vec::new();
    for key in &keys {
        // Whatever its type, as it lies in Redis.
        let dump = redis::cmd("DUMP").arg(key).to_owned();
        let dump: Option<Vec<u8>> = dump.query_async(&mut connection).await.unwrap();
        seen.push(dump.unwrap_or_default());
    }

    assert!(
        keys.iter().any(|key| key.contains(":{oauth}:tokens:")),
        "{keys:?}"
    );
    for token in app.pipedrive.issued_tokens() {
        // The part that is random.
        let part = &token.as_bytes()[4..28];
        let is_seen = seen
            .iter()
            .any(|dump| dump.windows(part.len()).any(|text| text == part));
        assert!(!is_seen, "{token}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_that_pipedrive_names_is_used_where_none_is_configured() {
    let app = TestApp::builder()
        .oauth(OAuthConfig::default())
        .without_worker()
        .spawn()
        .await;
    let mut settings = app.settings.clone();
    settings.pipedrive.base_url = "https://api.pipedrive.com".parse().unwrap();
    app.pipedrive.set_api_domain(&app.sandbox().base_url());

    assert!(worker::commands::check::check(&settings).await.unwrap());
}
