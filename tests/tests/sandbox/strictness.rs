//! What the form rules of v2 refuse, one rule a test.

use bridge_tests::sandbox::pipedrive::{Sandbox, SandboxConfig};
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{Answer, Api, send};

fn assert_invalid(answer: &Answer, error: &str) {
    assert_eq!(answer.status, 400, "{}", answer.text);
    let expected =
        json!({"success": false, "error": error, "code": "ERR_SCHEMA_VALIDATION_FAILED"});
    assert_eq!(answer.body, expected);
}

#[tokio::test]
async fn unknown_fields_of_a_body_are_refused() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);

    let activity = api
        .post(
            "/api/v2/activities",
            json!({"subject": "x", "private": true}),
        )
        .await;
    let nested = json!({"name": "x", "phones": [{"value": "+12025550123", "type": "work"}]});
    let person = api.post("/api/v2/persons", nested).await;

    let error = "Validation failed: private: Parameter 'private' is not allowed for this request";
    assert_invalid(&activity, error);
    let inner = "phones[0].type";
    assert_invalid(
        &person,
        &format!("Validation failed: {inner}: Parameter '{inner}' is not allowed for this request"),
    );
    assert_eq!(
        (sandbox.persons().len(), sandbox.activities().len()),
        (0, 0)
    );
}

#[tokio::test]
async fn unknown_query_parameters_are_refused() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);

    let by_type = api.get("/api/v2/activities?type=call").await;
    let by_phone = api.get("/api/v2/persons?phone=123").await;
    let twice = api.get("/api/v2/persons?limit=1&limit=2").await;

    assert_invalid(
        &by_type,
        "Validation failed: type: Parameter 'type' is not allowed for this request",
    );
    assert_invalid(
        &by_phone,
        "Validation failed: phone: Parameter 'phone' is not allowed for this request",
    );
    assert_eq!(twice.status, 400);
}

#[tokio::test]
async fn person_id_of_an_activity_is_read_only() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let person = sandbox.add_person("Example Customer", &[]);
    let id = api.post("/api/v2/activities", json!({})).await.body["data"]["id"].clone();

    let created = api
        .post("/api/v2/activities", json!({"person_id": person}))
        .await;
    let changed = api
        .patch(
            &format!("/api/v2/activities/{id}"),
            json!({"person_id": person}),
        )
        .await;

    let expected = json!({
        "success": false,
        "error": "'person_id' is a read-only field. Add a primary participant to set 'person_id' instead.",
        "code": "ERR_BAD_REQUEST",
    });
    for answer in [created, changed] {
        assert_eq!((answer.status, &answer.body), (400, &expected));
    }
}

#[tokio::test]
async fn types_are_not_coerced() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let wrong = [
        ("/api/v2/activities", json!({"done": 1})),
        ("/api/v2/activities", json!({"done": "true"})),
        ("/api/v2/activities", json!({"owner_id": "1"})),
        ("/api/v2/activities", json!({"deal_id": 1.5})),
        ("/api/v2/activities", json!({"note": null})),
        (
            "/api/v2/activities",
            json!({"participants": {"person_id": 1}}),
        ),
        ("/api/v2/activities", json!({"participants": [1]})),
        (
            "/api/v2/activities",
            json!({"participants": [{"primary": true}]}),
        ),
        ("/api/v2/persons", json!({"name": 7})),
        (
            "/api/v2/persons",
            json!({"name": "x", "phones": ["+12025550123"]}),
        ),
        (
            "/api/v2/persons",
            json!({"name": "x", "phones": [{"label": "work"}]}),
        ),
        ("/api/v2/persons", json!({"name": "x", "label_ids": ["1"]})),
        (
            "/api/v2/persons",
            json!({"name": "x", "custom_fields": {"short": 1}}),
        ),
        ("/api/v2/deals", json!({"title": "x", "value": "100"})),
    ];

    for (path, body) in wrong {
        let answer = api.post(path, body.clone()).await;
        assert_eq!(answer.status, 400, "{path} {body}: {}", answer.text);
        assert_eq!(
            answer.body["code"], "ERR_SCHEMA_VALIDATION_FAILED",
            "{path} {body}"
        );
    }
    for path in [
        "/api/v2/activities?done=1",
        "/api/v2/activities?person_id=x",
    ] {
        assert_eq!(api.get(path).await.status, 400, "{path}");
    }
}

#[tokio::test]
async fn a_body_has_to_be_a_json_object() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let post = |content_type: &str, body: &'static str| {
        let request = api.request(Method::POST, "/api/v2/persons");
        send(request.header("content-type", content_type).body(body))
    };

    assert_eq!(post("application/json", "[]").await.unwrap().status, 400);
    assert_eq!(
        post("application/json", "{\"name\":").await.unwrap().status,
        400
    );
    assert_eq!(
        post("text/plain", "{\"name\":\"x\"}").await.unwrap().status,
        400
    );
    assert_eq!(
        post("application/json", "{\"name\":\"x\"}")
            .await
            .unwrap()
            .status,
        200
    );
}

#[tokio::test]
async fn times_of_a_query_have_whole_seconds_and_end_in_z() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let list = |time: &str| {
        let path = format!("/api/v2/activities?updated_since={time}");
        let api = &api;
        async move { api.get(&path).await }
    };

    let fraction = list("2025-01-01T10:20:00.000Z").await;

    assert_invalid(
        &fraction,
        "Validation failed: updated_since: '2025-01-01T10:20:00.000Z' is not a valid datetime",
    );
    assert_eq!(list("2025-01-01T10:20:00%2B00:00").await.status, 400);
    assert_eq!(list("2025-01-01").await.status, 400);
    assert_eq!(list("2025-13-01T10:20:00Z").await.status, 400);
    assert_eq!(list("2025-01-01T10:20:00Z").await.status, 200);
}

#[tokio::test]
async fn dates_times_and_durations_have_their_formats() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let status = |field: &'static str, value: &'static str| {
        let api = &api;
        async move {
            api.post("/api/v2/activities", json!({field: value}))
                .await
                .status
        }
    };

    for (field, value) in [
        ("due_date", "14.01.2026"),
        ("due_date", "2026-02-30"),
        ("due_date", "2026-01-14T00:00:00Z"),
        ("due_time", "18:16:00"),
        ("due_time", "24:00"),
        ("due_time", "6:16"),
        ("duration", "00:05:30"),
        ("duration", "00:60"),
        ("duration", "330"),
    ] {
        assert_eq!(status(field, value).await, 400, "{field} {value}");
    }
    for (field, value) in [
        ("due_date", "2026-01-14"),
        ("due_time", "18:16"),
        ("duration", "26:05"),
    ] {
        assert_eq!(status(field, value).await, 200, "{field} {value}");
    }
}

#[tokio::test]
async fn a_note_of_an_activity_holds_100_kilobytes() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let longest = "ä".repeat(50 * 1024);

    let fits = api
        .post("/api/v2/activities", json!({"note": longest}))
        .await;
    let too_long = api
        .post("/api/v2/activities", json!({"note": format!("{longest}.")}))
        .await;

    assert_eq!((fits.status, too_long.status), (200, 400));
    assert_eq!(
        fits.body["data"]["note"].as_str().map(str::len),
        Some(100 * 1024)
    );
}

#[tokio::test]
async fn pages_have_at_most_500_items_and_cursors_belong_to_their_list() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    for name in ["One", "Two", "Three"] {
        sandbox.add_person(name, &[]);
    }

    let first = api.get("/api/v2/persons?limit=2").await;
    let cursor = first.body["additional_data"]["next_cursor"]
        .as_str()
        .unwrap_or_default();
    let second = api
        .get(&format!("/api/v2/persons?limit=2&cursor={cursor}"))
        .await;
    let other = format!("/api/v2/persons?sort_by=add_time&cursor={cursor}");

    assert_eq!((first.ids(), second.ids()), (vec![1, 2], vec![3]));
    assert_eq!(second.body["additional_data"]["next_cursor"], Value::Null);
    for path in [
        &other,
        "/api/v2/persons?cursor=x",
        "/api/v2/persons?limit=501",
        "/api/v2/persons?limit=0",
    ] {
        assert_eq!(api.get(path).await.status, 400, "{path}");
    }
}
