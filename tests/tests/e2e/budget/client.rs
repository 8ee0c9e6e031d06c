//! The budget by itself: what is counted, corrected, and given back, with two clients that share it as two workers do.

use std::time::{Duration, Instant};

use bridge_tests::bridge::{PATIENCE, TestApp};
use bridge_tests::sandbox::pipedrive::{Fault, FaultRule, Limits, SandboxConfig};
use bridge_tests::servers::{free_ports, wait_until};
use futures_util::future::join_all;
use pipedrive::{Client, NewPerson, PersonId, PipedriveError, create_person};
use worker::startup;
use worker::store::Store;

use super::{company, counted, left, refusals};

pub(super) async fn client(app: &TestApp) -> Client {
    let store = Store::new(app.settings.redis.clone()).expect("usable settings");
    store.connect_without_epoch().await.expect("Redis answers");
    startup::client(&app.settings, &store).expect("a client")
}

async fn idle_app(sandbox: SandboxConfig) -> TestApp {
    let builder = TestApp::builder().sandbox(sandbox).without_worker();
    let app = builder.spawn().await;
    app.pipedrive
        .add_person("Casey Customer", &["+12025550143"]);
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn each_answer_corrects_the_count_whatever_their_order_and_whoever_else_spends() {
    let app = idle_app(company(7_000)).await;
    let clients = [client(&app).await, client(&app).await];
    // Every third answer comes long after it was given.
    let late = Fault::latency_after(Duration::from_millis(300));
    let late = FaultRule::always("GET", "/api/v2/persons/1", late).by_chance(0.3, 7);
    app.pipedrive.add_fault(late);

    for round in 0..3 {
        let reads = (0..20).map(|n| clients[n % 2].person(PersonId(1)));
        let (read, ()) = tokio::join!(join_all(reads), async {
            app.pipedrive.spend_elsewhere(500);
        });
        assert!(read.iter().all(Result::is_ok));
        let truth = i64::try_from(app.pipedrive.budget_left().unwrap()).unwrap();
        let known = left(&app).await;
        assert!(
            (known - truth).abs() <= 520,
            "{round}: {known}, not {truth}"
        );

        app.pipedrive.clear_faults();
        clients[round % 2].person(PersonId(1)).await.unwrap();
        let truth = i64::try_from(app.pipedrive.budget_left().unwrap()).unwrap();
        assert_eq!(left(&app).await, truth, "{round}");
    }

    // Upwards too: tokens were bought.
    app.pipedrive.set_budget_left(50_000, None);
    clients[0].person(PersonId(1)).await.unwrap();
    assert_eq!(left(&app).await, 49_999);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_answer_that_comes_later_corrects_nothing() {
    let app = idle_app(company(7_000)).await;
    let client = client(&app).await;
    let late = Fault::latency_after(Duration::from_millis(800));
    app.pipedrive
        .add_fault(FaultRule::once("GET", "/api/v2/persons/1", late));
    let older = tokio::spawn({
        let client = client.clone();
        async move { client.person(PersonId(1)).await }
    });
    let sent = wait_until("the older request", PATIENCE, async || {
        anyhow::ensure!(app.pipedrive.request_count() == 1);
        Ok(())
    });
    sent.await.unwrap();
    app.pipedrive.spend_elsewhere(1_000);

    client.person(PersonId(1)).await.unwrap();
    assert_eq!(left(&app).await, 5_998);
    older.await.unwrap().unwrap();

    assert_eq!(left(&app).await, 5_998);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_for_a_request_that_never_left_is_given_back() {
    let mut app = idle_app(company(7_000)).await;
    let reachable = client(&app).await;
    let [port] = free_ports().unwrap();
    let nowhere = format!("http://127.0.0.1:{port}");
    app.settings.pipedrive.base_url = nowhere.parse().unwrap();
    let unreachable = client(&app).await;

    let error = unreachable.person(PersonId(1)).await.unwrap_err();

    assert!(
        matches!(error, PipedriveError::Unreachable { .. }),
        "{error:?}"
    );
    assert_eq!(counted(&app, "day").await, 0);

    // Nor does a permit that is dropped cost anything, before or after another answer.
    reachable.person(PersonId(1)).await.unwrap();
    let create = create_person(&NewPerson {
        name: "Riley Example".to_owned(),
        phones: Vec::new(),
        emails: Vec::new(),
    });
    let permit = reachable.reserve(&create).await.unwrap();
    assert_eq!(counted(&app, "day").await, 6);
    assert_eq!(counted(&app, "writes").await, 1);
    reachable.person(PersonId(1)).await.unwrap();
    drop(permit);
    let given_back = wait_until("the tokens", PATIENCE, async || {
        anyhow::ensure!(counted(&app, "day").await == 2);
        Ok(())
    });
    given_back.await.unwrap();
    assert_eq!(counted(&app, "writes").await, 0);
    assert_eq!(left(&app).await, 6_998);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_searches_slows_only_searches() {
    let app = idle_app(SandboxConfig::default()).await;
    let client = client(&app).await;
    let burst = FaultRule::once("GET", "/api/v2/persons/search", Fault::burst_limit());
    app.pipedrive.add_fault(burst);
    let begun = Instant::now();
    let searching = tokio::spawn({
        let client = client.clone();
        async move { client.search_by_phone("2025550143").await }
    });
    let refused = wait_until("the refusal", PATIENCE, async || {
        anyhow::ensure!(refusals(&app.pipedrive.requests()) == 1);
        Ok(())
    });
    refused.await.unwrap();

    for _ in 0..10 {
        client.person(PersonId(1)).await.unwrap();
    }

    assert!(
        begun.elapsed() < Duration::from_millis(1_500),
        "they waited"
    );
    assert!(!searching.is_finished());
    searching.await.unwrap().unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(2));
}

/// The header of a search names the limit of searches, which is not that of other requests.
#[tokio::test(flavor = "multi_thread")]
async fn the_limit_of_searches_is_not_that_of_other_requests() {
    let app = idle_app(SandboxConfig {
        limits: Limits {
            requests_per_2s: Some(100),
            searches_per_2s: Some(4),
            daily_tokens: None,
        },
        ..SandboxConfig::default()
    })
    .await;
    let client = client(&app).await;
    client.search_by_phone("2025550143").await.unwrap();
    let begun = Instant::now();

    let reads = (0..60).map(|_| client.person(PersonId(1)));
    assert!(join_all(reads).await.iter().all(Result::is_ok));

    assert!(begun.elapsed() < Duration::from_secs(2), "they waited");
    // And the limit of searches is learned.
    let searches = (0..8).map(|_| client.search_by_phone("2025550143"));
    assert!(join_all(searches).await.iter().all(Result::is_ok));
    assert_eq!(refusals(&app.pipedrive.requests()), 0);
}
