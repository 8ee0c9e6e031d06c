//! What the worker says of its access to Genesys, and which of Genesys' addresses are stored nowhere.

use anyhow::ensure;
use bridge_tests::bridge::call_centre::{CallCentre, line, note};
use bridge_tests::bridge::{PATIENCE, TestApp, WEBHOOK_TOKEN};
use bridge_tests::sandbox::call_centre::Scenario;
use bridge_tests::sandbox::genesys::{Fault, FaultRule};
use bridge_tests::servers::{Scratch, wait_until};
use serde_json::json;

use crate::service::Service;

const USERS: &str = "GET /api/v2/users/{userId}";
const TRANSCRIPT: &str = "I would like a quote";

async fn wait_for_line(worker: &Service, texts: &[&str]) {
    wait_until("a line in the log", PATIENCE, async || {
        let log = worker.read();
        let mut lines = log.lines();
        let is_there = lines.any(|line| texts.iter().all(|text| line.contains(text)));
        ensure!(is_there, "{texts:?} in no line");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_is_named_with_its_settings_and_calls_are_recorded() {
    let builder = CallCentre::builder()
        .set("BRIDGE__GENESYS__CLIENT_SECRET", "mistyped-secret")
        .without_worker();
    let centre = CallCentre::of(200, builder).await;
    let scratch = Scratch::create().unwrap();
    let worker = Service::start(&centre.app, "worker", &scratch).await;
    let call = centre.find(Scenario::Inbound, |_| true);
    let agent = &call.truth.agents[0];

    centre.deliver(call).await;

    let record = centre
        .wait_for(&call.truth.conversation, |record| {
            line(note(record), "Agent").is_some()
        })
        .await;
    assert_eq!(line(note(&record), "Agent"), Some(&*agent.user_id));
    wait_for_line(
        &worker,
        &[
            "\"ERROR\"",
            "Genesys refuses the OAuth client",
            "check the client id and secret",
            "BRIDGE__GENESYS__CLIENT_ID",
        ],
    )
    .await;
    let log = worker.read();
    assert!(!log.contains("mistyped-secret"));
    assert!(!log.contains("Genesys is not available"), "another failure");

    centre.app.genesys().set_client_secret("mistyped-secret");
    centre
        .wait_for(&call.truth.conversation, |record| {
            line(note(record), "Agent") == Some(&agent.name)
        })
        .await;
    centre.app.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_403_of_agents_is_named_by_the_permission_in_its_answer_and_asked_for_once() {
    let centre = CallCentre::of(200, CallCentre::builder().without_worker()).await;
    let body = json!({"code": "missing.any.permissions", "status": 403, "message":
        "Unable to perform the requested action. You must have at least one of the following permissions assigned: \
         [directory:user:view]"});
    centre.app.genesys().add_fault(FaultRule::always(
        "/api/v2/users",
        Fault::Answer {
            status: 403,
            body: body.to_string(),
        },
    ));
    let scratch = Scratch::create().unwrap();
    let worker = Service::start(&centre.app, "worker", &scratch).await;
    let calls = centre.day.happenings.iter();
    let calls = calls.filter(|one| one.scenario == Scenario::Inbound);

    for call in calls.take(4) {
        centre.deliver(call).await;
        let record = centre
            .wait_for(&call.truth.conversation, |record| {
                line(note(record), "Queue") == call.truth.queue.as_deref()
            })
            .await;
        let agent = &call.truth.agents[0];
        assert_eq!(line(note(&record), "Agent"), Some(&*agent.user_id));
    }

    let refused =
        "Genesys forbids to read a user (missing.any.permissions): it needs directory:user:view";
    wait_for_line(&worker, &["\"WARN\"", refused]).await;
    assert_eq!(centre.app.genesys().count(USERS), 1);
    centre.app.wait_for_dead_letters(0).await;
}

/// Everything that the services keep in Redis.
async fn everything_in_redis(app: &TestApp) -> Vec<String> {
    let connection = &mut app.redis().await;
    let mut all = Vec::new();
    for key in app.redis_keys("").await {
        let kind: String = redis::cmd("TYPE")
            .arg(&key)
            .query_async(connection)
            .await
            .unwrap();
        let mut read = match kind.as_str() {
            "string" => redis::cmd("GET"),
            "hash" => redis::cmd("HGETALL"),
            "set" => redis::cmd("SMEMBERS"),
            "list" => redis::cmd("LRANGE"),
            "zset" => redis::cmd("ZRANGE"),
            other => panic!("{key} is a {other}"),
        };
        read.arg(&key);
        if matches!(kind.as_str(), "list" | "zset") {
            read.arg(0).arg(-1);
        }
        let value: redis::Value = read.query_async(connection).await.unwrap();
        let texts = texts(&value).join(" ");
        all.push(format!("{key} {texts}"));
    }
    all
}

fn texts(value: &redis::Value) -> Vec<String> {
    match value {
        redis::Value::BulkString(bytes) => vec![String::from_utf8_lossy(bytes).into_owned()],
        redis::Value::SimpleString(text) => vec![text.clone()],
        redis::Value::Array(values) | redis::Value::Set(values) => {
            values.iter().flat_map(texts).collect()
        }
        redis::Value::Map(pairs) => {
            let pairs = pairs.iter().flat_map(|(key, value)| [key, value]);
            pairs.flat_map(texts).collect()
        }
        _ => Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_signed_address_of_a_recording_or_transcript_is_stored_anywhere() {
    let builder = CallCentre::builder()
        .set("BRIDGE__GENESYS__SUMMARY", "true")
        .set("BRIDGE__GENESYS__TRANSCRIPT", "true")
        .without_worker();
    let centre = CallCentre::of(400, builder).await;
    let scratch = Scratch::create().unwrap();
    let ingest = Service::start(&centre.app, "ingest", &scratch).await;
    let worker = Service::start(&centre.app, "worker", &scratch).await;
    let call = centre.find(Scenario::Inbound, |one| {
        one.truth.has_recording && one.held.transcript.is_some()
    });
    let signed =
        "https://recordings.example.invalid/secretive.mp3?X-Amz-Expires=3600&X-Amz-Signature=aa";
    let data = json!({"id": "signed-1", "channelType": "voice", "phoneNumber": "+12025550143", "duration": 61,
        "recordingUrl": signed});
    let body = json!({"eventType": "interaction.completed", "data": data}).to_string();

    let mut bodies: Vec<String> = call.deliveries.iter().map(|it| it.body.clone()).collect();
    bodies.push(body);
    for body in bodies {
        let request = reqwest::Client::builder().build().unwrap();
        let url = format!("{}/api/v1/genesys/webhook", ingest.url);
        let answer = request.post(url).bearer_auth(WEBHOOK_TOKEN).body(body);
        assert_eq!(answer.send().await.unwrap().status(), 200);
    }

    for id in [&*call.truth.conversation, "signed-1"] {
        centre
            .wait_for(id, |record| {
                note(record).contains("Listen in Genesys Cloud")
            })
            .await;
    }
    centre
        .wait_for(&call.truth.conversation, |record| {
            note(record).contains(TRANSCRIPT)
        })
        .await;
    centre.app.wait_until_idle().await;
    let mut stored = everything_in_redis(&centre.app).await;
    assert!(stored.iter().any(|entry| entry.contains(TRANSCRIPT)));
    let activities = centre.app.pipedrive.activities();
    stored.extend(activities.iter().map(|activity| format!("{activity:?}")));
    let logs = [ingest.read(), worker.read()];
    stored.extend(logs.iter().flat_map(|log| log.lines()).map(str::to_owned));
    let is_signed = |text: &&String| {
        let known = ["X-Amz", "Signature=", "secretive.mp3", "/transcripts/"];
        known.iter().any(|part| text.contains(part))
    };
    let seen: Vec<_> = stored.iter().filter(is_signed).collect();
    assert!(seen.is_empty(), "{seen:#?}");
}
