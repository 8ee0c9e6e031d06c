//! Failures: retried what can heal, dead-lettered what cannot, nothing written twice.

use std::time::Duration;

use bridge_tests::bridge::{TestApp, call};
use bridge_tests::sandbox::pipedrive::{Fault, FaultRule, Limits, SandboxConfig};
use bridge_tests::servers::{Redis, RedisOptions};
use jiff::SignedDuration;
use shared::broker::topology::WORK_QUEUE;
use shared::clock;
use shared::config::ClockTime;

#[tokio::test(flavor = "multi_thread")]
async fn an_activity_whose_answer_was_lost_is_found_and_not_written_again() {
    for fault in [
        Fault::CutAfterEffect,
        Fault::server_error_after_effect(502),
        Fault::apply_late(Duration::from_millis(800)),
    ] {
        let app = TestApp::spawn().await;
        app.pipedrive
            .add_person("Casey Customer", &["+12025550143"]);
        app.pipedrive
            .add_fault(FaultRule::once("POST", "/api/v2/activities", fault.clone()));

        app.post(call("call-1", "+12025550143"))
            .await
            .assert_accepted();

        app.wait_for_exactly(1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_whose_creation_was_never_answered_is_found_and_not_created_again() {
    let app = TestApp::spawn().await;
    app.pipedrive.set_search_lag(Duration::from_secs(300));
    app.pipedrive.add_fault(FaultRule::once(
        "POST",
        "/api/v2/persons",
        Fault::CutAfterEffect,
    ));

    app.post(call("call-1", "+15550123456"))
        .await
        .assert_accepted();

    let activities = app.wait_for_exactly(1).await;
    assert_eq!(app.pipedrive.persons().len(), 1);
    assert_eq!(activities[0].person_id, Some(app.pipedrive.persons()[0].id));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activity_whose_answer_was_lost_is_found_though_its_person_was_merged_meanwhile() {
    let app = TestApp::spawn().await;
    let loser = app
        .pipedrive
        .add_person("Casey Customer", &["+12025550143"]);
    let survivor = app.pipedrive.add_person("Casey C.", &["+12025550199"]);
    app.pipedrive.add_fault(FaultRule::once(
        "POST",
        "/api/v2/activities",
        Fault::CutAfterEffect,
    ));
    app.post(call("call-1", "+12025550143"))
        .await
        .assert_accepted();
    app.wait_for_activities(1).await;

    // The effect settles for two seconds before it is looked for.
    app.pipedrive.merge_persons(loser, survivor);

    let activities = app.wait_for_exactly(1).await;
    assert_eq!(activities[0].person_id, Some(survivor));
    app.wait_for_dead_letters(0).await;
    let requests = app.pipedrive.requests();
    let writes = requests.iter().filter(|request| request.method != "GET");
    assert_eq!(writes.count(), 1, "{requests:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pipedrive_refuses_of_one_message_is_dead_lettered_with_its_reason_and_its_body_unchanged()
 {
    let app = TestApp::spawn().await;
    let body = call("call-1", "+12025550143");
    app.let_another_pass("create an activity").await;
    app.pipedrive.add_fault(FaultRule::always(
        "POST",
        "/api/v2/activities",
        Fault::forbidden(),
    ));

    app.post(body.clone()).await.assert_accepted();

    let letters = app.wait_for_dead_letters(1).await;
    assert_eq!(letters[0].payload, body);
    assert_eq!(letters[0].property("message_id").unwrap(), "call-1");
    assert_eq!(letters[0].header("x-failure-class").unwrap(), "permanent");
    assert_eq!(
        letters[0].header("x-failure-reason").unwrap(),
        "pipedrive_forbidden"
    );
    assert_eq!(letters[0].header("x-failed-step").unwrap(), "record");
    assert_eq!(letters[0].header("x-http-status").unwrap(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_heal_in_time_while_others_pass_is_dead_lettered_as_exhausted() {
    let app = TestApp::builder()
        .set("BRIDGE__RETRY__MAX_AGE", "3s")
        .spawn()
        .await;
    app.let_another_pass("search people by phone").await;
    app.pipedrive.add_fault(FaultRule::always(
        "GET",
        "/api/v2/persons/search",
        Fault::server_error_before_effect(500),
    ));

    app.post(call("call-1", "+12025550143"))
        .await
        .assert_accepted();

    let letters = app.wait_for_dead_letters(1).await;
    assert_eq!(letters[0].header("x-failure-class").unwrap(), "exhausted");
    assert_eq!(
        letters[0].header("x-failure-reason").unwrap(),
        "pipedrive_server_error"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_pauses_consumption_and_a_good_one_resumes_it() {
    let app = TestApp::spawn().await;
    app.pipedrive
        .add_person("Casey Customer", &["+12025550143"]);
    let token = app.pipedrive.api_token();
    app.pipedrive.set_api_token("another");

    for n in 0..20 {
        app.post(call(&format!("call-{n}"), "+12025550143"))
            .await
            .assert_accepted();
    }
    app.wait_until_not_ready("API token").await;
    app.wait_for_consumers(0).await;
    app.wait_until_queued(20).await;
    let vhost = app.vhost().name();
    let waiting = app.management().get_messages(vhost, WORK_QUEUE, 20).await;
    for message in waiting.unwrap() {
        // Some were never taken.
        let attempts = message.header("x-attempt").cloned();
        assert_eq!(attempts.unwrap_or_else(|| 0.into()), 0, "{message:?}");
    }
    app.pipedrive.set_api_token(&token);

    app.wait_for_exactly(20).await;
    app.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_day_pauses_consumption_and_costs_no_attempt() {
    let app = TestApp::builder()
        .set("BRIDGE__RETRY__DELAYS", "1s,1h")
        .spawn()
        .await;
    app.pipedrive
        .add_person("Casey Customer", &["+12025550143"]);
    let spent = Fault::daily_budget_exceeded(Duration::from_secs(20));
    app.pipedrive
        .add_fault(FaultRule::once("GET", "/api/v2/persons/search", spent));

    app.post(call("call-1", "+12025550143"))
        .await
        .assert_accepted();
    app.wait_until_not_ready("tokens are spent").await;
    let asked = app.pipedrive.request_count();
    app.post(call("call-2", "+12025550143"))
        .await
        .assert_accepted();

    // An attempt spent would wait on the delay of an hour; and no probe is sent before the day is over.
    app.wait_for_exactly(2).await;
    let pause = app
        .pipedrive
        .requests_since(asked)
        .first()
        .map(|request| request.at);
    let refused = app
        .pipedrive
        .requests()
        .iter()
        .find(|request| format!("{:?}", request.answer).contains("429"))
        .map(|request| request.at);
    let waited = pause.unwrap().duration_since(refused.unwrap());
    assert!(waited.as_secs() >= 19, "asked again after {waited:?}");
    app.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_whose_tokens_are_spent_by_our_own_count_pauses_consumption_until_the_daily_reset() {
    let mut app = TestApp::builder()
        .without_worker()
        .set("BRIDGE__PIPEDRIVE__DAILY_TOKENS", "36")
        .spawn()
        .await;
    // Room for one call and most of another to come first. A setting knows whole minutes only.
    let reset = clock::now() + SignedDuration::from_secs(20);
    let seconds = reset.as_second().rem_euclid(24 * 60 * 60);
    app.settings.pipedrive.daily_reset = ClockTime {
        seconds: seconds.try_into().unwrap(),
    };
    app.start_worker().await;
    app.pipedrive
        .add_person("Casey Customer", &["+12025550143"]);
    app.post(call("call-1", "+12025550143"))
        .await
        .assert_accepted();
    app.wait_for_activities(1).await;

    app.post(call("call-2", "+12025550143"))
        .await
        .assert_accepted();

    app.wait_until_not_ready("tokens are spent").await;
    app.wait_for_consumers(0).await;
    let (asked, spent) = (app.pipedrive.request_count(), app.pipedrive.tokens_spent());
    assert!(spent <= 36, "{spent}");
    assert_eq!(app.pipedrive.activities().len(), 1);
    app.wait_for_exactly(2).await;
    let resumed = app.pipedrive.requests_since(asked)[0].at;
    let late = resumed.duration_since(reset).as_secs();
    assert!((0..10).contains(&late), "{late} s after the reset");
    app.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_redis_is_unavailable_no_worker_consumes_and_afterwards_everything_is_recorded() {
    let mut redis = Redis::temporary(&RedisOptions::default()).await.unwrap();
    let app = TestApp::builder().redis(&redis).spawn().await;
    app.wait_for_consumers(1).await;

    redis.kill().unwrap();
    for n in 0..5 {
        app.post(call(&format!("call-{n}"), "+12025550143"))
            .await
            .assert_accepted();
    }
    app.wait_until_not_ready("Redis").await;
    app.wait_for_consumers(0).await;
    app.wait_until_queued(5).await;
    redis.restart().await.unwrap();

    app.wait_for_consumers(1).await;
    app.wait_for_exactly(5).await;
    app.wait_for_dead_letters(0).await;
}

/// Pipedrive's day begins at another hour than ours: what it reported of the day before must not outlast that day.
#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_pipedrive_reported_as_spent_is_probed_before_our_own_day_ends() {
    let limits = Limits {
        daily_tokens: Some(1000),
        ..Limits::unlimited()
    };
    let app = TestApp::builder()
        .sandbox(SandboxConfig {
            limits,
            ..SandboxConfig::default()
        })
        .set("BRIDGE__PIPEDRIVE__BUDGET_PROBE_INTERVAL", "3s")
        .spawn()
        .await;
    // Enough for one call without a number, and then for no search.
    app.pipedrive.set_budget_left(15, None);
    app.post(call("call-1", "Unknown")).await.assert_accepted();
    app.wait_for_activities(1).await;
    app.post(call("call-2", "+15550123456"))
        .await
        .assert_accepted();
    app.wait_until_not_ready("tokens are spent").await;
    let asked = app.pipedrive.request_count();
    app.pipedrive.set_budget_left(1000, None);

    app.wait_for_activities(2).await;
    assert_eq!(asked, 1, "what was reported kept us from asking");
    app.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pipedrives_limits_are_kept_to_without_a_single_429() {
    let limits = Limits {
        requests_per_2s: Some(20),
        searches_per_2s: Some(10),
        daily_tokens: None,
    };
    let app = TestApp::builder()
        .sandbox(SandboxConfig {
            limits,
            ..SandboxConfig::default()
        })
        .set("BRIDGE__PIPEDRIVE__REQUESTS_PER_2S", "20")
        .set("BRIDGE__PIPEDRIVE__SEARCHES_PER_2S", "10")
        .spawn()
        .await;

    for n in 0..30 {
        app.post(call(&format!("call-{n}"), &format!("+120255501{n:02}")))
            .await
            .assert_accepted();
    }

    app.wait_for_exactly(30).await;
    let refused = app
        .pipedrive
        .requests()
        .iter()
        .filter(|request| format!("{:?}", request.answer).contains("429"))
        .count();
    assert_eq!(refused, 0);
}
