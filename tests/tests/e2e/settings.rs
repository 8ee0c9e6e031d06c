//! Settings that cannot be used: what an operator reads, at start and from the checks.

use shared::config::{self, Settings};

/// With what is needed to start, on this machine, and one more variable.
fn settings(variable: &str, value: &str) -> Settings {
    let variables = [
        ("BRIDGE__INGEST__LISTEN", "127.0.0.1:0"),
        ("BRIDGE__INGEST__AUTH__TOKENS", "test-webhook-token"),
        ("BRIDGE__WORKER__LISTEN", "127.0.0.1:0"),
        ("BRIDGE__PIPEDRIVE__API_TOKEN", "token"),
        ("BRIDGE__PIPEDRIVE__BASE_URL", "http://127.0.0.1:1"),
        ("BRIDGE__BROKER__URL", "amqp://127.0.0.1:1"),
        ("BRIDGE__REDIS__URL", "redis://127.0.0.1:1"),
        (variable, value),
    ];
    let variables = variables.map(|(variable, value)| (variable.to_owned(), value.to_owned()));
    config::load_from(None, variables).expect("settings can be read")
}

/// What both services say of `settings`, when they start and when they check.
async fn everything_said_of(settings: &Settings) -> Vec<String> {
    let mut said = Vec::new();
    if let Err(error) = ingest::startup::Application::build(settings).await {
        said.push(format!("{error:#}"));
    }
    if let Err(error) = worker::startup::Application::build(settings.clone()).await {
        said.push(format!("{error:#}"));
    }
    let mut out = Vec::new();
    ingest::commands::check::run(settings, None, &mut out)
        .await
        .expect("a check reports");
    said.push(String::from_utf8(out).expect("a report is text"));
    for (item, found) in worker::commands::check::inspect(settings).await {
        said.push(format!("{item}: {found:?}"));
    }
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_without_its_scheme_is_named_by_its_key_and_its_password_is_shown_nowhere() {
    for (variable, key) in [
        ("BRIDGE__BROKER__URL", "broker.url"),
        ("BRIDGE__REDIS__URL", "redis.url"),
    ] {
        let settings = settings(variable, "bridge:s3cretPW@server:5672");

        let said = everything_said_of(&settings).await;

        let naming = said.iter().filter(|text| text.contains(key)).count();
        assert!(naming >= 2, "at start and in a check: {said:#?}");
        for text in said {
            assert!(!text.contains("s3cret"), "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_virtual_host_is_refused_at_start_and_by_both_checks() {
    let settings = settings("BRIDGE__BROKER__URL", "amqp://127.0.0.1:1/");

    let said = everything_said_of(&settings).await;

    let naming = said
        .iter()
        .filter(|text| text.contains("empty virtual host"));
    assert_eq!(naming.count(), 4, "{said:#?}");
}
