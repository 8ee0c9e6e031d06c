//! What an operator meets at start, and by hand in RabbitMQ's page.

use bridge_tests::bridge::{TestApp, call};
use bridge_tests::sandbox::pipedrive::{Fault, FaultRule, OAuthConfig};
use bridge_tests::servers::Publication;
use lapin::options::{QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use secrecy::SecretString;
use shared::config::Settings;

#[tokio::test(flavor = "multi_thread")]
async fn the_check_of_a_healthy_worker_is_well_every_time_and_names_what_is_wrong() {
    let app = TestApp::spawn().await;

    for round in 0..10 {
        assert!(
            worker::commands::check::check(&app.settings).await.unwrap(),
            "round {round}"
        );
    }
    app.pipedrive.set_api_token("another");
    assert!(!worker::commands::check::check(&app.settings).await.unwrap());
    let found = problems(&app.settings).await;
    assert_eq!(found[0].0, "Pipedrive");
    assert!(
        found[0].1.contains("BRIDGE__PIPEDRIVE__API_TOKEN"),
        "{found:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_pipedrive_refuses_names_the_setting_of_its_token() {
    let app = TestApp::builder().without_worker().spawn().await;
    app.pipedrive.set_api_token("another");

    for arguments in [&["owners"][..], &["directory", "build"], &["check"]] {
        let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_worker-with-kill-points"))
            .args(arguments)
            .envs(app.variables.iter().cloned())
            .env("BRIDGE__DIRECTORY__MODE", "on")
            .output()
            .await
            .unwrap();

        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(!output.status.success(), "{arguments:?}: {said}");
        for part in ["401", "BRIDGE__PIPEDRIVE__API_TOKEN"] {
            assert!(said.contains(part), "{arguments:?}: {said}");
        }
    }
}

/// What `worker check` says of one subject.
pub(crate) async fn found(settings: &Settings, subject: &str) -> Result<String, String> {
    let findings = worker::commands::check::inspect(settings).await;
    let finding = findings.into_iter().find(|(what, _)| *what == subject);
    finding.expect("the check has this subject").1
}

/// What `worker check` says is wrong.
async fn problems(settings: &Settings) -> Vec<(&'static str, String)> {
    let findings = worker::commands::check::inspect(settings).await;
    let problem = |(what, found): (_, Result<_, String>)| Some((what, found.err()?));
    findings.into_iter().filter_map(problem).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_check_says_what_is_wrong_where_it_is_wrong_and_what_to_do() {
    let app = TestApp::builder()
        .oauth(OAuthConfig::default())
        .without_worker()
        .spawn()
        .await;

    let mut short_key = app.settings.clone();
    short_key.pipedrive.oauth.encryption_key = Some("short".into());
    let found = problems(&short_key).await;
    assert_eq!(found[0].0, "settings");
    assert!(found[0].1.contains("encryption_key"), "{found:?}");
    assert!(!found[1].1.contains("encryption_key"), "{found:?}");

    let mut no_redis = app.settings.clone();
    no_redis.redis.url = SecretString::from("redis://127.0.0.1:1").into();
    let found = problems(&no_redis).await;
    assert_eq!((found[0].0, found[1].0), ("Redis", "Pipedrive"));
    assert!(
        found[1].1.contains("Redis, which must answer first"),
        "{found:?}"
    );

    let mut no_endpoint = app.settings.clone();
    no_endpoint.pipedrive.oauth.token_url = "http://127.0.0.1:1/token".parse().unwrap();
    let found = problems(&no_endpoint).await;
    assert_eq!(found[0].0, "Pipedrive");
    for part in ["127.0.0.1:1", "pipedrive.oauth.token_url"] {
        assert!(found[0].1.contains(part), "{found:?}");
    }

    let mut refused = app.settings.clone();
    refused.pipedrive.oauth.refresh_token = Some(SecretString::from("nope").into());
    let found = problems(&refused).await;
    assert!(!found[0].1.contains("API token"), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_another_is_refused_at_start() {
    let app = TestApp::builder().without_worker().spawn().await;
    let connection = lapin::Connection::connect(
        app.vhost().amqp_url().as_str(),
        lapin::ConnectionProperties::default(),
    )
    .await
    .unwrap();
    let channel = connection.create_channel().await.unwrap();
    let queue = || "interactions.retry.500ms".into();
    channel
        .queue_delete(queue(), QueueDeleteOptions::default())
        .await
        .unwrap();
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(queue(), durable, FieldTable::default())
        .await
        .unwrap();

    let started = worker::startup::Application::build(app.settings.clone()).await;

    let error = format!("{:#}", started.err().unwrap());
    assert!(
        error.contains("interactions.retry.500ms") && error.contains("other arguments"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_published_by_hand_without_headers_is_recorded() {
    let app = TestApp::spawn().await;
    let message = Publication {
        exchange: "interactions".to_owned(),
        routing_key: "work".to_owned(),
        payload: call("call-1", "+15550123456"),
        ..Publication::default()
    };

    app.management()
        .publish(app.vhost().name(), &message)
        .await
        .unwrap();

    let activities = app.wait_for_activities(1).await;
    assert!(
        activities[0]
            .note
            .as_deref()
            .unwrap()
            .ends_with("Genesys interaction call-1")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_stopped_finishes_what_it_holds() {
    let mut app = TestApp::spawn().await;
    let slow = Fault::latency_after(std::time::Duration::from_secs(1));
    app.pipedrive
        .add_fault(FaultRule::always("POST", "/api/v2/activities", slow));
    app.post(call("call-1", "Unknown")).await.assert_accepted();
    app.wait_for_activities(1).await;

    app.stop_worker().await;

    assert_eq!(
        app.vhost()
            .message_count("interactions.work")
            .await
            .unwrap(),
        0,
        "acknowledged, not given back"
    );
    app.wait_until_idle().await;
    assert_eq!(app.pipedrive.activities().len(), 1);
}
