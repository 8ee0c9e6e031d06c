//! What stops consumption for want of tokens or writes, and what ends that.

use std::time::{Duration, Instant};

use bridge_tests::bridge::{PATIENCE, TestApp, call};
use bridge_tests::sandbox::pipedrive::{Behaviour, DailyHeaders, Fault, FaultRule, SandboxConfig};
use bridge_tests::servers::wait_until;
use worker::commands::resume::resume;

use super::{SOON, company, count_of_today, counted, left, probes, refusals};

const CREATE: (&str, &str) = ("POST", "/api/v2/activities");
/// A call without a number costs one create.
const NO_NUMBER: &str = "Unknown";

async fn post(app: &TestApp, id: &str) {
    app.post(call(id, NO_NUMBER)).await.assert_accepted();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plans_limit_is_learned_and_our_own_count_of_it_stops_nothing() {
    let mut app = TestApp::builder()
        .sandbox(company(7_000))
        .without_worker()
        .spawn()
        .await;
    // As after a day of the former default, 30,000, by a count that misses what was bought.
    let counted: redis::RedisResult<()> = redis::cmd("SET")
        .arg(count_of_today(&app, "day"))
        .arg(31_000)
        .query_async(&mut app.redis().await)
        .await;
    counted.unwrap();
    app.start_worker().await;

    post(&app, "call-1").await;

    app.wait_for_exactly(1).await;
    assert_eq!(left(&app).await, 6_995);
    let limit: redis::RedisResult<u64> = redis::cmd("GET")
        .arg(format!("{}:{{tokens}}:limit", app.settings.redis.prefix))
        .query_async(&mut app.redis().await)
        .await;
    assert_eq!(limit.unwrap(), 7_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_headers_nothing_is_stopped_by_a_guess() {
    let app = TestApp::builder().sandbox(company(7_000)).spawn().await;
    app.pipedrive.set_behaviour(Behaviour {
        sends_daily_headers: false,
        ..Behaviour::default()
    });

    for n in 0..20 {
        post(&app, &format!("call-{n}")).await;
    }

    app.wait_for_exactly(20).await;
    assert_eq!(counted(&app, "day").await, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn our_count_bridges_answers_without_headers_and_stops_before_pipedrive_does() {
    let app = TestApp::builder().sandbox(company(7_000)).spawn().await;
    app.pipedrive.set_budget_left(18, None);
    post(&app, "call-0").await;
    app.wait_for_activities(1).await;
    app.pipedrive.set_daily_headers(DailyHeaders {
        absent_for: 100,
        ..DailyHeaders::default()
    });

    // 13 are left: enough for two more.
    for n in 1..5 {
        post(&app, &format!("call-{n}")).await;
    }

    app.wait_until_not_ready("tokens are spent").await;
    app.wait_for_consumers(0).await;
    assert_eq!(app.pipedrive.activities().len(), 3);
    assert_eq!(refusals(&app.pipedrive.requests()), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_others_spent_is_probed_by_one_of_two_workers_and_both_resume() {
    let mut app = TestApp::builder()
        .sandbox(company(7_000))
        .set("BRIDGE__PIPEDRIVE__BUDGET_PROBE_INTERVAL", "2s")
        .spawn()
        .await;
    app.start_worker().await;
    app.pipedrive.spend_elsewhere(7_000);
    for n in 0..8 {
        post(&app, &format!("call-{n}")).await;
    }
    app.wait_until_not_ready("tokens are spent").await;
    app.wait_for_consumers(0).await;
    let asked = app.pipedrive.request_count();
    let begun = Instant::now();
    let probed = wait_until("three probes", PATIENCE, async || {
        let requests = app.pipedrive.requests_since(asked);
        anyhow::ensure!(requests.len() >= 3);
        Ok(requests)
    });
    let probed = probed.await.unwrap();
    assert_eq!(probes(&probed), probed.len(), "{probed:#?}");
    assert!(begun.elapsed() >= Duration::from_secs(4), "{probed:#?}");

    app.pipedrive.set_budget_left(7_000, None);

    app.wait_for_exactly(8).await;
    app.wait_for_consumers(2).await;
    app.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_ends_a_spent_day_of_both_workers_at_once() {
    let mut app = TestApp::spawn().await;
    app.start_worker().await;
    let spent = Fault::daily_budget_exceeded(Duration::from_secs(3_600));
    let spent = app
        .pipedrive
        .add_fault(FaultRule::always(CREATE.0, CREATE.1, spent));
    for n in 0..4 {
        post(&app, &format!("call-{n}")).await;
    }
    app.wait_until_not_ready("tokens are spent").await;
    app.wait_for_consumers(0).await;

    // The reason persists: it pauses again.
    let asked = app.pipedrive.request_count();
    resume(&app.settings).await.unwrap();
    let again = wait_until("another refusal", PATIENCE, async || {
        anyhow::ensure!(app.pipedrive.request_count() > asked);
        Ok(())
    });
    again.await.unwrap();
    app.wait_until_not_ready("tokens are spent").await;
    app.wait_for_consumers(0).await;
    assert_eq!(app.pipedrive.activities().len(), 0);

    app.pipedrive.remove_fault(spent);
    let begun = Instant::now();
    assert!(resume(&app.settings).await.unwrap());

    app.wait_for_consumers(2).await;
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    app.wait_for_exactly(4).await;
    app.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_ends_a_pause_of_any_reason_and_a_lasting_one_returns() {
    let app = TestApp::builder()
        .set("BRIDGE__PIPEDRIVE__PROBE_INTERVAL", "1h")
        .spawn()
        .await;
    assert!(resume(&app.settings).await.unwrap(), "none is paused");
    app.pipedrive.set_account_closed(true);
    post(&app, "call-1").await;
    app.wait_until_not_ready("402").await;
    app.wait_for_consumers(0).await;

    app.pipedrive.set_account_closed(false);
    assert!(resume(&app.settings).await.unwrap());

    app.wait_for_exactly(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_writes_of_a_day_are_counted_and_end_for_their_own_reason() {
    let app = TestApp::builder()
        .set("BRIDGE__PIPEDRIVE__DAILY_WRITES", "2")
        .spawn()
        .await;

    for n in 0..3 {
        post(&app, &format!("call-{n}")).await;
    }

    app.wait_until_not_ready("the day's writes to Pipedrive are spent")
        .await;
    assert_eq!(app.pipedrive.activities().len(), 2);
    assert_eq!(counted(&app, "writes").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pipedrive_says_of_the_writes_goes_before_our_count() {
    let app = TestApp::builder()
        .sandbox(SandboxConfig {
            behaviour: Behaviour {
                daily_writes: Some(3),
                ..Behaviour::default()
            },
            ..SandboxConfig::default()
        })
        .set("BRIDGE__PIPEDRIVE__DAILY_WRITES", "10000")
        .spawn()
        .await;
    post(&app, "call-0").await;
    app.wait_for_activities(1).await;
    app.wait_until_idle().await;

    for n in 1..5 {
        post(&app, &format!("call-{n}")).await;
    }

    app.wait_until_not_ready("the day's writes to Pipedrive are spent")
        .await;
    app.wait_for_consumers(0).await;
    assert_eq!(app.pipedrive.activities().len(), 3);
    assert_eq!(refusals(&app.pipedrive.requests()), 0);
}
