//! The sandbox's operations and answers against Genesys' own API description.
//!
//! The description is not part of this repository. It is looked for where `GENESYS_CONTRACTS` names a folder, or in
//! `shared/contracts` beside the checkout.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use bridge_tests::sandbox::call_centre::{Day, Form, Plan};
use bridge_tests::sandbox::genesys::contract::{Field, Kind, operations};
use bridge_tests::sandbox::genesys::{Recording, SandboxConfig};
use bridge_tests::servers::skipped;
use serde_json::{Value, json};

use crate::scene::Scene;

#[expect(
    clippy::disallowed_methods,
    reason = "where the description lies is no setting of a service"
)]
fn document() -> Option<Value> {
    let named = std::env::var("GENESYS_CONTRACTS").ok().map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/contracts");
    let path = named.unwrap_or(beside).join("genesys-subset.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        let reason = format!("there is none at {}", path.display());
        skipped("a check against Genesys' API description", &reason);
        return None;
    };
    Some(serde_json::from_str(&text).expect("the description is JSON"))
}

fn texts(value: &Value) -> BTreeSet<&str> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// The schema that another one refers to.
fn resolved<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    let direct = schema["$ref"]
        .as_str()
        .or(schema["allOf"][0]["$ref"].as_str());
    match direct.and_then(|target| target.rsplit('/').next()) {
        Some(name) => &document["components"]["schemas"][name],
        None => schema,
    }
}

#[test]
fn every_operation_takes_and_needs_what_the_description_says() {
    let Some(document) = document() else { return };

    for operation in operations() {
        let documented = &document["paths"][operation.path][operation.method.to_lowercase()];
        assert!(documented.is_object(), "{} is documented", operation.name());
        let needed = &documented["x-inin-requires-permissions"];
        assert_eq!(
            texts(&needed["permissions"]),
            operation.permissions.iter().copied().collect(),
            "{}",
            operation.path
        );
        assert_eq!(
            needed["type"] != "ALL",
            operation.any_permission,
            "{}",
            operation.path
        );
        let parameters = documented["parameters"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        for field in operation.query {
            assert!(
                parameters
                    .iter()
                    .any(|one| one["name"] == field.name && one["in"] == "query"),
                "{} takes {}",
                operation.path,
                field.name
            );
        }
        let body = &documented["requestBody"]["content"]["application/json"]["schema"];
        compare(
            &document,
            resolved(&document, body),
            operation.body,
            operation.path,
        );
    }
}

/// That every member that the sandbox takes is documented, and required where it must be.
fn compare(document: &Value, schema: &Value, fields: &[Field], path: &str) {
    let required = texts(&schema["required"]);
    for field in fields {
        let property = &schema["properties"][field.name];
        assert!(property.is_object(), "{path} has {}", field.name);
        assert_eq!(
            required.contains(field.name),
            field.is_required,
            "{path} {}",
            field.name
        );
        match &field.kind {
            Kind::OneOf(values) => {
                let documented = texts(&property["enum"]);
                assert!(
                    values.iter().all(|value| documented.contains(value)),
                    "{path} {}",
                    field.name
                );
            }
            Kind::Object(fields) => compare(document, resolved(document, property), fields, path),
            Kind::List(fields) => compare(
                document,
                resolved(document, &property["items"]),
                fields,
                path,
            ),
            Kind::Text | Kind::Integer | Kind::Interval | Kind::Boolean => {}
        }
    }
}

/// A client that sends whatever it is given.
struct Raw {
    http: reqwest::Client,
    token: String,
    origin: String,
}

impl Raw {
    async fn of(scene: &Scene) -> Self {
        scene.client.log_in().await.expect("it works");
        Self {
            http: genesys::http_client(
                reqwest::Client::builder(),
                "raw",
                std::time::Duration::from_secs(5),
                std::time::Duration::from_secs(5),
            )
            .expect("it works"),
            token: scene.sandbox.issued_tokens().remove(0),
            origin: scene.sandbox.base_url(),
        }
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.send(self.http.get(format!("{}{path}", self.origin)))
            .await
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send(self.http.post(format!("{}{path}", self.origin)).json(body))
            .await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let answer = request
            .bearer_auth(&self.token)
            .send()
            .await
            .expect("it works");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }
}

#[tokio::test]
async fn every_answer_has_documented_members_only() {
    let Some(document) = document() else { return };
    let scene = Scene::new();
    let raw = Raw::of(&scene).await;
    let call = scene.find(|happening| {
        happening.held.recording == Recording::Ready { after: 0 }
            && happening
                .held
                .summary
                .as_ref()
                .is_some_and(|one| one.wait == 0)
    });
    let id = &call.truth.conversation;
    let contact = scene
        .day
        .cast
        .customers
        .iter()
        .find_map(|customer| customer.contact_id.clone())
        .unwrap();
    let (user, queue, code) = (
        scene.user(),
        &scene.day.cast.queues[0].id,
        &scene.day.cast.codes[0].id,
    );
    // Analytics may be late by one request.
    raw.get(&format!("/api/v2/analytics/conversations/{id}/details"))
        .await;

    for (path, schema) in [
        (format!("/api/v2/conversations/{id}"), "Conversation"),
        (
            format!("/api/v2/analytics/conversations/{id}/details"),
            "AnalyticsConversationWithoutAttributes",
        ),
        (
            format!("/api/v2/conversations/{id}/recordings"),
            "Recording",
        ),
        (
            format!("/api/v2/conversations/{id}/recordingmetadata"),
            "RecordingMetadata",
        ),
        (
            format!("/api/v2/conversations/{id}/summaries"),
            "ConversationSummariesGetResponse",
        ),
        (
            format!("/api/v2/speechandtextanalytics/conversations/{id}/summaries"),
            "SpeechTextAnalyticsConversationSummaryListing",
        ),
        (format!("/api/v2/users/{user}"), "User"),
        (format!("/api/v2/routing/queues/{queue}"), "Queue"),
        (format!("/api/v2/routing/wrapupcodes/{code}"), "WrapupCode"),
        (
            format!("/api/v2/externalcontacts/contacts/{contact}"),
            "ExternalContact",
        ),
        ("/api/v2/users/missing".to_owned(), "ErrorBody"),
    ] {
        let (status, body) = raw.get(&path).await;
        assert!(status == 200 || schema == "ErrorBody", "{path} {status}");
        let mut problems = Vec::new();
        let schema = &document["components"]["schemas"][schema];
        unknown(&document, schema, &body, &path, &mut problems);
        assert_eq!(problems, Vec::<String>::new());
    }
}

/// Collects members that a schema does not have, and texts that it does not list.
fn unknown(
    document: &Value,
    schema: &Value,
    value: &Value,
    path: &str,
    problems: &mut Vec<String>,
) {
    let schema = resolved(document, schema);
    match value {
        Value::Array(elements) => {
            let of = if schema["items"].is_object() {
                &schema["items"]
            } else {
                schema
            };
            for element in elements {
                unknown(document, of, element, path, problems);
            }
        }
        Value::Object(members) if schema["properties"].is_object() => {
            for (name, member) in members {
                match &schema["properties"][name] {
                    Value::Null => problems.push(format!("{path}: {name} is not documented")),
                    property => unknown(
                        document,
                        property,
                        member,
                        &format!("{path} {name}"),
                        problems,
                    ),
                }
            }
        }
        Value::String(text) => {
            let allowed = texts(&schema["enum"]);
            if !allowed.is_empty() && !allowed.contains(&**text) {
                problems.push(format!("{path}: {text} is not documented"));
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn what_is_not_documented_is_refused() {
    let scene = Scene::with(&SandboxConfig::default());
    let raw = Raw::of(&scene).await;
    let query = "/api/v2/analytics/conversations/details/query";
    let interval = "2026-05-04T00:00:00.000Z/2026-05-05T00:00:00.000Z";

    for (status, answer) in [
        (400, raw.get("/api/v2/users/x?verbose=true").await),
        (404, raw.get("/api/v2/interactions").await),
        (405, raw.post("/api/v2/users/x", &json!({})).await),
        (400, raw.post(query, &json!({})).await),
        (
            400,
            raw.post(query, &json!({"interval": "yesterday"})).await,
        ),
        (
            400,
            raw.post(query, &json!({"interval": interval, "cursor": "x"}))
                .await,
        ),
        (
            400,
            raw.post(query, &json!({"interval": interval, "order": "up"}))
                .await,
        ),
        (
            400,
            raw.post(
                query,
                &json!({"interval": interval, "paging": {"pageSize": 500, "pageNumber": 1}}),
            )
            .await,
        ),
        (
            400,
            raw.post(
                "/api/v2/analytics/conversations/details/jobs",
                &json!({"interval": interval, "paging": {}}),
            )
            .await,
        ),
    ] {
        assert_eq!(answer.0, status, "{}", answer.1);
        assert_eq!(answer.1["status"], status);
    }
    assert!(scene.sandbox.violations().len() >= 8);
}

#[test]
fn the_events_of_a_day_have_documented_members_only() {
    let Some(document) = document() else { return };
    let day = Day::generate(&Plan {
        conversations: 400,
        ..Plan::default()
    });

    let mut problems = Vec::new();
    for delivery in day.deliveries() {
        let schema = match delivery.leaf {
            "customer.end" => "CustomerEndDetailEventTopicCustomerEndEvent",
            "user.end" => "UserEndDetailEventTopicUserEndEvent",
            _ => "AcwDetailEventTopicAfterCallWorkEvent",
        };
        let body: Value = serde_json::from_str(&delivery.body).expect("a body is JSON");
        let event = match delivery.form {
            Form::EventBridge => &body["detail"]["eventBody"],
            Form::TriggerJson => &body["eventBody"],
            // Flat bodies have the topic among the event's members.
            Form::TriggerPrimitives | Form::Guide => continue,
        };
        assert!(event.is_object(), "{body}");
        let schema = &document["components"]["schemas"][schema];
        unknown(&document, schema, event, delivery.leaf, &mut problems);
    }
    assert_eq!(problems, Vec::<String>::new());
}
