//! Users of Redis and RabbitMQ with the rights that docs/SETUP.md lists, and with less.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use bridge_tests::bridge::{Builder, PATIENCE, TestApp, call};
use bridge_tests::servers::{Environment, Vhost, connect_to_redis};
use reqwest::Method;
use secrecy::SecretString;
use serde_json::json;
use url::Url;
use uuid::Uuid;

use crate::checks::found;

/// What docs/SETUP.md grants, but for `INFO`, which reports whether Redis lost data.
const REDIS_RIGHTS: [&str; 6] = [
    "+@read",
    "+@write",
    "+@scripting",
    "+@transaction",
    "+@connection",
    "+time",
];
const PASSWORD: &str = "password-of-a-test";

/// A user of the Redis that all tests share.
struct RedisUser {
    name: String,
    prefix: String,
    url: String,
}

impl RedisUser {
    async fn create(rights: &[&str]) -> Self {
        let name = format!("user-{}", Uuid::new_v4().simple());
        let prefix = format!("test-{}", Uuid::new_v4().simple());
        let mut url = Environment::shared().await.redis_url().clone();
        let mut command = redis::cmd("ACL");
        command.arg("SETUSER").arg(&name).arg("on");
        command
            .arg(format!(">{PASSWORD}"))
            .arg(format!("~{prefix}:*"));
        command.arg("nocommands").arg(rights);
        let mut connection = connect_to_redis(&url).await.unwrap();
        let () = command.query_async(&mut connection).await.unwrap();
        url.set_username(&name).unwrap();
        url.set_password(Some(PASSWORD)).unwrap();
        Self {
            name,
            prefix,
            url: url.to_string(),
        }
    }

    fn app(&self) -> Builder {
        TestApp::builder()
            .set("BRIDGE__REDIS__URL", &self.url)
            .set("BRIDGE__REDIS__PREFIX", &self.prefix)
    }

    async fn epoch(&self) -> String {
        let url = Environment::shared().await.redis_url().clone();
        let mut connection = connect_to_redis(&url).await.unwrap();
        redis::cmd("HGET")
            .arg(format!("{}:epoch", self.prefix))
            .arg("id")
            .query_async(&mut connection)
            .await
            .unwrap()
    }

    async fn delete(self) {
        let url = Environment::shared().await.redis_url().clone();
        let mut connection = connect_to_redis(&url).await.unwrap();
        let delete = redis::cmd("ACL").arg("DELUSER").arg(&self.name).to_owned();
        let () = delete.query_async(&mut connection).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_user_without_info_works_and_each_connection_may_have_lost_data() {
    let user = RedisUser::create(&REDIS_RIGHTS).await;
    let mut app = user
        .app()
        .set("BRIDGE__DIRECTORY__MODE", "on")
        .spawn()
        .await;
    app.post(call("call-1", "+12025550143"))
        .await
        .assert_accepted();
    app.wait_for_exactly(1).await;
    let first = user.epoch().await;
    let said = found(&app.settings, "Redis").await.unwrap();

    // Each begins an epoch when it connects; they agree on one all the same.
    app.start_worker().await;
    app.start_worker().await;
    let calls = (2..20).map(|n| call(&format!("call-{n}"), "+12025550143"));
    for body in calls {
        app.post(body).await.assert_accepted();
    }
    app.wait_for_exactly(19).await;
    app.wait_until_idle().await;

    assert!(said.contains("+info"), "{said}");
    assert_ne!(user.epoch().await, first);
    drop(app);
    user.delete().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_is_missing_in_redis_is_named() {
    for right in ["+@write", "+@scripting", "+@transaction", "+time"] {
        let rights = REDIS_RIGHTS.into_iter().filter(|it| *it != right);
        let user = RedisUser::create(&rights.collect::<Vec<_>>()).await;
        let app = user.app().without_worker().spawn().await;

        let problem = found(&app.settings, "Redis").await.unwrap_err();

        assert!(problem.contains(right), "{problem}");
        drop(app);
        user.delete().await;
    }
}

/// A user of RabbitMQ, with permissions in one virtual host.
struct BrokerUser {
    name: String,
    url: Url,
    management: Url,
}

impl BrokerUser {
    async fn create(vhost: &Vhost, [configure, write, read]: [&str; 3]) -> Self {
        let name = format!("user-{}", Uuid::new_v4().simple());
        let mut url = vhost.amqp_url();
        url.set_username(&name).unwrap();
        url.set_password(Some(PASSWORD)).unwrap();
        let management = vhost.broker().management_url().clone();
        let user = Self {
            name,
            url,
            management,
        };
        let path = format!("api/users/{}", user.name);
        let password = json!({"password": PASSWORD, "tags": ""});
        user.ask(Method::PUT, &path, password).await;
        let path = format!("api/permissions/{}/{}", vhost.name(), user.name);
        let rights = json!({"configure": configure, "write": write, "read": read});
        user.ask(Method::PUT, &path, rights).await;
        user
    }

    async fn ask(&self, method: Method, path: &str, body: serde_json::Value) {
        let url = self.management.join(path).unwrap();
        let client = reqwest::Client::builder().timeout(PATIENCE).build();
        let answer = client.unwrap().request(method, url).json(&body).send();
        answer.await.unwrap().error_for_status().unwrap();
    }

    async fn delete(self) {
        let path = format!("api/users/{}", self.name);
        self.ask(Method::DELETE, &path, json!({})).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rabbitmq_users_without_configure_work_where_the_topology_exists() {
    let declared = TestApp::builder().without_worker().spawn().await;
    let sender = BrokerUser::create(declared.vhost(), ["", "^interactions$", ""]).await;
    let worker = BrokerUser::create(
        declared.vhost(),
        [
            "",
            r"^interactions(\.retry|\.dlx)?$",
            r"^interactions\.(work|dead)$",
        ],
    )
    .await;

    let mut app = TestApp::builder()
        .set("BRIDGE__BROKER__URL", sender.url.as_str())
        .without_worker()
        .spawn()
        .await;
    app.post(call("call-1", "+12025550143"))
        .await
        .assert_accepted();
    app.settings.broker.url = SecretString::from(worker.url.as_str()).into();
    app.start_worker().await;

    // Its queues are those of another virtual host than the app's own.
    app.wait_for_activities(1).await;
    assert!(worker::commands::check::check(&app.settings).await.unwrap());
    drop(app);
    sender.delete().await;
    worker.delete().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_queue_and_the_right_to_declare_it_are_named() {
    let app = TestApp::builder().without_worker().spawn().await;
    let user = BrokerUser::create(app.vhost(), ["", ".*", ".*"]).await;
    let mut settings = app.settings.clone();
    settings.broker.url = SecretString::from(user.url.as_str()).into();
    settings.retry.delays = vec![shared::config::RetryDelay::parse("77s").unwrap()];

    let problem = found(&settings, "RabbitMQ").await.unwrap_err();
    let mut said = Vec::new();
    let is_sound = ingest::commands::check::run(&settings, None, &mut said).await;

    for text in [problem, String::from_utf8(said).unwrap()] {
        assert!(
            text.contains("interactions.retry.77s does not exist"),
            "{text}"
        );
        assert!(text.contains("configure"), "{text}");
    }
    assert!(!is_sound.unwrap());
    user.delete().await;
}
