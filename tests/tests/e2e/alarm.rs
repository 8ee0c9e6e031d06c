//! The alarm: one message for each incident, however many workers there are, and one when it is over.
#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use std::net::TcpListener;
use std::time::Duration;

use anyhow::ensure;
use bridge_tests::bridge::{AlarmReceiver, Builder, PATIENCE, TestApp, call};
use bridge_tests::sandbox::pipedrive::{Fault, FaultRule};
use bridge_tests::servers::wait_until;
use worker::commands::alarm::{Action, execute};

pub(crate) fn alarmed(port: u16) -> Builder {
    TestApp::builder()
        .set(
            "BRIDGE__ALARM__WEBHOOK_URL",
            format!("http://127.0.0.1:{port}/hook"),
        )
        .set("BRIDGE__ALARM__RECOVERY", "4s")
}

async fn wait_for_metric(app: &TestApp, line: &str) {
    let url = format!("{}/metrics", app.worker_url());
    wait_until(line, PATIENCE, async || {
        let (_, text) = app.get(&url).await;
        ensure!(text.lines().any(|found| found.starts_with(line)), "{text}");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_rings_once_for_all_workers_and_again_when_it_is_good() {
    let receiver = AlarmReceiver::start();
    let mut app = alarmed(receiver.port()).spawn().await;
    app.start_worker().await;
    app.start_worker().await;
    app.pipedrive
        .add_person("Casey Customer", &["+12025550143"]);
    let token = app.pipedrive.api_token();

    app.pipedrive.set_api_token("another");
    // Enough for every worker to meet it.
    for n in 0..60 {
        let id = format!("call-{n}");
        app.post(call(&id, "+12025550143")).await.assert_accepted();
    }

    let heard = receiver.wait_for(1).await;
    assert!(heard[0].contains("refuses the credential"), "{heard:?}");
    assert!(heard[0].contains("Pipedrive answers 401"), "{heard:?}");
    assert!(heard[0].contains("pipedrive.api_token"), "{heard:?}");

    app.pipedrive.set_api_token(&token);
    app.wait_for_activities(60).await;
    let heard = receiver.wait_for(2).await;
    assert!(heard[1].contains("Over after"), "{heard:?}");
    app.wait_until_idle().await;
    assert_eq!(receiver.heard().len(), 2, "{:?}", receiver.heard());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_that_cannot_be_delivered_is_seen_and_delivered_later() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let app = alarmed(address.port()).spawn().await;
    app.let_another_pass("create an activity").await;
    app.pipedrive.add_fault(FaultRule::always(
        "POST",
        "/api/v2/activities",
        Fault::forbidden(),
    ));

    app.post(call("call-1", "+12025550143"))
        .await
        .assert_accepted();
    app.wait_for_dead_letters(1).await;

    let ready = format!("{}/health/ready", app.worker_url());
    wait_until("a note in readiness", PATIENCE, async || {
        let (status, body) = app.get(&ready).await;
        ensure!(
            status == 200 && body.contains("alarm could not be delivered"),
            "{status} {body}"
        );
        assert!(!body.contains("/hook"), "the address is a secret: {body}");
        Ok(())
    })
    .await
    .unwrap();
    wait_for_metric(&app, "bridge_alarm_deliveries_total{result=\"failed\"}").await;
    let receiver = AlarmReceiver::listen(TcpListener::bind(address).unwrap());

    let heard = receiver.wait_for(1).await;
    assert!(heard[0].contains("There are dead letters"), "{heard:?}");
    assert!(
        heard[0].contains("1 wait in interactions.dead"),
        "{heard:?}"
    );
    assert!(heard[0].contains("pipedrive_forbidden (1)"), "{heard:?}");

    app.pipedrive.clear_faults();
    let (vhost, queues) = (
        app.vhost().name(),
        ["interactions.dead", "interactions.work"],
    );
    let moved = app.management().move_messages(vhost, queues[0], queues[1]);
    moved.await.unwrap();
    let heard = receiver.wait_for(2).await;
    assert!(heard[1].contains("Over after"), "{heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_share_rings_with_its_reasons_and_waiting_for_limits_does_not() {
    let receiver = AlarmReceiver::start();
    let app = alarmed(receiver.port())
        .set("BRIDGE__ALARM__FAILED_WINDOW", "10s")
        .spawn()
        .await;
    app.pipedrive
        .add_person("Casey Customer", &["+12025550143"]);
    app.pipedrive
        .add_fault(FaultRule::always("POST", "/api/v2/activities", Fault::burst_limit()).times(3));
    for n in 0..10 {
        let id = format!("limited-{n}");
        app.post(call(&id, "+12025550143")).await.assert_accepted();
    }
    app.wait_for_activities(10).await;
    assert_eq!(receiver.heard(), Vec::<String>::new());

    // Were all to fail, consumption would pause instead.
    app.let_another_pass("list open deals").await;
    app.pipedrive.add_fault(
        FaultRule::always(
            "GET",
            "/api/v2/deals",
            Fault::server_error_before_effect(500),
        )
        .times(40),
    );
    for n in 0..10 {
        let id = format!("failing-{n}");
        app.post(call(&id, "+12025550143")).await.assert_accepted();
    }

    let heard = receiver.wait_for(1).await;
    assert!(heard[0].contains("Too many interactions fail"), "{heard:?}");
    assert!(heard[0].contains("pipedrive_server_error"), "{heard:?}");
    app.pipedrive.clear_faults();
    app.wait_for_activities(20).await;
    let heard = receiver.wait_for(2).await;
    assert!(heard[1].contains("Over after"), "{heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_work_queue_that_does_not_move_rings() {
    let receiver = AlarmReceiver::start();
    let app = alarmed(receiver.port())
        .set("BRIDGE__ALARM__QUEUE_MAX_AGE", "3s")
        .set("BRIDGE__WORKER__CONCURRENCY", "1")
        .spawn()
        .await;
    // Slower than the queue fills, and no error.
    app.pipedrive.add_fault(FaultRule::always(
        "POST",
        "/api/v2/activities",
        Fault::latency_before(Duration::from_millis(900)),
    ));

    for n in 0..15 {
        app.post(call(&format!("call-{n}"), "Unknown"))
            .await
            .assert_accepted();
    }

    let heard = receiver.wait_for(1).await;
    assert!(heard[0].contains("The work queue is stuck"), "{heard:?}");
    assert!(heard[0].contains("wait in interactions.work"), "{heard:?}");
    app.pipedrive.clear_faults();
    app.wait_for_activities(15).await;
    receiver.wait_for(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_rings_and_ends_with_the_next_webhook() {
    let receiver = AlarmReceiver::start();
    let app = alarmed(receiver.port())
        .set("BRIDGE__ALARM__NO_WEBHOOK", "3s")
        .set("BRIDGE__ALARM__NO_WEBHOOK_HOURS", "Mon-Sun 00:00-23:59")
        .spawn()
        .await;

    let heard = receiver.wait_for(1).await;
    assert!(heard[0].contains("No webhook comes"), "{heard:?}");

    // The alarm counts as over once it was clear for four seconds: webhooks keep coming meanwhile.
    let mut n = 0;
    wait_until("the end of the silence", PATIENCE, async || {
        n += 1;
        let id = format!("call-{n}");
        app.post(call(&id, "Unknown")).await.assert_accepted();
        let heard = receiver.heard();
        ensure!(heard.len() >= 2, "{heard:?}");
        assert!(heard[1].contains("Over after"), "{heard:?}");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_of_the_alarm_reaches_its_receiver_or_fails() {
    let receiver = AlarmReceiver::start();
    let app = alarmed(receiver.port()).spawn().await;

    execute(&app.settings, Action::Test).await.unwrap();
    let heard = receiver.wait_for(1).await;
    assert!(heard[0].contains("Test of the alarm"), "{heard:?}");

    drop(receiver);
    let error = execute(&app.settings, Action::Test).await.unwrap_err();
    assert!(format!("{error:#}").contains("not delivered"), "{error:#}");
    let nowhere = TestApp::builder().spawn().await;
    let error = execute(&nowhere.settings, Action::Test).await.unwrap_err();
    assert!(
        format!("{error:#}").contains("alarm.webhook_url"),
        "{error:#}"
    );
}

/// Posts `body` until the alarm says that it is over.
async fn post_until_over(app: &TestApp, receiver: &AlarmReceiver, body: impl Fn(usize) -> String) {
    let mut n = 0;
    wait_until("the end of the incident", PATIENCE, async || {
        n += 1;
        app.post(body(n)).await.assert_accepted();
        let heard = receiver.heard();
        ensure!(
            heard.iter().any(|it| it.contains("Over after")),
            "{heard:?}"
        );
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_that_are_all_ignored_ring_and_end_with_one_that_is_not() {
    let receiver = AlarmReceiver::start();
    let app = alarmed(receiver.port()).spawn().await;
    let ignored = |n| call(&format!("call-{n}"), "Unknown").replace("voice", "fax");

    for n in 0..10 {
        let answer = app.post(ignored(n)).await;
        assert_eq!(answer.body["status"], "ignored", "{answer:?}");
    }

    let heard = receiver.wait_for(1).await;
    assert!(heard[0].contains("every one is ignored"), "{heard:?}");
    assert!(heard[0].contains("channel (10)"), "{heard:?}");
    assert!(heard[0].contains("ingest.channels"), "{heard:?}");
    post_until_over(&app, &receiver, |n| call(&format!("good-{n}"), "Unknown")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_webhooks_that_is_refused_rings_with_the_reasons() {
    let receiver = AlarmReceiver::start();
    let app = alarmed(receiver.port()).spawn().await;

    for n in 0..12 {
        let body = call(&format!("call-{n}"), "Unknown");
        assert_eq!(app.post_as("another-token", body).await.status, 401);
    }
    assert_eq!(app.post("no JSON").await.status, 400);

    let heard = receiver.wait_for(1).await;
    assert!(heard[0].contains("Many webhooks are refused"), "{heard:?}");
    assert!(heard[0].contains("were answered 4xx"), "{heard:?}");
    assert!(heard[0].contains("unauthenticated"), "{heard:?}");
}
