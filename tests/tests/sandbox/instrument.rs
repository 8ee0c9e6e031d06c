//! The sandbox from another process, its page, and its end.

use bridge_tests::sandbox::pipedrive::{Sandbox, SandboxConfig};
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{Answer, Api, send};

async fn instrument(api: &Api, method: Method, path: &str, body: Value) -> Answer {
    let request = api.anonymous(method, &format!("/_sandbox{path}"));
    let request = if body.is_null() {
        request
    } else {
        request.json(&body)
    };
    send(request).await.expect("the instrument answers")
}

#[tokio::test]
async fn everything_can_be_set_up_and_read_over_http() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let person = json!({"name": "Example Customer", "phones": ["(202) 555-0123"]});
    let fault = json!({
        "method": "POST",
        "path": "/api/v2/activities",
        "times": 1,
        "fault": {"kind": "cut_after_effect"},
    });

    let id = instrument(&api, Method::POST, "/persons", person)
        .await
        .body["id"]
        .clone();
    instrument(
        &api,
        Method::POST,
        "/deals",
        json!({"title": "Deal", "person_id": id}),
    )
    .await;
    instrument(
        &api,
        Method::POST,
        "/users",
        json!({"name": "Agent", "email": "a@example.com"}),
    )
    .await;
    instrument(&api, Method::POST, "/faults", fault).await;
    let body = json!({"participants": [{"person_id": id}]});
    send(api.request(Method::POST, "/api/v2/activities").json(&body))
        .await
        .unwrap_err();

    let state = instrument(&api, Method::GET, "/state", Value::Null)
        .await
        .body;
    let requests = instrument(&api, Method::GET, "/requests?since=0", Value::Null)
        .await
        .body;
    assert_eq!(state["persons"][0]["phones"][0]["value"], "(202) 555-0123");
    assert_eq!(state["activities"][0]["person_id"], id);
    assert_eq!(
        (&state["tokens_spent"], &state["requests"]),
        (&json!(5), &json!(1))
    );
    assert_eq!(requests[0]["answer"], "cut");
    assert_eq!(
        requests[0]["effects"],
        json!([{"item": "activity", "id": "1", "change": "created"}])
    );
}

#[tokio::test]
async fn limits_token_account_and_records_change_over_http() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    sandbox.add_person("Example Customer", &[]);
    let limits = json!({"requests_per_2s": 5, "searches_per_2s": null, "daily_tokens": 100});

    instrument(&api, Method::PUT, "/limits", limits).await;
    instrument(&api, Method::PUT, "/budget", json!({"left": 50})).await;
    assert_eq!(
        api.get("/v1/users/me")
            .await
            .header("x-daily-ratelimit-token-remaining"),
        "48"
    );
    instrument(&api, Method::PUT, "/account", json!({"closed": true})).await;
    assert_eq!(api.get("/v1/users/me").await.status, 402);
    instrument(
        &api,
        Method::POST,
        "/token",
        json!({"api_token": "another"}),
    )
    .await;
    assert_eq!(
        (api.get("/v1/users/me").await.status, sandbox.api_token()),
        (401, "another".to_owned())
    );
    instrument(&api, Method::DELETE, "/persons/1", Value::Null).await;
    assert_eq!(sandbox.persons().len(), 0);
    instrument(&api, Method::POST, "/reset", Value::Null).await;
    assert_eq!(
        (
            api.get("/v1/users/me").await.status,
            sandbox.request_count()
        ),
        (200, 1)
    );
}

#[tokio::test]
async fn the_page_shows_timelines_and_runs_nothing() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let person = sandbox.add_person("Example <Customer>", &["(202) 555-0123"]);
    let note = "<b>Inbound</b><script>run()</script>";
    let body =
        json!({"subject": "First call", "participants": [{"person_id": person}], "note": note});
    api.post("/api/v2/activities", body).await;
    api.post("/api/v2/activities", json!({"subject": "Withheld number"}))
        .await;

    let page = send(api.anonymous(Method::GET, "/")).await.unwrap();

    assert_eq!(page.status, 200);
    for part in [
        "Example &lt;Customer&gt;",
        "First call",
        "<b>Inbound</b>",
        "Not attached to a person",
    ] {
        assert!(page.text.contains(part), "{part}");
    }
    assert!(!page.text.contains("<script"));
    assert!(
        page.header("content-security-policy")
            .contains("default-src 'none'")
    );
}

#[tokio::test]
async fn a_dropped_sandbox_frees_its_port() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let address = sandbox.address();
    assert_eq!(Api::of(&sandbox).get("/v1/users/me").await.status, 200);

    drop(sandbox);

    let again = Sandbox::listen(SandboxConfig::default(), address).unwrap();
    assert_eq!(Api::of(&again).get("/v1/users/me").await.status, 200);
    again.stop().await;
}
