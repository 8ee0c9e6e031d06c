//! Each class of Pipedrive's errors, and what is done about it; `docs/RELIABILITY.md` tells what an operator sees.

use std::time::Duration;

use bridge_tests::app::{PATIENCE, TestApp, call};
use bridge_tests::pipedrive::{Fault, FaultRule, RequestRecord};
use bridge_tests::services::{QueuedMessage, wait_until};
use shared::broker::topology;

const CREATE: (&str, &str) = ("POST", "/api/v2/activities");
const SEARCH: (&str, &str) = ("GET", "/api/v2/persons/search");
const PERSON: (&str, &str) = ("GET", "/api/v2/persons/1");
const DEALS: (&str, &str) = ("GET", "/api/v2/deals");
const PROBE: (&str, &str) = ("GET", "/v1/users/me");

/// Posts one call of a known person while Pipedrive misbehaves once; it must be recorded once all the same.
async fn heals(request: (&str, &str), fault: Fault) -> TestApp {
    let app = TestApp::spawn().await;
    let person = app
        .pipedrive
        .add_person("Casey Customer", &["+12025550143"]);
    app.pipedrive
        .add_fault(FaultRule::once(request.0, request.1, fault.clone()));

    app.post(call("call-1", "+12025550143"))
        .await
        .assert_accepted();

    let activities = app.wait_for_activities(1).await;
    app.wait_until_idle().await;
    assert_eq!(app.pipedrive.activities().len(), 1, "{fault:?}");
    assert_eq!(activities[0].person_id, Some(person), "{fault:?}");
    assert_eq!(app.pipedrive.persons().len(), 1, "{fault:?}");
    app.wait_for_dead_letters(0).await;
    app
}

/// What was asked of Pipedrive, in order.
fn asked(requests: &[RequestRecord]) -> Vec<(&str, &str)> {
    let asked = requests
        .iter()
        .map(|request| (&*request.method, &*request.path));
    asked.collect()
}

/// Asserts that between each of these and the next at least `pause` went by.
fn assert_apart(requests: &[RequestRecord], pause: Duration) {
    for pair in requests.windows(2) {
        let apart = pair[1].at.duration_since(pair[0].at).unsigned_abs();
        assert!(apart >= pause, "{apart:?}: {pair:#?}");
    }
}

/// Waits for the one message, which came back to the work queue, where nobody takes it.
async fn kept_message(app: &TestApp) -> QueuedMessage {
    let kept = wait_until("a message in the work queue", PATIENCE, async || {
        let vhost = app.vhost().name();
        let mut messages = app
            .management()
            .get_messages(vhost, topology::WORK_QUEUE, 2)
            .await?;
        anyhow::ensure!(messages.len() == 1, "there are {}", messages.len());
        Ok(messages.remove(0))
    });
    kept.await.unwrap_or_else(|error| panic!("{error:#}"))
}

/// A message that waits because of `reason`, and spent no attempt.
async fn assert_parked(app: &TestApp, reason: &str) {
    let message = kept_message(app).await;
    assert_eq!(message.header("x-retry-reason"), Some(&reason.into()));
    assert_eq!(message.header("x-attempt"), Some(&0.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_is_waited_out_within_the_attempt() {
    // Another attempt would ask for the person again.
    let app = heals(CREATE, Fault::burst_limit()).await;
    let requests = app.pipedrive.requests();
    assert_eq!(asked(&requests), [SEARCH, PERSON, DEALS, CREATE, CREATE]);
    assert_apart(&requests[3..], Duration::from_millis(1_900));

    let app = heals(SEARCH, Fault::burst_limit()).await;
    let requests = app.pipedrive.requests();
    assert_eq!(asked(&requests), [SEARCH, SEARCH, PERSON, DEALS, CREATE]);
    assert_apart(&requests[..2], Duration::from_millis(1_900));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_that_lasts_parks_the_message_and_costs_no_attempt() {
    let app = TestApp::builder()
        .set("BRIDGE__RETRY__DELAYS", "3s,1h")
        .spawn()
        .await;
    // Twice three times: had the first round cost an attempt, the second would end on the rung of an hour.
    let burst = FaultRule::always(CREATE.0, CREATE.1, Fault::burst_limit()).times(6);
    app.pipedrive.add_fault(burst);

    app.post(call("call-1", "Unknown")).await.assert_accepted();

    app.wait_for_activities(1).await;
    let requests = app.pipedrive.requests();
    let creates = asked(&requests);
    assert_eq!(creates.iter().filter(|it| **it == CREATE).count(), 7);
    app.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_not_open_pauses_everything_until_it_is() {
    let app = TestApp::spawn().await;
    app.pipedrive.set_account_closed(true);
    app.post(call("call-1", "Unknown")).await.assert_accepted();
    app.wait_until_not_ready("402").await;
    assert_parked(&app, "pipedrive_unauthorized").await;
    let refused = wait_until("some probes", PATIENCE, async || {
        let requests = app.pipedrive.requests();
        anyhow::ensure!(requests.len() > 4);
        Ok(requests)
    });
    let refused = refused.await.unwrap();

    app.pipedrive.set_account_closed(false);

    app.wait_for_activities(1).await;
    app.wait_for_dead_letters(0).await;
    assert_eq!(asked(&refused)[0], CREATE);
    assert!(asked(&refused)[1..].iter().all(|probe| *probe == PROBE));
    assert_apart(&refused, app.settings.pipedrive.probe_interval);
}

/// Posts a call of which the first creates are refused, and gives these and the one that is let through.
async fn creates_of(app: &TestApp, refusals: u32, refusal: Fault) -> Vec<RequestRecord> {
    let refused = FaultRule::always(CREATE.0, CREATE.1, refusal).times(refusals);
    app.pipedrive.add_fault(refused);
    app.post(call("call-1", "Unknown")).await.assert_accepted();
    app.wait_for_activities(1).await;
    app.wait_until_idle().await;
    app.wait_for_dead_letters(0).await;
    let mut requests = app.pipedrive.requests();
    requests.retain(|request| (&*request.method, &*request.path) == CREATE);
    assert_eq!(requests.len(), refusals as usize + 1, "{requests:#?}");
    requests
}

async fn app_that_probes_every(interval: &str) -> TestApp {
    let app = TestApp::builder().set("BRIDGE__PIPEDRIVE__PROBE_INTERVAL", interval);
    app.spawn().await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_known_but_may_not_write_is_not_tried_again_without_a_pause() {
    for status in [401, 402] {
        let app = app_that_probes_every("2s").await;
        let refusal = Fault::Answer {
            applied: false,
            status,
            headers: Vec::new(),
            body: String::new(),
        };
        let creates = creates_of(&app, 2, refusal).await;
        assert_apart(&creates, app.settings.pipedrive.probe_interval);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_day_is_waited_for_though_pipedrive_tells_no_time_to_speak_of() {
    for told in [0, 2] {
        let app = app_that_probes_every("500ms").await;
        let spent = Fault::daily_budget_exceeded(Duration::from_secs(told));
        let creates = creates_of(&app, 2, spent).await;
        assert_apart(&creates, app.settings.pipedrive.probe_interval * 6);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cloudflares_page_is_no_refusal_of_the_message_and_is_tried_again_ever_so_seldom() {
    let app = TestApp::spawn().await;
    let page = Fault::cloudflare_block();
    app.pipedrive
        .add_fault(FaultRule::once(CREATE.0, CREATE.1, page.clone()));
    app.pipedrive
        .add_fault(FaultRule::always(PROBE.0, PROBE.1, page).times(2));

    app.post(call("call-1", "Unknown")).await.assert_accepted();
    app.wait_until_not_ready("Cloudflare").await;
    assert_parked(&app, "pipedrive_blocked").await;

    app.wait_for_activities(1).await;
    app.wait_for_dead_letters(0).await;
    let requests = app.pipedrive.requests();
    assert_eq!(asked(&requests)[..4], [CREATE, PROBE, PROBE, PROBE]);
    assert_apart(&requests[..4], app.settings.pipedrive.probe_interval * 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn server_errors_and_unreadable_answers_are_looked_into_and_never_repeated_blindly() {
    for fault in [
        Fault::server_error_before_effect(500),
        Fault::server_error_after_effect(503),
        Fault::unreadable_answer(),
        Fault::unsuccessful_answer(true),
        Fault::unsuccessful_answer(false),
        Fault::TruncateAnswer,
        Fault::CutBeforeEffect,
    ] {
        heals(CREATE, fault).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_fails_is_read_again() {
    for fault in [
        Fault::server_error_before_effect(502),
        Fault::unreadable_answer(),
        Fault::TruncateAnswer,
    ] {
        heals(SEARCH, fault).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_never_answered_times_out_and_is_looked_for() {
    heals(CREATE, Fault::latency_after(Duration::from_secs(5))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activity_that_somebody_deleted_stays_deleted() {
    let app = TestApp::spawn().await;
    app.pipedrive
        .add_person("Casey Customer", &["+12025550143"]);
    app.post(bridge_tests::app::sample(
        "eventbridge-customer-end-voice-inbound",
    ))
    .await
    .assert_accepted();
    app.wait_for_activities(1).await;
    app.wait_until_idle().await;

    app.pipedrive.add_fault(FaultRule::always(
        "PATCH",
        "/api/v2/activities/*",
        Fault::not_found(),
    ));
    app.post(bridge_tests::app::sample("eventbridge-acw-voice-inbound"))
        .await
        .assert_accepted();

    app.wait_until_idle().await;
    assert_eq!(app.pipedrive.activities().len(), 1);
    app.wait_for_dead_letters(0).await;
    // The workers of this process count together; nobody else has such an activity.
    let (_, metrics) = app.get(&format!("{}/metrics", app.worker_url())).await;
    let counted = metrics
        .lines()
        .find_map(|line| line.strip_prefix("bridge_worker_messages_total{outcome=\"deleted\"} "));
    assert_eq!(counted, Some("1"));
}
