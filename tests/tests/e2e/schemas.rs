//! What an older version left in queues and in Redis is processed by today's; what a newer one left is not misread.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::ensure;
use bridge_tests::bridge::{PATIENCE, TestApp, call, sample};
use bridge_tests::sandbox::pipedrive::{Activity, NewPerson};
use bridge_tests::servers::{Publication, QueuedMessage, Scratch, wait_until};
use futures_util::future::join_all;
use serde_json::{Map, Value, json};
use shared::broker::{message, topology};
use shared::domain::ids::{InteractionId, sha256_hex, sha256_hex_of};
use worker::commands::replay;

use crate::conversations::{SUPPLIER, chat, leg, session};

/// The interaction of most samples, and the number that called.
const INTERACTION: &str = "e2b1a3c4-5d6f-4e7a-8b9c-0d1e2f3a4b5c";
const CALLER: &str = "+12025550143";
/// Files beside the fixtures that describe them.
const OF_FIXTURES: [&str; 2] = ["README.md", "SHA256SUMS"];

fn fixtures(kind: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(kind)
}

/// All fixtures by their path in the folder, with their digests.
fn digests(folder: &Path, of: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            digests(&path, of);
        } else if !OF_FIXTURES.contains(&path.file_name().and_then(OsStr::to_str).unwrap_or("")) {
            let name = path.strip_prefix(fixtures("")).expect("a path in it");
            let bytes = std::fs::read(&path).expect("a readable file");
            of.insert(name.display().to_string(), sha256_hex_of(&bytes));
        }
    }
}

#[test]
fn no_fixture_was_ever_changed_or_taken_away() {
    let list = std::fs::read_to_string(fixtures("SHA256SUMS")).unwrap();
    let listed = list.lines().map(|line| {
        let (digest, name) = line.split_once("  ").unwrap();
        (name.to_owned(), digest.to_owned())
    });

    let mut found = BTreeMap::new();
    digests(&fixtures(""), &mut found);

    assert_eq!(found, listed.collect());
}

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

async fn publish(app: &TestApp, message: &Publication) {
    let published = app.management().publish(app.vhost().name(), message).await;
    published.expect("RabbitMQ takes the message");
}

/// Puts a record of the fixtures in place of the interaction's own.
async fn restore_record(app: &TestApp, name: &str, changes: &[(&str, &str)]) {
    let id = InteractionId::parse(INTERACTION).expect("an id");
    let key = format!("interaction:{{{}}}", id.idempotency_key());
    restore(app, &key, &fixtures("records").join(name), changes).await;
}

/// Puts a record of the fixtures in place of that of the interaction which it names.
async fn restore_record_of(app: &TestApp, id: &str, name: &str, changes: &[(&str, i64)]) {
    let id = InteractionId::parse(id).expect("an id");
    let key = format!("interaction:{{{}}}", id.idempotency_key());
    let changes: Vec<(&str, String)> = changes
        .iter()
        .map(|(placeholder, id)| (*placeholder, id.to_string()))
        .collect();
    let changes: Vec<(&str, &str)> = changes.iter().map(|(from, to)| (*from, &**to)).collect();
    restore(app, &key, &fixtures("records").join(name), &changes).await;
}

/// Puts a record of the fixtures in place of the caller's own.
async fn restore_number(app: &TestApp, name: &str, changes: &[(&str, &str)]) {
    let key = format!("person:{{{}}}", sha256_hex(CALLER));
    restore(app, &key, &fixtures("numbers").join(name), changes).await;
}

async fn restore(app: &TestApp, key: &str, path: &Path, changes: &[(&str, &str)]) {
    let text = std::fs::read_to_string(path).expect("the fixture is there");
    let mut record: BTreeMap<String, String> =
        serde_json::from_str(&text).expect("a fixture is JSON");
    for value in record.values_mut() {
        for (from, to) in changes {
            *value = value.replace(from, to);
        }
    }
    if let Some((_, schema)) = changes.iter().find(|(name, _)| *name == "$schema") {
        record.insert("schema".to_owned(), (*schema).to_owned());
    }
    let key = format!("{}:{key}", app.settings.redis.prefix);
    let restored: redis::RedisResult<()> = redis::pipe()
        .del(&key)
        .hset_multiple(&key, &record.into_iter().collect::<Vec<_>>())
        .query_async(&mut app.redis().await)
        .await;
    restored.expect("Redis takes the record");
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
async fn an_entry_of_schema_1_recognises_duplicates_and_leads_to_the_activity() {
    let app = TestApp::spawn().await;
    let person = app.pipedrive.add_person("Casey Customer", &[CALLER]);
    let ended = sample("eventbridge-customer-end-voice-inbound");
    app.post(ended.clone()).await.assert_accepted();
    let activity = app.wait_for_activities(1).await.remove(0);
    app.wait_until_idle().await;
    let ids = [activity.id.to_string(), person.to_string()];
    restore_record(
        &app,
        "v1/recorded.json",
        &[("$activity", &ids[0]), ("$person", &ids[1])],
    )
    .await;
    let asked = app.pipedrive.request_count();

    app.post(ended).await.assert_accepted();
    app.wait_until_idle().await;
    assert_eq!(
        app.pipedrive.request_count(),
        asked,
        "a duplicate sends no request"
    );
    app.post(sample("eventbridge-acw-voice-inbound"))
        .await
        .assert_accepted();

    wait_until("what the new event adds", PATIENCE, async || {
        let activities = app.pipedrive.activities();
        ensure!(activities.len() == 1 && activities[0].note != activity.note);
        Ok(())
    })
    .await
    .unwrap();
    app.wait_until_idle().await;
    assert_eq!(app.pipedrive.activities().len(), 1);
}

/// Posts an event to an interaction whose record is one of the fixtures. Asserts that no search is needed for it.
async fn after_what_is_remembered(app: &TestApp, event: String) -> Activity {
    let meter = app.pipedrive.meter();
    app.post(event).await.assert_accepted();
    app.wait_until_idle().await;
    app.wait_for_dead_letters(0).await;
    let operations = meter.by_operation();
    assert!(operations.contains_key("PATCH /api/v2/activities/{id}"));
    assert!(
        !operations.contains_key("GET /api/v2/persons/search"),
        "{operations:?}"
    );
    app.wait_for_exactly(1).await.remove(0)
}

async fn recorded(app: &TestApp, events: &[String]) -> Activity {
    for event in events {
        app.post(event.clone()).await.assert_accepted();
        app.wait_until_idle().await;
    }
    app.wait_for_exactly(1).await.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn third_parties_of_a_record_are_remembered_with_what_the_answer_held() {
    let app = TestApp::spawn().await;
    let caller = app.pipedrive.add_person("Casey Customer", &[CALLER]);
    let other = app.pipedrive.add_person("Sam Supplier", &[SUPPLIER]);
    let events = [
        session("customer", 600, 600, "INBOUND", CALLER),
        session("supplier", 500, 200, "OUTBOUND", SUPPLIER),
    ];
    let id = recorded(&app, &events).await.id;
    let ids = [("$activity", id), ("$person", caller), ("$other", other)];
    restore_record_of(&app, "call-1", "v1/third-party.json", &ids).await;
    let edited = app
        .pipedrive
        .edit_activity(id, &json!({"subject": "Wants a quote"}));
    edited.expect("a valid edit");

    let leg = leg("alex", 600, 590, "INBOUND", CALLER, "PEER");
    let activity = after_what_is_remembered(&app, leg).await;

    assert_eq!(activity.person_id, Some(caller));
    assert_eq!(activity.subject, "Wants a quote", "a person's");
    assert!(activity.note.unwrap().contains("Sam Supplier"));
}

#[tokio::test(flavor = "multi_thread")]
async fn several_people_of_a_record_are_remembered() {
    let app = TestApp::spawn().await;
    let names = ["Casey Customer", "Kim Colleague", "Alex Stranger"];
    let people = names.map(|name| app.pipedrive.add_person(name, &[CALLER]));
    let id = recorded(&app, &[call("call-1", CALLER)]).await.id;
    let ids = [
        ("$activity", id),
        ("$first", people[0]),
        ("$second", people[1]),
        ("$third", people[2]),
    ];
    restore_record_of(&app, "call-1", "v1/shared.json", &ids).await;

    let leg = leg("alex", 600, 590, "INBOUND", CALLER, "PEER");
    let activity = after_what_is_remembered(&app, leg).await;

    assert_eq!(activity.person_id, None);
    let note = activity.note.unwrap();
    assert!(names.iter().all(|name| note.contains(name)), "{note}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_person_of_an_e_mail_address_of_a_record_is_remembered() {
    let app = TestApp::spawn().await;
    let writer = NewPerson::named("Casey Customer").email("casey@example.com");
    let writer = app.pipedrive.add(writer);
    let chat = chat("chat-1", "casey@example.com");
    let id = recorded(&app, std::slice::from_ref(&chat)).await.id;
    let ids = [("$activity", id), ("$person", writer)];
    restore_record_of(&app, "chat-1", "v1/email.json", &ids).await;

    let more = chat.replace("\"duration\":61", "\"duration\":75");
    let activity = after_what_is_remembered(&app, more).await;

    assert_eq!(activity.person_id, Some(writer));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_of_schema_1_is_looked_for_before_anything_is_written() {
    let app = TestApp::spawn().await;
    let person = app.pipedrive.add_person("Casey Customer", &[CALLER]);
    restore_record(
        &app,
        "v1/intended.json",
        &[("$person", &person.to_string())],
    )
    .await;

    app.post(sample("eventbridge-customer-end-voice-inbound"))
        .await
        .assert_accepted();

    app.wait_for_exactly(1).await;
    let requests = app.pipedrive.requests();
    let first = |method: &str| {
        requests
            .iter()
            .position(|request| request.method == method && request.path == "/api/v2/activities")
    };
    assert!(first("GET") < first("POST"), "{requests:#?}");
    assert!(first("GET").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_record_cannot_be_read_is_recorded_from_its_message() {
    let app = TestApp::spawn().await;
    let person = app.pipedrive.add_person("Casey Customer", &[CALLER]);
    let unreadable = [("$person", &*person.to_string()), ("{", "?")];
    restore_record(&app, "v1/intended.json", &unreadable).await;

    app.post(sample("eventbridge-customer-end-voice-inbound"))
        .await
        .assert_accepted();

    let activities = app.wait_for_exactly(1).await;
    assert_eq!(activities[0].person_id, Some(person));
    app.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_a_newer_schema_is_left_alone() {
    let app = TestApp::builder()
        .set("BRIDGE__RETRY__MAX_AGE", "4s")
        .spawn()
        .await;
    restore_record(&app, "v1/recorded.json", &[("$schema", "2")]).await;

    app.post(sample("eventbridge-acw-voice-inbound"))
        .await
        .assert_accepted();

    let letters = app.wait_for_dead_letters(1).await;
    let reason = letters[0].header("x-failure-reason");
    assert_eq!(reason.unwrap(), "newer_schema");
    assert!(app.pipedrive.activities().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_of_each_schema_leads_to_the_person_who_is_remembered_for_it() {
    for name in ["v0/remembered.json", "v1/remembered.json"] {
        let app = TestApp::spawn().await;
        let person = app.pipedrive.add_person("Casey Customer", &[CALLER]);
        restore_number(&app, name, &[("$person", &person.to_string())]).await;

        app.post(call("call-1", CALLER)).await.assert_accepted();

        let activities = app.wait_for_exactly(1).await;
        assert_eq!(activities[0].person_id, Some(person));
        let requests = app.pipedrive.requests();
        let searches = requests
            .iter()
            .filter(|request| request.path.ends_with("/search"));
        assert_eq!(searches.count(), 0, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_to_create_a_person_of_each_schema_is_looked_for_before_one_is_created() {
    for name in ["v0/intended.json", "v1/intended.json"] {
        let app = TestApp::spawn().await;
        app.pipedrive.set_search_lag(Duration::from_secs(600));
        let person = app.pipedrive.add_person("Casey Customer", &[CALLER]);
        restore_number(&app, name, &[]).await;

        app.post(call("call-1", CALLER)).await.assert_accepted();

        let activities = app.wait_for_exactly(1).await;
        assert_eq!(activities[0].person_id, Some(person), "{name}");
        assert_eq!(app.pipedrive.persons().len(), 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_of_a_newer_schema_is_left_alone() {
    let app = TestApp::builder()
        .set("BRIDGE__RETRY__MAX_AGE", "4s")
        .spawn()
        .await;
    restore_number(&app, "v1/remembered.json", &[("$schema", "2")]).await;

    app.post(call("call-1", CALLER)).await.assert_accepted();

    let letters = app.wait_for_dead_letters(1).await;
    let reason = letters[0].header("x-failure-reason");
    assert_eq!(reason.unwrap(), "newer_schema");
    assert!(app.pipedrive.persons().is_empty());
    assert!(app.pipedrive.activities().is_empty());
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
