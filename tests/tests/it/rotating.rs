//! Secrets change under load: nothing is lost, nothing doubled, nothing dead-lettered.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bridge_tests::app::{PATIENCE, TestApp, WEBHOOK_TOKEN, call};
use bridge_tests::services::{Environment, Redis, RedisOptions, Scratch, wait_until};

/// A secret's file, replaced as orchestrators do it: at once.
pub(crate) struct SecretFile(PathBuf);

impl SecretFile {
    pub(crate) fn new(folder: &Path, name: &str, value: &str) -> Self {
        let file = Self(folder.join(name));
        file.set(value);
        file
    }

    pub(crate) fn set(&self, value: &str) {
        let new = self.0.with_extension("new");
        std::fs::write(&new, value).expect("a secret can be written");
        std::fs::rename(&new, &self.0).expect("a secret can be replaced");
    }

    pub(crate) fn path(&self) -> String {
        self.0.display().to_string()
    }
}

/// Posts call after call until `done`; gives how many.
async fn load_until(app: &TestApp, done: impl Future<Output = ()>) -> usize {
    let mut count = 0;
    tokio::pin!(done);
    loop {
        let body = call(&format!("call-{count}"), "+15550123456");
        tokio::select! {
            () = &mut done => return count,
            answer = app.post(body) => {
                answer.assert_accepted();
                count += 1;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn assert_all_recorded(app: &TestApp, at_least: usize) {
    app.wait_until_idle().await;
    // The last post may have been accepted while the load was ended.
    let recorded = app.pipedrive.activities().len();
    assert!(
        (at_least..=at_least + 1).contains(&recorded),
        "{recorded} of {at_least}"
    );
    assert_eq!(app.pipedrive.persons().len(), 1);
    app.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pipedrive_token() {
    let scratch = Scratch::create().unwrap();
    let file = SecretFile::new(scratch.path(), "pipedrive", "first-token");
    let app = TestApp::builder()
        .pipedrive_token("first-token")
        .set("BRIDGE__PIPEDRIVE__API_TOKEN_FILE", file.path())
        .spawn()
        .await;

    let count = load_until(&app, async {
        app.wait_for_at_least(5).await;
        // The old token is dead at once, as in Pipedrive; the new one comes a moment later.
        app.pipedrive.set_api_token("second-token");
        let before = app.pipedrive.activities().len();
        file.set("second-token");
        app.wait_for_at_least(before + 20).await;
    })
    .await;

    assert_all_recorded(&app, count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipedrive_token_that_does_not_work_is_not_taken_up() {
    let scratch = Scratch::create().unwrap();
    let file = SecretFile::new(scratch.path(), "pipedrive", "first-token");
    let app = TestApp::builder()
        .pipedrive_token("first-token")
        .set("BRIDGE__PIPEDRIVE__API_TOKEN_FILE", file.path())
        .spawn()
        .await;

    file.set("mistyped");
    wait_until("the new token's refusal", PATIENCE, async || {
        let refused = app
            .pipedrive
            .requests()
            .iter()
            .any(|request| format!("{:?}", request.answer).contains("401"));
        anyhow::ensure!(refused);
        Ok(())
    })
    .await
    .unwrap();
    app.post(call("call-1", "+15550123456"))
        .await
        .assert_accepted();

    app.wait_for_activities(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_webhook_tokens() {
    let scratch = Scratch::create().unwrap();
    let file = SecretFile::new(scratch.path(), "tokens", WEBHOOK_TOKEN);
    let app = TestApp::builder()
        .set("BRIDGE__INGEST__AUTH__TOKENS_FILE", file.path())
        .spawn()
        .await;
    let status = async |token: &str| {
        app.post_as(token, call("call-0", "+15550123456"))
            .await
            .status
    };
    let becomes = async |token: &str, wanted: u16| {
        let reached = wait_until("another answer", PATIENCE, async || {
            let status = status(token).await;
            anyhow::ensure!(status == wanted, "{status}");
            Ok(())
        });
        reached.await.unwrap();
    };

    assert_eq!(status("next-token").await, 401);
    file.set(&format!("next-token,{WEBHOOK_TOKEN}"));
    becomes("next-token", 200).await;
    assert_eq!(status(WEBHOOK_TOKEN).await, 200);
    file.set("next-token");
    becomes(WEBHOOK_TOKEN, 401).await;

    assert_eq!(status("next-token").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_of_redis() {
    let scratch = Scratch::create().unwrap();
    let redis = Redis::start(&scratch.path().join("redis"), &RedisOptions::default())
        .await
        .unwrap();
    let url = |password: &str| {
        let mut url = redis.url().clone();
        url.set_password(Some(password))
            .expect("an address takes a password");
        url.to_string()
    };
    let mut admin = redis.connect().await.unwrap();
    let set = |password: &str| {
        redis::cmd("CONFIG")
            .arg("SET")
            .arg("requirepass")
            .arg(password)
            .to_owned()
    };
    let () = set("first").query_async(&mut admin).await.unwrap();
    let file = SecretFile::new(scratch.path(), "redis-url", &url("first"));
    let app = TestApp::builder()
        .set("BRIDGE__REDIS__URL_FILE", file.path())
        .spawn()
        .await;

    let count = load_until(&app, async {
        app.wait_for_at_least(5).await;
        let () = set("second").query_async(&mut admin).await.unwrap();
        file.set(&url("second"));
        let before = app.pipedrive.activities().len();
        let kill = redis::cmd("CLIENT")
            .arg("KILL")
            .arg("TYPE")
            .arg("normal")
            .arg("SKIPME")
            .arg("yes")
            .to_owned();
        let _killed: i64 = kill.query_async(&mut admin).await.unwrap();
        app.wait_for_at_least(before + 20).await;
    })
    .await;

    assert_all_recorded(&app, count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_of_the_broker() {
    let scratch = Scratch::create().unwrap();
    let broker = Environment::shared().await.broker();
    let user = format!("rotating-{}", uuid::Uuid::new_v4().simple());
    let vhost = broker.create_vhost().await.unwrap();
    let management = broker.management();
    management
        .set_user(&user, "first", vhost.name())
        .await
        .unwrap();
    let address = vhost.amqp_url();
    let url = |password: &str| {
        let mut url = address.clone();
        url.set_username(&user).expect("an address takes a user");
        url.set_password(Some(password))
            .expect("an address takes a password");
        url.to_string()
    };
    let file = SecretFile::new(scratch.path(), "broker-url", &url("first"));
    let app = TestApp::builder()
        .vhost(vhost)
        .set("BRIDGE__BROKER__URL_FILE", file.path())
        .spawn()
        .await;

    app.post(call("call-0", "+15550123456"))
        .await
        .assert_accepted();
    app.wait_for_activities(1).await;
    management
        .set_user(&user, "second", app.vhost().name())
        .await
        .unwrap();
    file.set(&url("second"));
    management
        .close_connections(app.vhost().name())
        .await
        .unwrap();
    // A sender with retries: nothing is taken while the connection is made anew.
    wait_until("an accepted call", PATIENCE, async || {
        let answer = app.post(call("call-1", "+15550123456")).await;
        anyhow::ensure!(answer.status == 200, "{answer:?}");
        Ok(())
    })
    .await
    .unwrap();

    app.wait_for_activities(2).await;
    management.delete_user(&user).await.unwrap();
}
