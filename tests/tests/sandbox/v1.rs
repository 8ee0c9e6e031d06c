//! Notes, call logs, users and activity types.

use bridge_tests::sandbox::pipedrive::{Sandbox, SandboxConfig};
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{Api, send};

fn call_log() -> Value {
    json!({
        "to_phone_number": "+12025550123",
        "outcome": "connected",
        "start_time": "2026-01-14 18:16:56",
        "end_time": "2026-01-14 18:22:01",
        "duration": "305",
    })
}

#[tokio::test]
async fn a_note_is_about_something_and_can_be_changed_listed_and_deleted() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let person = sandbox.add_person("Example Customer", &[]);
    let about = json!({"content": "Called back", "person_id": person, "pinned_to_person_flag": 1});

    let created = api.post("/v1/notes", about).await;
    let changed = api
        .put("/v1/notes/1", json!({"content": "Called twice"}))
        .await;
    let listed = api
        .get(&format!(
            "/v1/notes?person_id={person}&sort=add_time%20DESC"
        ))
        .await;

    assert_eq!(
        created.body["data"]["person"],
        json!({"name": "Example Customer"})
    );
    assert_eq!(created.body["data"]["pinned_to_person_flag"], true);
    assert_eq!(changed.body["data"]["content"], "Called twice");
    assert_eq!(listed.ids(), [1]);
    assert_eq!(
        listed.body["additional_data"]["pagination"]["more_items_in_collection"],
        false
    );
    assert_eq!(
        api.get("/v1/notes?pinned_to_person_flag=0").await.ids(),
        Vec::<i64>::new()
    );
    assert_eq!(api.delete("/v1/notes/1").await.body["data"], true);
    assert_eq!(api.get("/v1/notes/1").await.status, 404);
}

#[tokio::test]
async fn a_note_without_content_or_subject_is_refused_in_the_shape_of_v1() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);

    let empty = api.post("/v1/notes", json!({"person_id": 1})).await;
    let about_nothing = api.post("/v1/notes", json!({"content": "x"})).await;
    let unknown = api
        .post("/v1/notes", json!({"content": "x", "activity_id": 1}))
        .await;

    assert_eq!(empty.status, 400);
    assert_eq!(empty.error(), "\"content\" is required.");
    assert!(empty.body.get("data").is_some_and(Value::is_null));
    assert_eq!((about_nothing.status, unknown.status), (400, 400));
}

#[tokio::test]
async fn notes_come_in_pages_of_start_and_limit() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let person = sandbox.add_person("Example Customer", &[]);
    for number in 0..3 {
        api.post(
            "/v1/notes",
            json!({"content": number.to_string(), "person_id": person}),
        )
        .await;
    }

    let page = api.get("/v1/notes?start=1&limit=1&sort=id%20DESC").await;

    assert_eq!(page.ids(), [2]);
    let pagination =
        json!({"start": 1, "limit": 1, "more_items_in_collection": true, "next_start": 2});
    assert_eq!(page.body["additional_data"]["pagination"], pagination);
}

#[tokio::test]
async fn a_call_log_is_an_activity_of_its_own() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let person = sandbox.add_person("Example Customer", &[]);
    let mut body = call_log();
    body["person_id"] = json!(person);

    let created = api.post("/v1/callLogs", body).await;

    let data = &created.body["data"];
    assert!(data["id"].as_str().is_some_and(|id| id.starts_with("CA")));
    assert_eq!(data["start_time"], "2026-01-14T18:16:56.000Z");
    let activity = sandbox.activities_of(person).remove(0);
    assert_eq!(data["activity_id"], activity.id);
    assert_eq!((activity.r#type.as_str(), activity.done), ("call", true));
    assert_eq!(activity.duration.as_deref(), Some("00:05"));
}

#[tokio::test]
async fn a_call_log_can_take_over_a_call_but_no_meeting() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let person = sandbox.add_person("Example Customer", &[]);
    api.post(
        "/api/v2/activities",
        json!({"participants": [{"person_id": person}]}),
    )
    .await;
    api.post("/api/v2/activities", json!({"type": "meeting"}))
        .await;
    let with_activity = |id: i64| {
        let mut body = call_log();
        body["activity_id"] = json!(id);
        body
    };

    let call = api.post("/v1/callLogs", with_activity(1)).await;
    let meeting = api.post("/v1/callLogs", with_activity(2)).await;

    assert_eq!(
        call.body["data"]["person_id"], person,
        "what the activity is linked to wins"
    );
    assert_eq!(meeting.status, 400);
    assert_eq!(sandbox.activities().len(), 2);
}

#[tokio::test]
async fn a_call_log_says_what_is_wrong_with_it() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let with = |field: &str, value: Value| {
        let mut body = call_log();
        body[field] = value;
        body
    };
    let mut without_outcome = call_log();
    without_outcome.as_object_mut().unwrap().remove("outcome");

    let missing = api.post("/v1/callLogs", without_outcome).await;

    assert_eq!(
        (missing.status, missing.error()),
        (400, "\"outcome\" is required.")
    );
    for body in [
        with("outcome", json!("answered")),
        with("duration", json!(305)),
        with("duration", json!("5 min")),
        with("start_time", json!("2026-01-14T18:16:56Z")),
        with("start_time", json!("2026-02-30 18:16:56")),
        with("direction", json!("inbound")),
    ] {
        assert_eq!(
            api.post("/v1/callLogs", body.clone()).await.status,
            400,
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_call_has_one_recording_and_a_deleted_log_is_gone() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let created = api.post("/v1/callLogs", call_log()).await;
    let path = format!(
        "/v1/callLogs/{}",
        created.body["data"]["id"].as_str().unwrap()
    );
    let upload = |path: &str| {
        let body = "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\n\r\nID3\r\n--b--\r\n";
        let request = api.request(Method::POST, &format!("{path}/recordings"));
        send(
            request
                .header("content-type", "multipart/form-data; boundary=b")
                .body(body),
        )
    };

    assert_eq!(
        api.post(&format!("{path}/recordings"), json!({}))
            .await
            .status,
        400
    );
    assert_eq!(upload(&path).await.unwrap().status, 200);
    let second = upload(&path).await.unwrap();
    assert_eq!(second.status, 409);
    assert_eq!(second.error(), "A recording for this call already exists");
    assert_eq!(api.get(&path).await.body["data"]["has_recording"], true);
    assert_eq!(api.delete(&path).await.status, 200);
    assert_eq!(api.delete(&path).await.status, 410);
    assert_eq!(api.get(&path).await.status, 404);
    assert_eq!(sandbox.activities().len(), 1, "the activity stays");
    assert_eq!(upload("/v1/callLogs/CA0").await.unwrap().status, 404);
}

#[tokio::test]
async fn call_logs_are_listed_for_their_user_alone() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let other = sandbox.add_user("Agent", "agent@example.com");
    let mut of_other = call_log();
    of_other["user_id"] = json!(other);
    api.post("/v1/callLogs", of_other).await;
    api.post("/v1/callLogs", call_log()).await;

    let listed = api.get("/v1/callLogs").await;

    assert_eq!(listed.body["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed.body["data"][0]["user_id"], 1);
    assert_eq!(api.get("/v1/callLogs?limit=51").await.status, 400);
}

#[tokio::test]
async fn users_are_listed_found_and_read() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let agent = sandbox.add_user("Agent", "agent@example.com");

    let me = api.get("/v1/users/me").await;
    let found = api
        .get("/v1/users/find?term=agent@example.com&search_by_email=1")
        .await;

    assert_eq!(me.body["data"]["is_you"], true);
    assert!(me.body["data"]["company_domain"].is_string());
    assert_eq!(found.ids(), [agent]);
    assert_eq!(api.get("/v1/users").await.ids(), [1, agent]);
    assert_eq!(
        api.get(&format!("/v1/users/{agent}")).await.body["data"]["active_flag"],
        true
    );
    let unknown = api.get("/v1/users/99").await;
    assert_eq!(
        (unknown.status, unknown.error()),
        (404, "User not found or not accessible.")
    );
    assert_eq!(
        api.get("/v1/users/find?term=x&search_by_email=true")
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn activity_types_have_keys() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());

    let types = Api::of(&sandbox).get("/v1/activityTypes").await;

    assert_eq!(types.body["data"][0]["key_string"], "call");
    assert_eq!(types.body["data"][0]["active_flag"], true);
}
