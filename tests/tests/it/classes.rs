//! Each class of Pipedrive's errors, and what is done about it; `docs/RELIABILITY.md` tells what an operator sees.

use std::time::Duration;

use bridge_tests::app::{TestApp, call};
use bridge_tests::pipedrive::{Fault, FaultRule};

const CREATE: (&str, &str) = ("POST", "/api/v2/activities");
const SEARCH: (&str, &str) = ("GET", "/api/v2/persons/search");

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

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_is_waited_out() {
    heals(CREATE, Fault::burst_limit()).await;
    heals(SEARCH, Fault::burst_limit()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_not_open_pauses_everything_until_it_is() {
    let app = TestApp::spawn().await;
    app.pipedrive.set_account_closed(true);
    app.post(call("call-1", "+12025550143"))
        .await
        .assert_accepted();
    app.wait_until_not_ready("402").await;

    app.pipedrive.set_account_closed(false);

    app.wait_for_activities(1).await;
    app.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cloudflares_page_is_no_refusal_of_the_message() {
    let app = TestApp::spawn().await;
    app.pipedrive.add_fault(FaultRule::once(
        "POST",
        "/api/v2/activities",
        Fault::cloudflare_block(),
    ));

    app.post(call("call-1", "Unknown")).await.assert_accepted();

    app.wait_until_not_ready("Cloudflare").await;
    app.wait_for_dead_letters(0).await;
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
}
