//! Messages of every schema, in queues and in the spool.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::ensure;
use bridge_tests::bridge::{PATIENCE, TestApp, call, sample};
use bridge_tests::servers::{Publication, QueuedMessage, Scratch, wait_until};
use futures_util::future::join_all;
use serde_json::{Map, Value, json};
use shared::broker::{message, topology};
use worker::commands::replay;

use super::{CALLER, fixtures, publish};

/// All messages of all schemas, by path.
fn messages() -> BTreeMap<PathBuf, Publication> {
    let folders = std::fs::read_dir(fixtures("messages")).expect("the fixtures are there");
    let files = folders.flat_map(|folder| {
        std::fs::read_dir(folder.expect("a readable folder").path()).expect("a folder for a schema")
    });
    files
        .map(|file| {
            let path = file.expect("a readable folder").path();
            let text = std::fs::read_to_string(&path).expect("a readable file");
            let mut message: Value = serde_json::from_str(&text).expect("a fixture is JSON");
            let properties: Map<String, Value> =
                serde_json::from_value(message["properties"].take()).expect("properties");
            let publication = Publication {
                exchange: topology::EXCHANGE.to_owned(),
                routing_key: topology::WORK_KEY.to_owned(),
                properties,
                payload: message["payload"].as_str().expect("a payload").to_owned(),
            };
            (path, publication)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_of_every_schema_is_recorded_by_todays_worker() {
    let messages = messages();
    assert!(!messages.is_empty());
    // Each in a bridge of its own: several are of the same interaction.
    let processed = messages.iter().map(async |(path, message)| {
        let app = TestApp::spawn().await;
        app.pipedrive.add_person("Casey Customer", &[CALLER]);
        println!("{}", path.display());

        publish(&app, message).await;

        app.wait_for_exactly(1).await;
        app.wait_for_dead_letters(0).await;
    });
    join_all(processed).await;
}

/// Asserts that a message has all that a fixture of the present schema has.
fn assert_has_form_of(name: &str, queued: &QueuedMessage) {
    let folder = fixtures("messages").join(format!("v{}", message::SCHEMA));
    let text =
        std::fs::read_to_string(folder.join(format!("{name}.json"))).expect("the fixture is there");
    let fixture: Value = serde_json::from_str(&text).expect("a fixture is JSON");
    assert_eq!(fixture["payload"], queued.payload);
    let members = |value: &Value| value.as_object().cloned().expect("an object");
    for (property, value) in &members(&fixture["properties"]) {
        match property.as_str() {
            "headers" => {}
            // Different each time.
            "timestamp" | "correlation_id" => assert!(queued.property(property).is_some()),
            _ => assert_eq!(queued.property(property), Some(value), "{property}"),
        }
    }
    for (header, value) in &members(&fixture["properties"]["headers"]) {
        match header.as_str() {
            "x-received-at" | "traceparent" => assert!(queued.header(header).is_some()),
            // The guide's key continues with the digest of its body, unless an older version spooled it.
            "x-event-key" if name.starts_with("guide-") => {
                let key = queued.header(header).and_then(|key| key.as_str());
                let old = value.as_str().expect("a text");
                let rest = key.and_then(|key| key.strip_prefix(old));
                assert!(
                    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('|')),
                    "{key:?}"
                );
            }
            _ => assert_eq!(queued.header(header), Some(value), "{header}"),
        }
    }
}

/// Waits until so many messages are in the work queue, where they stay.
async fn queued(app: &TestApp, count: usize) -> Vec<QueuedMessage> {
    let queued = wait_until("messages in the work queue", PATIENCE, async || {
        let vhost = app.vhost().name();
        let queued = app
            .management()
            .get_messages(vhost, topology::WORK_QUEUE, 100)
            .await?;
        ensure!(queued.len() == count, "there are {}", queued.len());
        Ok(queued)
    });
    queued.await.unwrap_or_else(|error| panic!("{error:#}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ingest_publishes_today_has_the_form_of_its_schemas_fixtures() {
    let app = TestApp::builder().without_worker().spawn().await;
    for name in [
        "guide-interaction-completed",
        "eventbridge-acw-voice-inbound",
    ] {
        app.post(sample(name)).await.assert_accepted();

        assert_has_form_of(name, &queued(&app, 1).await[0]);
        let vhost = app.vhost().name();
        let purged = app.management().purge(vhost, topology::WORK_QUEUE).await;
        purged.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_in_a_spool_of_schema_1_is_published_as_today_and_recorded() {
    let scratch = Scratch::create().unwrap();
    let spool = scratch.path().join("spool.sqlite");
    std::fs::copy(fixtures("spools/v1/three-events.sqlite"), &spool).unwrap();

    let mut app = TestApp::builder()
        .without_worker()
        .set("BRIDGE__INGEST__SPOOL__PATH", spool.to_str().unwrap())
        .spawn()
        .await;

    let messages = queued(&app, 3).await;
    assert_has_form_of("guide-interaction-completed", &messages[0]);
    assert_has_form_of("eventbridge-customer-end-webmessaging", &messages[1]);
    assert_eq!(messages[2].header("x-partial").unwrap(), "truncated");
    app.start_worker().await;
    app.wait_for_exactly(2).await;
    app.wait_for_dead_letters(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_published_by_hand_without_any_header_is_recorded() {
    let app = TestApp::spawn().await;

    let message = Publication {
        exchange: topology::EXCHANGE.to_owned(),
        routing_key: topology::WORK_KEY.to_owned(),
        payload: call("call-1", CALLER),
        ..Publication::default()
    };
    publish(&app, &message).await;

    app.wait_for_exactly(1).await;
    app.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_a_newer_schema_waits_for_a_newer_worker_and_is_a_dead_letter_at_last() {
    let app = TestApp::builder()
        .set("BRIDGE__RETRY__MAX_AGE", "4s")
        .spawn()
        .await;
    let mut message = messages().remove(&fixtures("messages/v1/guide-interaction-completed.json"));
    let message = message.as_mut().expect("the fixture is there");
    let headers = message.properties["headers"].as_object_mut().unwrap();
    headers.insert("x-schema".to_owned(), json!(message::SCHEMA + 1));
    headers.insert(
        "x-received-at".to_owned(),
        json!(shared::clock::now().to_string()),
    );

    publish(&app, message).await;

    let letters = app.wait_for_dead_letters(1).await;
    let text = |name| letters[0].header(name).and_then(Value::as_str).unwrap();
    assert_eq!(text("x-failure-class"), "exhausted");
    assert_eq!(text("x-failure-reason"), "newer_schema");
    assert!(letters[0].header("x-attempt").unwrap().as_u64() > Some(1));
    assert!(app.pipedrive.activities().is_empty());
    assert_eq!(letters[0].payload, message.payload);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_of_schema_1_that_is_replayed_is_recorded() {
    let app = TestApp::spawn().await;
    app.pipedrive.add_person("Casey Customer", &[CALLER]);
    let mut letter = messages().remove(&fixtures("messages/v1/dead-letter.json"));
    let letter = letter.as_mut().expect("the fixture is there");
    letter.exchange = topology::DEAD_LETTER_EXCHANGE.to_owned();
    letter.routing_key = topology::DEAD_KEY.to_owned();
    publish(&app, letter).await;
    app.wait_for_dead_letters(1).await;

    let moved = replay::replay(&app.settings, &replay::ReplayFilter::default()).await;

    assert_eq!(moved.unwrap().moved, 1);
    app.wait_for_exactly(1).await;
    app.wait_for_dead_letters(0).await;
}
