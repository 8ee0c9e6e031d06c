//! Phone numbers, names, secrets and bodies appear in nothing that the services say, at level `debug` either.

use std::time::Duration;

use anyhow::ensure;
use bridge_tests::bridge::{ENCRYPTION_KEY, PATIENCE, TestApp, WEBHOOK_TOKEN};
use bridge_tests::sandbox::pipedrive::{Fault, FaultRule, OAuthConfig, RefreshTokens};
use bridge_tests::servers::{Publication, Scratch, wait_until};
use serde_json::json;

use crate::service::Service;

const NUMBER: &str = "+12025550143";
const CUSTOMER: &str = "Marigold Quillfeather";
const SUMMARY: &str = "asked about the walnut cabinet";
const RECORDING: &str = "https://recordings.example.invalid/secretive";
const HOOK: &str = "hook-secret-7f3a";
const BASIC: &str = "basic-secret-1c9e";
const SIGNATURE: &str = "signature-secret-88d2";
const GUESS: &str = "guessed-secret-5b61";
const TRACE: &str = "69600a1b2c3d4e5f60718293a4b5c6d7";

/// Whatever must not be seen, in all forms in which it might be.
fn known(app: &TestApp) -> Vec<String> {
    let mut values: Vec<String> = [
        NUMBER,
        "2025550143",
        "202-555-0143",
        "(202) 555",
        "Marigold",
        "Quillfeather",
        "walnut",
        "secretive",
        HOOK,
        BASIC,
        SIGNATURE,
        GUESS,
        "amqp://",
    ]
    .map(str::to_owned)
    .to_vec();
    // The worker is let in as an app; tokens are recognised by their random part.
    let tokens = app.pipedrive.issued_tokens();
    values.extend(tokens.iter().map(|token| token[4..28].to_owned()));
    values.push(app.pipedrive.app().client_secret);
    values.push(ENCRYPTION_KEY.to_owned());
    values.push(WEBHOOK_TOKEN.to_owned());
    values.push("channelType".to_owned());
    values
}

fn body(id: &str) -> String {
    let data = json!({"id": id, "channelType": "voice", "phoneNumber": NUMBER, "duration": 61,
        "participantName": CUSTOMER, "recordingUrl": RECORDING, "transcriptSummary": SUMMARY});
    json!({"eventType": "interaction.completed", "data": data}).to_string()
}

async fn post(service: &Service, token: &str, body: String) -> (u16, String) {
    let answer = reqwest::Client::builder()
        .build()
        .unwrap()
        .post(format!("{}/api/v1/genesys/webhook", service.url))
        .bearer_auth(token)
        .header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"))
        .body(body)
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Failures of every kind that a message can meet, the reasons of some quoting what was sent.
fn add_faults(app: &TestApp) {
    let quoting = |status, quoted: &str| {
        let error = format!("'{CUSTOMER}' with {NUMBER}{quoted} is not valid");
        Fault::Answer {
            applied: false,
            status,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: json!({"success": false, "error": error}).to_string(),
        }
    };
    // Refused for good, while others pass.
    for (call, status) in [("call-8", 400), ("call-9", 403)] {
        let refused = FaultRule::always("POST", "/api/v2/activities", quoting(status, SUMMARY));
        app.pipedrive.add_fault(refused.of_body(call));
    }
    for fault in [
        Fault::CutAfterEffect,
        Fault::server_error_before_effect(500),
        Fault::burst_limit(),
        Fault::unreadable_answer(),
    ] {
        app.pipedrive
            .add_fault(FaultRule::once("POST", "/api/v2/activities", fault));
    }
    app.pipedrive
        .add_fault(FaultRule::once("POST", "/api/v2/persons", quoting(400, "")));
    for fault in [
        Fault::TruncateAnswer,
        Fault::server_error_before_effect(500),
    ] {
        app.pipedrive
            .add_fault(FaultRule::once("POST", "/oauth/token", fault).after(1));
    }
    app.pipedrive.add_fault(FaultRule::once(
        "GET",
        "/api/v2/persons/search",
        Fault::CutBeforeEffect,
    ));
}

/// Sends what is to be recorded, what cannot be understood, what is not authenticated, and what is published by hand;
/// gives the answers.
async fn misuse(app: &TestApp, ingest: &Service) -> Vec<String> {
    let mut said = Vec::new();
    for n in 0..12 {
        let (status, answer) = post(ingest, WEBHOOK_TOKEN, body(&format!("call-{n}"))).await;
        assert_eq!(status, 200, "{answer}");
        said.push(answer);
    }
    let cut = body("call-cut");
    let malformed = [
        cut[..cut.len() - 30].to_owned(),
        json!([NUMBER]).to_string(),
        cut.replace("data", NUMBER),
    ];
    for malformed in malformed {
        said.push(post(ingest, WEBHOOK_TOKEN, malformed).await.1);
    }
    let (status, answer) = post(ingest, GUESS, body("call-guess")).await;
    assert_eq!(status, 401);
    said.push(answer);
    for payload in [
        format!("{{\"name\":\"{CUSTOMER}\""),
        format!("\"{NUMBER}\""),
    ] {
        let publication = Publication {
            exchange: "interactions".to_owned(),
            routing_key: "work".to_owned(),
            payload,
            ..Publication::default()
        };
        let published = app.management().publish(app.vhost().name(), &publication);
        published.await.unwrap();
    }
    said
}

/// Lets everything pause, and go on.
async fn pause(app: &TestApp, ingest: &Service, worker: &Service, said: &mut Vec<String>) {
    app.pipedrive.set_account_closed(true);
    wait_until("a worker that is not ready", PATIENCE, async || {
        post(ingest, WEBHOOK_TOKEN, body("call-closed")).await;
        let (status, text) = app.get(&format!("{}/health/ready", worker.url)).await;
        ensure!(status == 503 && text.contains("402"), "{status} {text}");
        said.push(text);
        Ok(())
    })
    .await
    .unwrap();
    app.pipedrive.set_account_closed(false);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_the_services_say_contains_personal_data() {
    let app = TestApp::builder()
        .oauth(OAuthConfig {
            life: Duration::from_secs(2),
            refresh_tokens: RefreshTokens::Change,
            ..OAuthConfig::default()
        })
        .set(
            "BRIDGE__ALARM__WEBHOOK_URL",
            format!("http://127.0.0.1:9/{HOOK}"),
        )
        .set("BRIDGE__INGEST__AUTH__BASIC", format!("genesys:{BASIC}"))
        .set("BRIDGE__INGEST__AUTH__SIGNATURE_SECRETS", SIGNATURE)
        .without_worker()
        .spawn()
        .await;
    add_faults(&app);
    app.let_another_pass("create an activity").await;
    let scratch = Scratch::create().unwrap();
    let ingest = Service::start(&app, "ingest", &scratch).await;
    let mut worker = Service::start(&app, "worker", &scratch).await;
    let mut said = Vec::new();

    said.extend(misuse(&app, &ingest).await);
    // Two were refused, two are no events. Before the pause: a refused message that meets it is tried again instead.
    let letters = app.wait_for_dead_letters(4).await;
    pause(&app, &ingest, &worker, &mut said).await;
    app.wait_until_idle().await;

    for service in [&ingest, &worker] {
        for page in ["metrics", "health/ready", "health/live"] {
            said.push(app.get(&format!("{}/{page}", service.url)).await.1);
        }
    }
    for letter in &letters {
        let mut headers = letter.property("headers").unwrap().clone();
        headers.as_object_mut().unwrap().remove("x-worker");
        said.push(headers.to_string());
    }
    worker.process.kill().unwrap();
    said.extend([ingest.read(), worker.read()]);

    let known = known(&app);
    let seen: Vec<String> = said
        .iter()
        .flat_map(|text| text.lines())
        .filter(|line| known.iter().any(|value| line.contains(value.as_str())))
        .map(str::to_owned)
        .collect();
    assert!(
        seen.is_empty(),
        "{} lines, such as:\n{}",
        seen.len(),
        seen[..seen.len().min(12)].join("\n")
    );
    assert!(worker.read().contains("Refreshed the access token"));
    // The scan has looked at something: debug lines, and the webhook's trace in the worker's span.
    assert!(ingest.read().contains("\"level\":\"DEBUG\""));
    let traced = |line: &str| line.contains(TRACE) && line.contains("Recorded as activity");
    assert!(
        worker.read().lines().any(traced),
        "no span carries the webhook's trace"
    );
}
