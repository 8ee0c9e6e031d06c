//! Secrets change under load: nothing is lost, nothing doubled, nothing dead-lettered.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_tests::bridge::{PATIENCE, TestApp, call};
use bridge_tests::servers::{Environment, Redis, RedisOptions, Scratch, wait_until};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

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
pub(crate) async fn load_until(app: &TestApp, done: impl Future<Output = ()>) -> usize {
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

pub(crate) async fn assert_all_recorded(app: &TestApp, at_least: usize) {
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
    let bearer = |secret: &str, _: &str| ("authorization", format!("Bearer {secret}"));
    webhook_secrets("TOKENS", bearer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_webhook_passwords() {
    let basic = |secret: &str, _: &str| {
        (
            "authorization",
            format!("Basic {}", STANDARD.encode(secret)),
        )
    };
    webhook_secrets("BASIC", basic).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_webhook_signature_secrets() {
    let signed = |secret: &str, body: &str| {
        let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        let mac = mac.chain_update(body).finalize().into_bytes();
        (
            "x-hub-signature-256",
            format!("sha256={}", hex::encode(mac)),
        )
    };
    webhook_secrets("SIGNATURE_SECRETS", signed).await;
}

/// Both secrets are good while the sender changes from one to the other; then the old one is taken away.
async fn webhook_secrets(setting: &str, header: impl Fn(&str, &str) -> (&'static str, String)) {
    const OLD: &str = "genesys:the-previous-secret";
    const NEW: &str = "genesys:the-secret-from-now-on";
    let scratch = Scratch::create().expect("a folder");
    let file = SecretFile::new(scratch.path(), "secrets", OLD);
    let app = TestApp::builder()
        .set(
            &format!("BRIDGE__INGEST__AUTH__{setting}_FILE"),
            file.path(),
        )
        .spawn()
        .await;
    let http = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let status = async |secret: &str, body: String| {
        let url = format!("{}/api/v1/genesys/webhook", app.ingest_url);
        let (name, value) = header(secret, &body);
        let answer = http.post(url).header(name, value).body(body).send().await;
        answer.expect("ingest answers").status().as_u16()
    };
    let becomes = async |secret: &str, wanted: u16| {
        let reached = wait_until("another answer", PATIENCE, async || {
            let not_final = r#"{"status":"active","data":{"id":"probe","channelType":"voice"}}"#;
            let status = status(secret, not_final.to_owned()).await;
            anyhow::ensure!(status == wanted, "{status}");
            Ok(())
        });
        reached.await.expect("the file is read again");
    };

    let used = Cell::new(OLD);
    let changing = async {
        app.wait_for_at_least(5).await;
        file.set(&format!("{NEW},{OLD}"));
        becomes(NEW, 200).await;
        used.set(NEW);
        file.set(NEW);
        becomes(OLD, 401).await;
        let before = app.pipedrive.activities().len();
        app.wait_for_at_least(before + 5).await;
    };
    let mut count = 0;
    tokio::pin!(changing);
    loop {
        let body = call(&format!("call-{count}"), "+15550123456");
        tokio::select! {
            () = &mut changing => break,
            status = status(used.get(), body) => {
                assert_eq!(status, 200, "call {count}");
                count += 1;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_all_recorded(&app, count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_of_redis() {
    let scratch = Scratch::create().unwrap();
    let redis = Redis::temporary(&RedisOptions::default()).await.unwrap();
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

    app.wait_for_exactly(2).await;
    management.delete_user(&user).await.unwrap();
}
