//! Each fault does what it says, to the requests it was meant for, and the truth log shows it.

use std::time::{Duration, Instant};

use bridge_tests::sandbox::pipedrive::{
    Answer, Change, Fault, FaultRule, Item, Sandbox, SandboxConfig,
};
use reqwest::Method;
use serde_json::json;

use crate::api::{self, Api, send, wait_until};

const ACTIVITIES: &str = "/api/v2/activities";

fn sandbox_with(fault: Fault) -> (Sandbox, Api) {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    sandbox.add_fault(FaultRule::once("POST", ACTIVITIES, fault));
    let api = Api::of(&sandbox);
    (sandbox, api)
}

async fn post(api: &Api) -> Result<api::Answer, reqwest::Error> {
    send(
        api.request(Method::POST, ACTIVITIES)
            .json(&json!({"subject": "Call"})),
    )
    .await
}

#[tokio::test]
async fn a_connection_cut_before_the_effect_leaves_nothing() {
    let (sandbox, api) = sandbox_with(Fault::CutBeforeEffect);

    post(&api).await.unwrap_err();

    assert_eq!(sandbox.activities().len(), 0);
    let record = &sandbox.requests()[0];
    assert_eq!((record.answer, record.was_applied()), (Answer::Cut, false));
    assert_eq!(record.fault.as_deref(), Some("cut before effect"));
    assert_eq!(post(&api).await.unwrap().status, 200, "once is once");
}

#[tokio::test]
async fn a_connection_cut_after_the_effect_hides_it() {
    let (sandbox, api) = sandbox_with(Fault::CutAfterEffect);

    post(&api).await.unwrap_err();

    assert_eq!(sandbox.activities().len(), 1);
    let record = &sandbox.requests()[0];
    assert_eq!(record.answer, Answer::Cut);
    assert_eq!(
        (record.effects[0].item, record.effects[0].change),
        (Item::Activity, Change::Created)
    );
    assert_eq!(record.effects[0].id, "1");
}

#[tokio::test]
async fn a_truncated_answer_breaks_in_its_middle() {
    let (sandbox, api) = sandbox_with(Fault::TruncateAnswer);
    let request = api
        .request(Method::POST, ACTIVITIES)
        .json(&json!({"subject": "Call"}));

    let response = request.send().await.unwrap();

    assert_eq!(response.status(), 200);
    assert!(response.content_length().is_some_and(|length| length > 100));
    response.bytes().await.unwrap_err();
    assert_eq!(sandbox.activities().len(), 1);
    assert_eq!(sandbox.requests()[0].answer, Answer::Truncated(200));
}

#[tokio::test]
async fn an_effect_can_come_after_the_cut() {
    let (sandbox, api) = sandbox_with(Fault::apply_late(Duration::from_millis(300)));

    post(&api).await.unwrap_err();
    let (at_once, pending) = (sandbox.activities().len(), sandbox.unsettled_requests());
    wait_until("the late effect has come", || {
        sandbox.unsettled_requests() == 0
    })
    .await;

    assert_eq!((at_once, pending), (0, 1));
    assert_eq!(sandbox.activities().len(), 1);
    assert!(sandbox.requests()[0].was_applied());
}

#[tokio::test]
async fn a_late_effect_does_not_outlive_a_reset() {
    let (sandbox, api) = sandbox_with(Fault::apply_late(Duration::from_millis(100)));
    post(&api).await.unwrap_err();

    sandbox.reset();
    sandbox.add_fault(FaultRule::once(
        "POST",
        ACTIVITIES,
        Fault::apply_late(Duration::from_millis(200)),
    ));
    post(&api).await.unwrap_err();
    wait_until("the second effect has come", || {
        sandbox.unsettled_requests() == 0
    })
    .await;

    assert_eq!(sandbox.activities().len(), 1);
    assert_eq!(sandbox.requests()[0].number, 1, "numbers go on");
}

#[tokio::test]
async fn server_errors_come_before_the_effect_or_after_it() {
    for (fault, effects) in [
        (Fault::server_error_before_effect(503), 0),
        (Fault::server_error_after_effect(503), 1),
    ] {
        let (sandbox, api) = sandbox_with(fault);

        let answer = post(&api).await.unwrap();

        assert_eq!(answer.status, 503);
        assert_eq!(sandbox.activities().len(), effects);
        assert_eq!(sandbox.requests()[0].was_applied(), effects == 1);
    }
}

#[tokio::test]
async fn latency_comes_before_the_effect_or_after_it() {
    // Long enough for a busy machine to see what is there before the answer.
    let delay = Duration::from_secs(2);
    for (fault, effects_meanwhile) in [
        (Fault::latency_before(delay), 0),
        (Fault::latency_after(delay), 1),
    ] {
        let (sandbox, api) = sandbox_with(fault);
        let start = Instant::now();

        let answer = tokio::spawn(async move { post(&api).await.unwrap().status });
        wait_until("the request has arrived", || sandbox.request_count() == 1).await;
        let meanwhile = || sandbox.activities().len();
        if effects_meanwhile == 1 {
            wait_until("the effect is there", || meanwhile() == 1).await;
        }
        assert_eq!(meanwhile(), effects_meanwhile);
        assert!(!answer.is_finished(), "the answer comes last");

        assert_eq!(answer.await.unwrap(), 200);
        assert!(start.elapsed() >= delay);
        assert_eq!(meanwhile(), 1);
    }
}

#[tokio::test]
async fn a_client_that_loses_patience_does_not_stop_the_effect() {
    let (sandbox, api) = sandbox_with(Fault::latency_before(Duration::from_millis(300)));
    let request = api.request(Method::POST, ACTIVITIES).json(&json!({}));

    request
        .timeout(Duration::from_millis(100))
        .send()
        .await
        .unwrap_err();
    assert_eq!(sandbox.activities().len(), 0);

    wait_until("the request is settled", || {
        sandbox.unsettled_requests() == 0
    })
    .await;
    assert_eq!(sandbox.activities().len(), 1);
}

#[tokio::test]
async fn any_answer_can_stand_in_for_the_true_one() {
    for (fault, status, content_type, part, effects) in [
        (
            Fault::burst_limit(),
            429,
            "application/json",
            "rate limit exceeded",
            0,
        ),
        (
            Fault::daily_budget_exceeded(Duration::from_secs(3939)),
            429,
            "application/json",
            "daily request budget exceeded",
            0,
        ),
        (
            Fault::forbidden(),
            403,
            "application/json",
            "You don't have permission to change this resource.",
            0,
        ),
        (Fault::cloudflare_block(), 403, "text/html", "Cloudflare", 0),
        (Fault::not_found(), 404, "application/json", "Not found", 0),
        (
            Fault::unreadable_answer(),
            200,
            "application/json",
            "{\"success\":tr",
            1,
        ),
        (
            Fault::unsuccessful_answer(false),
            200,
            "application/json",
            "\"success\":false",
            0,
        ),
        (
            Fault::unsuccessful_answer(true),
            200,
            "application/json",
            "\"success\":false",
            1,
        ),
    ] {
        let name = format!("{fault:?}");
        let (sandbox, api) = sandbox_with(fault);

        let answer = post(&api).await.unwrap();

        assert_eq!(answer.status, status, "{name}");
        assert!(
            answer.header("content-type").starts_with(content_type),
            "{name}"
        );
        assert!(answer.text.contains(part), "{name}");
        assert_eq!(sandbox.activities().len(), effects, "{name}");
    }
    let day = Fault::daily_budget_exceeded(Duration::from_secs(3939));
    let (_sandbox, api) = sandbox_with(day);
    assert_eq!(post(&api).await.unwrap().header("retry-after"), "3939");
}

#[tokio::test]
async fn a_fault_hides_no_refusal() {
    let (sandbox, api) = sandbox_with(Fault::CutAfterEffect);

    let malformed = api.post(ACTIVITIES, json!({"person_id": 1})).await;
    let missing = api
        .post(ACTIVITIES, json!({"participants": [{"person_id": 9}]}))
        .await;

    assert_eq!((malformed.status, missing.status), (400, 400));
    assert_eq!(sandbox.activities().len(), 0);
}

#[tokio::test]
async fn a_fault_waits_for_its_turn_and_ends_after_its_times() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let fault = Fault::server_error_before_effect(500);
    sandbox.add_fault(
        FaultRule::always("GET", "/api/v2/persons/*", fault)
            .after(1)
            .times(2),
    );
    sandbox.add_person("Example Customer", &[]);

    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(api.get("/api/v2/persons/1").await.status);
    }

    assert_eq!(statuses, [200, 500, 500, 200]);
    assert_eq!(sandbox.faults().len(), 0);
}

#[tokio::test]
async fn a_fault_concerns_its_method_and_path_alone() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let fault = Fault::server_error_before_effect(500);
    let id = sandbox.add_fault(FaultRule::always("GET", "/api/v2/**", fault));

    assert_eq!(api.get("/api/v2/persons/search?term=12").await.status, 500);
    assert_eq!(
        api.post("/api/v2/persons", json!({"name": "x"}))
            .await
            .status,
        200
    );
    assert_eq!(api.get("/v1/users/me").await.status, 200);
    assert!(sandbox.remove_fault(id));
    assert_eq!(api.get("/api/v2/persons").await.status, 200);
}

#[tokio::test]
async fn chance_is_repeatable_by_its_seed() {
    let mut runs = Vec::new();
    for seed in [7, 7, 8] {
        let sandbox = Sandbox::spawn(SandboxConfig::default());
        let api = Api::of(&sandbox);
        let fault = Fault::server_error_before_effect(500);
        sandbox.add_fault(FaultRule::always("GET", "/v1/users/me", fault).by_chance(0.5, seed));
        let mut statuses = Vec::new();
        for _ in 0..40 {
            statuses.push(api.get("/v1/users/me").await.status);
        }
        runs.push(statuses);
    }

    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
    assert!(runs[0].contains(&200) && runs[0].contains(&500));
}

#[tokio::test]
async fn latencies_add_to_another_fault() {
    let (sandbox, api) = sandbox_with(Fault::CutAfterEffect);
    let delay = Duration::from_millis(100);
    sandbox.add_fault(FaultRule::always(
        "POST",
        ACTIVITIES,
        Fault::latency_before(delay),
    ));
    let start = Instant::now();

    post(&api).await.unwrap_err();

    assert!(start.elapsed() >= delay);
    let record = &sandbox.requests()[0];
    assert_eq!(record.fault.as_deref(), Some("cut after effect, latency"));
}
