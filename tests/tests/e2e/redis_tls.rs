//! Redis over TLS: `rediss://`, with an authority of one's own.

use bridge_tests::bridge::{TestApp, call};
use bridge_tests::servers::authority::Authority;
use bridge_tests::servers::{Redis, RedisOptions, Scratch, free_ports};
use shared::config::{self, Settings};

use crate::checks::found;

/// A Redis that speaks TLS at a second port, with a certificate of an authority that only this test trusts.
struct Encrypted {
    url: String,
    ca_file: String,
    scratch: Scratch,
    _redis: Redis,
}

impl Encrypted {
    async fn start() -> Self {
        let scratch = Scratch::create().expect("a folder");
        let file = |name: &str| {
            scratch
                .path()
                .join(name)
                .to_str()
                .expect("a path of text")
                .to_owned()
        };
        let (certificate, key, ca_file) = (file("redis.pem"), file("redis.key"), file("ca.pem"));
        let authority = Authority::root("private");
        let server = authority.server(&["localhost", "127.0.0.1"]);
        server.write(certificate.as_ref(), key.as_ref());
        std::fs::write(&ca_file, authority.pem()).expect("a file is written");
        let [port] = free_ports().expect("a free port");
        let options = RedisOptions {
            arguments: [
                ["--tls-port", &port.to_string()],
                ["--tls-cert-file", &certificate],
                ["--tls-key-file", &key],
                ["--tls-ca-cert-file", &ca_file],
                ["--tls-auth-clients", "no"],
            ]
            .concat()
            .into_iter()
            .map(str::to_owned)
            .collect(),
        };
        let redis = Redis::start(&scratch.path().join("redis"), &options).await;
        Self {
            url: format!("rediss://127.0.0.1:{port}/0"),
            ca_file,
            scratch,
            _redis: redis.expect("Redis with TLS starts"),
        }
    }

    fn settings(&self, ca_file: &str) -> Settings {
        settings(&self.url, ca_file)
    }
}

fn settings(url: &str, ca_file: &str) -> Settings {
    let variables = [
        ("BRIDGE__REDIS__URL", url),
        ("BRIDGE__REDIS__CA_FILE", ca_file),
        ("BRIDGE__BROKER__URL", "amqp://127.0.0.1:1"),
        ("BRIDGE__PIPEDRIVE__API_TOKEN", "token"),
        ("BRIDGE__PIPEDRIVE__BASE_URL", "http://127.0.0.1:1"),
    ];
    let variables = variables.map(|(variable, value)| (variable.to_owned(), value.to_owned()));
    config::load_from(None, variables).expect("settings are valid")
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_recorded_with_a_redis_that_speaks_tls() {
    let redis = Encrypted::start().await;
    let app = TestApp::builder()
        .set("BRIDGE__REDIS__URL", &redis.url)
        .set("BRIDGE__REDIS__CA_FILE", &redis.ca_file)
        .spawn()
        .await;

    app.post(call("call-1", "+12025550143"))
        .await
        .assert_accepted();

    app.wait_for_exactly(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_an_unknown_authority_is_refused_and_the_reason_is_given() {
    let redis = Encrypted::start().await;
    let other = redis.scratch.path().join("other.pem");
    std::fs::write(&other, Authority::root("another").pem()).unwrap();

    let known = found(&redis.settings(&redis.ca_file), "Redis").await;
    let unknown = found(&redis.settings(""), "Redis").await;
    let another = found(
        &redis.settings(other.to_str().expect("a path of text")),
        "Redis",
    )
    .await;

    assert!(known.is_ok(), "{known:?}");
    for refused in [unknown.unwrap_err(), another.unwrap_err()] {
        assert!(refused.contains("certificate"), "{refused}");
        assert!(refused.contains("redis.ca_file"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authoritys_file_that_would_not_be_used_or_cannot_be_is_refused_with_its_key() {
    let scratch = Scratch::create().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = scratch.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().expect("a path of text").to_owned()
    };
    let sound = file("ca.pem", &Authority::root("private").pem());
    let empty = file("empty.pem", "");

    for (url, ca_file, part) in [
        ("redis://127.0.0.1:1", sound.as_str(), "rediss://"),
        ("rediss://127.0.0.1:1", empty.as_str(), "PEM"),
        ("rediss://127.0.0.1:1", "/nowhere/ca.pem", "cannot read"),
    ] {
        let error = found(&settings(url, ca_file), "Redis").await.unwrap_err();

        assert!(error.contains("`redis.ca_file`"), "{error}");
        assert!(error.contains(part), "{error}");
    }
}
