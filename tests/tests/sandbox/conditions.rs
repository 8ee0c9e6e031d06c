//! Who may see and do what, what the day holds, and what the meter says.

use std::time::Duration;

use bridge_tests::sandbox::pipedrive::{
    Behaviour, DailyHeaders, Fault, FaultRule, Limits, Sandbox, SandboxConfig,
};
use serde_json::json;

use crate::api::{Api, wait_until};

const LEFT: &str = "x-daily-ratelimit-token-remaining";

fn daily(tokens: u64) -> (Sandbox, Api) {
    let sandbox = Sandbox::spawn(SandboxConfig {
        limits: Limits {
            daily_tokens: Some(tokens),
            ..Limits::unlimited()
        },
        ..SandboxConfig::default()
    });
    let api = Api::of(&sandbox);
    (sandbox, api)
}

#[tokio::test]
async fn a_hidden_person_is_found_by_the_search_and_by_nothing_else() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let id = sandbox.add_person("Hidden", &["+12025550123"]);
    sandbox.set_hidden(id, true);
    let (search, one) = ("/api/v2/persons/search?term=5550123", "/api/v2/persons/1");
    let activity = json!({"participants": [{"person_id": id}]});

    assert_eq!(api.get(search).await.found(), [id]);
    assert_eq!(api.get(one).await.status, 403);
    assert_eq!(api.get("/api/v2/persons").await.ids(), Vec::<i64>::new());
    let refused = api.post("/api/v2/activities", activity.clone()).await;
    assert_eq!(refused.status, 403);

    sandbox.set_behaviour(Behaviour {
        search_finds_hidden: false,
        lists_hidden: true,
        hidden_status: 404,
        hidden_reference_status: None,
        ..Behaviour::default()
    });
    assert_eq!(api.get(search).await.found(), Vec::<i64>::new());
    assert_eq!(api.get(one).await.status, 404);
    assert_eq!(api.get("/api/v2/persons").await.ids(), [id]);
    assert_eq!(api.post("/api/v2/activities", activity).await.status, 200);

    sandbox.set_hidden(id, false);
    assert_eq!(api.get(one).await.status, 200);
}

#[tokio::test]
async fn refusals_meet_everybody_or_come_as_pages() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);

    let rule = sandbox.add_fault(FaultRule::everywhere(Fault::scope_missing()));
    let (person, user) = (
        api.post("/api/v2/persons", json!({"name": "x"})).await,
        api.get("/v1/users/me").await,
    );
    sandbox.remove_fault(rule);
    let page = Fault::burst_limit_page(Duration::from_secs(30));
    sandbox.add_fault(FaultRule::everywhere(page).times(1));
    let burst = api.get("/v1/users/me").await;

    assert_eq!((person.status, user.status), (403, 403));
    assert_eq!(user.error(), "Scope and URL mismatch");
    assert_eq!((burst.status, burst.header("retry-after")), (429, "30"));
    assert!(burst.header("content-type").starts_with("text/html"));
    assert_eq!(api.get("/v1/users/me").await.status, 200);
}

#[tokio::test]
async fn types_that_are_off_and_owners_of_others_are_refused() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let agent = sandbox.add_user("Agent", "agent@example.com");
    let post = |body| api.post("/api/v2/activities", body);

    assert!(sandbox.set_activity_type_active("call", false));
    assert_eq!(post(json!({"type": "call"})).await.status, 400);
    assert!(sandbox.set_activity_type_active("call", true));
    assert_eq!(post(json!({"type": "call"})).await.status, 200);

    sandbox.set_behaviour(Behaviour {
        refuses_owner: true,
        ..Behaviour::default()
    });
    let refused = post(json!({"owner_id": agent})).await;
    assert_eq!((refused.status, sandbox.activities().len()), (403, 1));
    assert_eq!(post(json!({"owner_id": 1})).await.status, 200);

    sandbox.set_behaviour(Behaviour::default());
    assert!(sandbox.set_user_active(agent, false));
    assert_eq!(post(json!({"owner_id": agent})).await.status, 400);
    let users = api.get("/v1/users").await;
    assert_eq!(users.body["data"][1]["email"], "agent@example.com");
    assert_eq!(users.body["data"][1]["active_flag"], false);
}

#[tokio::test]
async fn headers_of_the_day_can_be_absent_for_a_while_and_say_anything() {
    let (sandbox, api) = daily(1000);

    sandbox.set_daily_headers(DailyHeaders {
        absent_for: 1,
        remaining: Some(7),
        ..DailyHeaders::default()
    });

    assert_eq!(api.get("/v1/users/me").await.header(LEFT), "");
    assert_eq!(api.get("/v1/users/me").await.header(LEFT), "7");
    sandbox.set_daily_headers(DailyHeaders::default());
    assert_eq!(api.get("/v1/users/me").await.header(LEFT), "994");
}

#[tokio::test]
async fn another_integration_spends_the_same_day() {
    let (sandbox, api) = daily(1000);

    sandbox.spend_elsewhere(500);
    assert_eq!(api.get("/v1/users/me").await.header(LEFT), "498");
    sandbox.set_drain(1_000_000);

    wait_until("the day is spent", || sandbox.budget_left() == Some(0)).await;
    assert_eq!(api.get("/v1/users/me").await.status, 429);
    assert_eq!(sandbox.tokens_spent(), 2);
}

#[tokio::test]
async fn writes_of_a_day_are_counted_for_post_alone() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    sandbox.set_behaviour(Behaviour {
        daily_writes: Some(1),
        ..Behaviour::default()
    });

    let first = api.post("/api/v2/persons", json!({"name": "x"})).await;
    let second = api.post("/api/v2/persons", json!({"name": "y"})).await;
    let patched = api.patch("/api/v2/persons/1", json!({"name": "z"})).await;

    assert_eq!(
        (first.status, second.status, patched.status),
        (200, 429, 200)
    );
    assert_eq!(first.header("x-daily-requests-left"), "0");
    assert_eq!(sandbox.persons().len(), 1);
}

#[tokio::test]
async fn the_meter_reads_what_a_scene_has_cost() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let id = sandbox.add_person("Known", &["+12025550123"]);
    api.get("/api/v2/persons/search?term=5550123").await;

    let meter = sandbox.meter();
    api.get(&format!("/api/v2/persons/{id}")).await;
    let activity = json!({"participants": [{"person_id": id}]});
    api.post("/api/v2/activities", activity).await;

    assert_eq!(meter.tokens(), 6);
    let readings = meter.by_operation();
    let names: Vec<_> = readings.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["GET /api/v2/persons/{id}", "POST /api/v2/activities"]
    );
    assert_eq!(readings["POST /api/v2/activities"].requests, 1);
}
