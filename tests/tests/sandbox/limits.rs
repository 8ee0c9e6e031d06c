//! Bursts, the daily budget, and the headers that report them.

use std::time::Duration;

use bridge_tests::sandbox::pipedrive::{Behaviour, Limits, Plan, Sandbox, SandboxConfig};
use serde_json::json;

use crate::api::{Api, wait_until};

fn limited(requests: u32, searches: u32) -> Limits {
    Limits {
        requests_per_2s: Some(requests),
        searches_per_2s: Some(searches),
        daily_tokens: None,
    }
}

#[tokio::test]
async fn a_burst_is_refused_for_free_and_let_through_later() {
    let config = SandboxConfig {
        limits: limited(2, 10),
        ..SandboxConfig::default()
    };
    let sandbox = Sandbox::spawn(config);
    let api = Api::of(&sandbox);

    let first = api.get("/v1/users/me").await;
    let second = api.get("/v1/users/me").await;
    let third = api.post("/api/v2/persons", json!({"name": "x"})).await;

    assert_eq!((first.status, second.status, third.status), (200, 200, 429));
    assert_eq!(first.header("x-ratelimit-limit"), "2");
    assert_eq!(first.header("x-ratelimit-remaining"), "1");
    assert_eq!(third.header("x-ratelimit-remaining"), "0");
    let reset: u64 = third.header("x-ratelimit-reset").parse().unwrap();
    assert!(
        (1..=2).contains(&reset),
        "a duration in seconds, not a time: {reset}"
    );
    assert_eq!(third.body["errorCode"], 429);
    assert_eq!(sandbox.persons().len(), 0);
    assert_eq!(sandbox.tokens_spent(), 4);

    tokio::time::sleep(Duration::from_secs(reset)).await;
    assert_eq!(api.get("/v1/users/me").await.status, 200);
}

#[tokio::test]
async fn searches_have_a_limit_of_their_own() {
    let config = SandboxConfig {
        limits: limited(100, 1),
        ..SandboxConfig::default()
    };
    let sandbox = Sandbox::spawn(config);
    let api = Api::of(&sandbox);

    let first = api.get("/api/v2/persons/search?term=12").await;
    let second = api.get("/api/v2/deals/search?term=12").await;
    let other = api.get("/v1/users/me").await;

    assert_eq!((first.status, second.status, other.status), (200, 429, 200));
    assert_eq!(second.header("x-ratelimit-limit"), "1");
    assert_eq!(other.header("x-ratelimit-limit"), "100");
}

#[tokio::test]
async fn every_call_costs_what_the_documents_say() {
    let limits = Limits {
        daily_tokens: Some(1000),
        ..Limits::unlimited()
    };
    let sandbox = Sandbox::spawn(SandboxConfig {
        limits,
        ..SandboxConfig::default()
    });
    let api = Api::of(&sandbox);

    let search = api.get("/api/v2/persons/search?term=5550123").await;
    let person = api.post("/api/v2/persons", json!({"name": "x"})).await;
    let refused = api
        .post("/api/v2/activities", json!({"person_id": 1}))
        .await;

    assert_eq!(search.header("x-daily-ratelimit-token-limit"), "1000");
    assert_eq!(search.header("x-daily-ratelimit-token-remaining"), "980");
    assert_eq!(person.header("x-daily-ratelimit-token-remaining"), "975");
    assert_eq!((refused.status, sandbox.tokens_spent()), (400, 30));
    let costs: Vec<_> = sandbox
        .requests()
        .iter()
        .map(|request| request.tokens)
        .collect();
    assert_eq!(costs, [20, 5, 5]);
}

#[tokio::test]
async fn an_exhausted_day_refuses_everything_until_it_ends() {
    let limits = Limits {
        daily_tokens: Some(1000),
        ..Limits::unlimited()
    };
    let sandbox = Sandbox::spawn(SandboxConfig {
        limits,
        ..SandboxConfig::default()
    });
    let api = Api::of(&sandbox);
    sandbox.set_budget_left(1, Some(Duration::from_secs(3939)));

    let last = api.get("/api/v2/persons/search?term=5550123").await;
    let refused = api.get("/v1/users/me").await;

    assert_eq!(last.status, 200, "the last call may cost more than is left");
    assert_eq!(last.header("x-daily-ratelimit-token-remaining"), "0");
    let expected =
        json!({"success": false, "error": "daily request budget exceeded", "errorCode": 429});
    assert_eq!((refused.status, &refused.body), (429, &expected));
    assert_eq!(refused.header("retry-after"), "3939");

    sandbox.set_budget_left(0, Some(Duration::from_millis(50)));
    wait_until("the new day has its budget", || {
        sandbox.budget_left() == Some(1000)
    })
    .await;
    assert_eq!(api.get("/v1/users/me").await.status, 200);
}

#[tokio::test]
async fn the_daily_headers_can_be_missing() {
    let config = SandboxConfig {
        limits: Limits::of_plan(Plan::Lite),
        behaviour: Behaviour {
            sends_daily_headers: false,
            ..Behaviour::default()
        },
        ..SandboxConfig::default()
    };
    let sandbox = Sandbox::spawn(config);

    let answer = Api::of(&sandbox).get("/v1/users/me").await;

    assert_eq!(answer.header("x-ratelimit-limit"), "20");
    assert_eq!(answer.header("x-daily-ratelimit-token-limit"), "");
}

#[tokio::test]
async fn limits_change_while_it_runs() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    assert_eq!(
        api.get("/v1/users/me").await.header("x-ratelimit-limit"),
        ""
    );

    sandbox.set_limits(limited(1, 1));
    let statuses = (
        api.get("/v1/users/me").await.status,
        api.get("/v1/users/me").await.status,
    );
    sandbox.set_limits(Limits::unlimited());

    assert_eq!(statuses, (200, 429));
    assert_eq!(api.get("/v1/users/me").await.status, 200);
}
