//! A Redis that forgets in the middle of an interaction: more of C12 of `docs/RELIABILITY.md`, found by the chaos
//! campaign.

use std::time::Duration;

use anyhow::{bail, ensure};
use bridge_tests::bridge::{PATIENCE, TestApp, call, sample};
use bridge_tests::sandbox::pipedrive::{Activity, Fault, FaultRule};
use bridge_tests::servers::{Redis, RedisOptions, wait_until};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shared::clock;

use crate::failing_redis::app_with_redis;
use crate::hold::Hold;
use crate::invariants::{assert_recorded_once, assert_settled};
use crate::process::Worker;

const UNKNOWN_CALLER: &str = "+15550123456";
const SUPPLIER: &str = "+12025550177";

async fn app() -> (TestApp, Redis) {
    let (mut app, redis) = app_with_redis().await;
    app.start_worker().await;
    (app, redis)
}

/// A sample of an event that happens now.
fn now(name: &str) -> String {
    at(name, clock::now())
}

/// A sample of an event that happens at `time`, or so says its sender.
fn at(name: &str, time: Timestamp) -> String {
    let mut event: Value = serde_json::from_slice(&sample(name)).expect("samples are JSON");
    event["detail"]["eventBody"]["eventTime"] = json!(time.as_millisecond());
    event.to_string()
}

/// The end of the session of a supplier that an agent called into the conversation of the samples, now.
fn supplier_end() -> String {
    let mut event: Value = serde_json::from_str(&now("eventbridge-customer-end-voice-inbound"))
        .expect("samples are JSON");
    let body = &mut event["detail"]["eventBody"];
    let called = json!({"participantId": "supplier", "sessionId": "supplier", "direction": "OUTBOUND",
        "ani": "tel:+12025550100", "dnis": format!("tel:{SUPPLIER}"), "interactingDurationMs": 15_000,
        "externalContactId": null, "conversationExternalContactIds": null});
    for (name, value) in called.as_object().expect("members of an event") {
        body[name] = value.clone();
    }
    event.to_string()
}

/// Posts an event and waits until the one activity states it.
async fn record(app: &TestApp, body: String, text: &str) -> Activity {
    app.post(body).await.assert_accepted();
    let recorded = wait_until(text, PATIENCE, async || {
        let [activity] = &app.pipedrive.activities()[..] else {
            bail!("not one activity")
        };
        let note = activity.note.as_deref().unwrap_or_default();
        ensure!(note.contains(text), "{note}");
        Ok(activity.clone())
    });
    let activity = recorded.await.expect("it is recorded");
    app.wait_until_idle().await;
    activity
}

async fn assert_both_recorded_once(app: &TestApp) {
    let calls = ["call-1", "call-2"].map(str::to_owned);
    app.assert_each_recorded_once(calls).await;
    assert_settled(app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_forgotten_events_stated_stays_in_the_one_activity() {
    let (app, redis) = app().await;
    let friday = "call back on Friday";
    record(&app, now("eventbridge-acw-voice-inbound"), friday).await;
    redis.flush().await.unwrap();

    // The agent's event came first.
    let end = now("eventbridge-customer-end-voice-inbound");
    record(&app, end, "<b>Duration:</b> 7 min 22 s").await;
    redis.flush().await.unwrap();
    let leg = now("eventbridge-user-end-voice-inbound");
    let activity = record(&app, leg, "<b>Hold:</b> 30 s").await;

    let note = activity.note.unwrap();
    assert!(note.contains(friday), "of the first: {note}");
    assert!(
        note.contains("<b>Duration:</b> 7 min 22 s"),
        "of the second: {note}"
    );
    for once in ["<b>When:</b>", "<b>Duration:</b>"] {
        assert_eq!(note.matches(once).count(), 1, "{note}");
    }
    assert_eq!(
        activity.subject,
        "Inbound call from +12025550143 (7 min 22 s)"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_party_whose_event_comes_after_redis_forgot_the_customer_takes_part_in_their_record()
 {
    let (app, redis) = app().await;
    let end = now("eventbridge-customer-end-voice-inbound");
    let recorded = record(&app, end, "<b>Duration:</b> 7 min 22 s").await;
    redis.flush().await.unwrap();

    record(&app, supplier_end(), SUPPLIER).await;
    redis.flush().await.unwrap();
    // What is joined already stays so when another event follows, and when it comes again.
    record(&app, supplier_end(), SUPPLIER).await;
    let wrapup = now("eventbridge-acw-voice-inbound");
    let activity = record(&app, wrapup, "call back on Friday").await;

    let people = app.pipedrive.persons();
    assert_eq!(people.len(), 1, "no one is created for the supplier");
    assert_eq!(activity.person_id, recorded.person_id);
    assert_eq!(activity.subject, recorded.subject);
    assert_eq!(activity.due_time, recorded.due_time);
    assert_eq!(activity.duration, recorded.duration);
    let note = activity.note.unwrap();
    for once in [
        "<b>Outcome:</b> Inbound call",
        "<b>Number:</b> +12025550143",
        "<b>Duration:</b> 7 min 22 s",
        "<b>Also took part:</b> +12025550177",
    ] {
        assert_eq!(note.matches(once).count(), 1, "{once} in {note}");
    }
    assert_eq!(note.matches(SUPPLIER).count(), 1, "{note}");
    assert_settled(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_whose_event_comes_after_redis_forgot_a_third_party_gets_the_record() {
    let (app, redis) = app().await;
    record(&app, supplier_end(), SUPPLIER).await;
    let supplier = app.pipedrive.persons()[0].id;
    redis.flush().await.unwrap();

    let end = now("eventbridge-customer-end-voice-inbound");
    record(&app, end.clone(), "<b>Duration:</b> 7 min 22 s").await;
    // It stays so when another event follows, and when Redis forgets once more.
    let wrapup = now("eventbridge-acw-voice-inbound");
    record(&app, wrapup, "call back on Friday").await;
    redis.flush().await.unwrap();
    let leg = now("eventbridge-user-end-voice-inbound");
    let activity = record(&app, leg, "<b>Hold:</b> 30 s").await;

    let people = app.pipedrive.persons();
    let customer = people.iter().find(|person| person.id != supplier);
    assert_eq!(activity.person_id, customer.map(|person| person.id));
    let takes_part = |who| activity.participants.iter().any(|one| one.person_id == who);
    assert!(takes_part(supplier), "{:?}", activity.participants);
    assert_eq!(
        activity.subject,
        "Inbound call from +12025550143 (7 min 22 s)"
    );
    assert_eq!(activity.duration.as_deref(), Some("00:08"));
    let note = activity.note.unwrap();
    for once in [
        "<b>Outcome:</b> Inbound call, connected",
        "<b>Number:</b> +12025550143",
        "<b>Duration:</b> 7 min 22 s",
        "<b>Also took part:</b> +12025550177",
    ] {
        assert_eq!(note.matches(once).count(), 1, "{once} in {note}");
    }
    assert!(!note.contains("15 s<br>"), "{note}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_sent_again_after_redis_forgot_it_is_recorded_once() {
    let (app, redis) = app().await;
    record(
        &app,
        call("call-1", UNKNOWN_CALLER),
        "<b>Duration:</b> 1 min 1 s",
    )
    .await;
    redis.flush().await.unwrap();

    app.post(call("call-1", UNKNOWN_CALLER))
        .await
        .assert_accepted();
    // A newer call is only a sign that the repeated one had its turn.
    app.post(call("call-2", UNKNOWN_CALLER))
        .await
        .assert_accepted();

    assert_both_recorded_once(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_ahead_makes_nothing_new_that_redis_forgot() {
    let (app, redis) = app().await;
    let in_two_hours = clock::now() + SignedDuration::from_hours(2);
    let end = at("eventbridge-customer-end-voice-inbound", in_two_hours);
    record(&app, end.clone(), "<b>Duration:</b> 7 min 22 s").await;
    redis.flush().await.unwrap();

    // Over another call the worker notices: what comes next is not parked for that, which would be a sign by itself.
    app.post(call("call-2", UNKNOWN_CALLER))
        .await
        .assert_accepted();
    app.wait_for_exactly(2).await;
    app.post(end).await.assert_accepted();

    app.wait_for_exactly(2).await;
    assert_settled(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_forgotten_by_redis_before_the_search_knew_them_is_not_created_again() {
    let (app, redis) = app().await;
    app.pipedrive.set_search_lag(Duration::from_secs(600));
    record(
        &app,
        call("call-1", UNKNOWN_CALLER),
        "<b>Duration:</b> 1 min 1 s",
    )
    .await;
    redis.flush().await.unwrap();

    app.post(call("call-2", UNKNOWN_CALLER))
        .await
        .assert_accepted();

    assert_both_recorded_once(&app).await;
    assert_eq!(app.pipedrive.persons().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_for_an_epoch_that_is_over_by_the_time_of_the_claim_counts_for_nothing() {
    let (app, redis) = app_with_redis().await;
    let hold = Hold::new();
    let slow = Worker::start(&app, &hold.at_over("claim-weighed", "call-1"));
    app.post(call("call-1", UNKNOWN_CALLER))
        .await
        .assert_accepted();
    hold.reached().await;
    // The sender repeats itself, and another worker records it. Then Redis forgets.
    let fast = Worker::start(&app, "");
    app.post(call("call-1", UNKNOWN_CALLER))
        .await
        .assert_accepted();
    app.wait_for_activities(1).await;
    fast.terminate().await;
    redis.flush().await.unwrap();

    // Over another call the slow worker notices, and connects to the new epoch.
    app.post(call("call-2", "Unknown")).await.assert_accepted();
    let redis = r#"reason="redis""#;
    slow.wait_for_metric("bridge_worker_pauses_total", redis, 1)
        .await;
    let resumed = wait_until("a worker that goes on", PATIENCE, async || {
        ensure!(slow.metric("bridge_worker_paused", redis).await? == 0);
        Ok(())
    });
    resumed.await.unwrap();
    hold.release();

    assert_both_recorded_once(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_that_waits_for_room_is_not_sent_once_redis_forgot_it() {
    // What is in flight when Redis forgets is waited for, two seconds here: less than the wait for room.
    let redis = Redis::temporary(&RedisOptions::default()).await.unwrap();
    let app = TestApp::builder()
        .without_worker()
        .redis(&redis)
        .set("BRIDGE__PIPEDRIVE__REQUEST_TIMEOUT", "1s")
        .set("BRIDGE__PIPEDRIVE__SETTLE_TIME", "1s")
        .spawn()
        .await;
    // One waits; the other one gets the webhook that is sent again.
    let _workers = [Worker::start(&app, ""), Worker::start(&app, "")];
    let turned_away = Fault::burst_limit().with_header("retry-after", "5");
    let rule = FaultRule::once("POST", "/api/v2/activities", turned_away);
    app.pipedrive.add_fault(rule);
    app.post(call("call-1", UNKNOWN_CALLER))
        .await
        .assert_accepted();
    let waiting = wait_until("a create that waits for room", PATIENCE, async || {
        ensure!(!app.redis_keys("*tokens*:pause").await.is_empty());
        Ok(())
    });
    waiting.await.unwrap();

    redis.flush().await.unwrap();
    app.post(call("call-1", UNKNOWN_CALLER))
        .await
        .assert_accepted();

    assert_recorded_once(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_a_person_moved_before_redis_forgot_it_is_not_moved_back() {
    let (app, redis) = app().await;
    let end = now("eventbridge-customer-end-voice-inbound");
    let recorded = record(&app, end, "<b>Duration:</b> 7 min 22 s").await;
    let colleague = app.pipedrive.add_person("Casey's colleague", &[]);
    let path = format!("/api/v2/activities/{}", recorded.id);
    let moved = json!({"participants": [{"person_id": colleague, "primary": true}]});
    edit(&app, reqwest::Method::PATCH, &path, &moved).await;
    redis.flush().await.unwrap();

    let wrapup = now("eventbridge-acw-voice-inbound");
    let updated = record(&app, wrapup, "call back on Friday").await;

    assert_eq!(updated.person_id, Some(colleague));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_a_person_made_before_redis_forgot_the_record_is_not_taken_for_it() {
    let (app, redis) = app().await;
    let end = now("eventbridge-customer-end-voice-inbound");
    let recorded = record(&app, end, "<b>Duration:</b> 7 min 22 s").await;
    let copy = json!({"subject": "Follow up", "type": "call", "note": recorded.note,
        "participants": [{"person_id": recorded.person_id, "primary": true}]});
    edit(&app, reqwest::Method::POST, "/api/v2/activities", &copy).await;
    redis.flush().await.unwrap();

    app.post(now("eventbridge-acw-voice-inbound"))
        .await
        .assert_accepted();

    let find = |is_wanted: &dyn Fn(&Activity) -> bool| {
        let activities = app.pipedrive.activities();
        let found = activities.into_iter().find(|activity| is_wanted(activity));
        found.expect("it is there")
    };
    wait_until("the wrap-up in the record", PATIENCE, async || {
        let note = find(&|activity| activity.id == recorded.id).note;
        ensure!(note.unwrap_or_default().contains("call back on Friday"));
        Ok(())
    })
    .await
    .unwrap();
    app.wait_until_idle().await;
    assert_eq!(app.pipedrive.activities().len(), 2);
    let copy = find(&|activity| activity.subject == "Follow up");
    assert_eq!(copy.note, recorded.note, "the follow-up is as it was");
}

/// Does what a person does in Pipedrive's own interface.
async fn edit(app: &TestApp, method: reqwest::Method, path: &str, body: &Value) {
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let request = client
        .request(method, format!("{}{path}", app.sandbox().base_url()))
        .header("x-api-token", app.pipedrive.api_token())
        .json(body);
    let answer = request.send().await.expect("the sandbox answers");
    assert!(answer.status().is_success(), "{}", answer.status());
}
