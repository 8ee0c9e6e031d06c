//! `ingest check` and the start of `ingest` are of one mind: what the one calls wrong the other refuses.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::TcpListener;

use ingest::commands::check;
use ingest::startup::Application;
use shared::config::{self, Settings};

/// Settings that differ from those that are well.
type Variables<'a> = &'a [(&'a str, &'a str)];

/// Items that a start does not depend on: a broker that is away is waited for.
const NOT_NEEDED: &str = "rabbitmq";

fn settings(variables: &[(&str, &str)]) -> Settings {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let broker = format!("amqp://guest:guest@{}/%2f", closed.local_addr().unwrap());
    let defaults = [
        ("INGEST__LISTEN", "127.0.0.1:0"),
        ("INGEST__AUTH__TOKENS", "0123456789abcdef"),
        ("BROKER__URL", &broker),
    ];
    let variables = defaults.iter().chain(variables);
    let variables = variables.map(|(key, value)| (format!("BRIDGE__{key}"), (*value).to_owned()));
    config::load_from(None, variables).unwrap()
}

/// What the check says, and the items that fail.
async fn found(settings: &Settings) -> (String, Vec<String>) {
    let mut out = Vec::new();
    check::run(settings, None, &mut out).await.unwrap();
    let text = String::from_utf8(out).unwrap();
    let failed = text.lines().filter_map(|line| line.strip_prefix("FAIL  "));
    let failed = failed.map(|line| line.split_once(": ").unwrap().0.to_owned());
    let failed = failed.filter(|item| item != NOT_NEEDED).collect();
    (text, failed)
}

/// A port that is free, or was a moment ago.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[tokio::test]
async fn the_check_fails_where_the_start_does() {
    let address = free_address();
    let elsewhere = "192.0.2.1:8082";
    let required = ("INGEST__TLS__CLIENT_CERTIFICATE_REQUIRED", "true");
    let certificate = ("INGEST__TLS__CERTIFICATE", "/missing/certificate.pem");
    let key = ("INGEST__TLS__KEY", "/missing/key.pem");
    let cases: [(Variables, &[&str]); 10] = [
        (&[], &[]),
        (&[("INGEST__ADMIN_LISTEN", "127.0.0.1:0")], &[]),
        (&[required], &["tls", "client ca"]),
        (&[required, certificate, key], &["tls", "client ca"]),
        (&[certificate], &["tls"]),
        (
            &[
                ("INGEST__LISTEN", &address),
                ("INGEST__ADMIN_LISTEN", &address),
            ],
            &["operators"],
        ),
        (&[("INGEST__ADMIN_LISTEN", elsewhere)], &["operators"]),
        (
            &[
                ("INGEST__LISTEN", elsewhere),
                ("INGEST__PLAIN_HTTP", "true"),
            ],
            &["listen"],
        ),
        (&[("INGEST__LISTEN", "0.0.0.0:0")], &["tls"]),
        (&[("INGEST__AUTH__BASIC", ":")], &["authentication"]),
    ];

    for (variables, expected) in cases {
        let settings = settings(variables);
        let (text, failed) = found(&settings).await;
        let started = Application::build(&settings).await;

        assert_eq!(failed, expected, "{variables:?}\n{text}");
        assert_eq!(
            started.is_ok(),
            expected.is_empty(),
            "{variables:?}\n{text}"
        );
    }
}

#[tokio::test]
async fn the_check_names_each_remedy_once_and_what_is_open() {
    let (text, _) = found(&settings(&[
        ("INGEST__LISTEN", "0.0.0.0:0"),
        ("INGEST__ADMIN_LISTEN", "0.0.0.0:0"),
        ("INGEST__EVENTBRIDGE__ACCOUNTS", "123456789012"),
    ]))
    .await;

    assert_eq!(
        text.matches("BRIDGE__INGEST__PLAIN_HTTP").count(),
        1,
        "{text}"
    );
    assert!(text.contains("without authentication"), "{text}");
    assert!(
        text.contains("eventbridge") && text.contains("accounts: 1, sources: any"),
        "{text}"
    );
}
