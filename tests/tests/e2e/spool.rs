//! RabbitMQ away, blocking or full: what was answered 200 is recorded once all the same.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bridge_tests::bridge::{Builder, PATIENCE, TestApp, WEBHOOK_TOKEN, call};
use bridge_tests::servers::{
    CutProxy, Environment, RabbitMq, RabbitMqOptions, Scratch, wait_until,
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::broker::topology;
use shared::clock;

const CALLER: &str = "+12025550143";

/// A bridge with a spool and a broker of its own.
async fn app_with_broker(builder: Builder) -> (TestApp, RabbitMq, Scratch) {
    let scratch = Scratch::create().expect("a folder");
    let broker = RabbitMq::start(
        &scratch.path().join("rabbitmq"),
        &RabbitMqOptions::default(),
    )
    .await
    .expect("a private RabbitMQ starts");
    let vhost = broker.address().create_vhost().await;
    let app = spooling(builder, &scratch)
        .vhost(vhost.expect("a virtual host"))
        .spawn()
        .await;
    broker.note_queues().await.expect("the queues are on disk");
    app.pipedrive.add_person("Casey Customer", &[CALLER]);
    (app, broker, scratch)
}

fn spooling(builder: Builder, scratch: &Scratch) -> Builder {
    let spool = scratch.path().join("spool/spool.sqlite");
    builder.set("BRIDGE__INGEST__SPOOL__PATH", spool.to_string_lossy())
}

/// Sets a broker whose network can be broken, and gives that network.
async fn proxied(builder: Builder) -> (Builder, CutProxy) {
    let environment = Environment::shared().await;
    let vhost = environment.broker().create_vhost().await;
    let vhost = vhost.expect("a virtual host");
    let (network, address) = CutProxy::in_front_of(&vhost.amqp_url())
        .await
        .expect("a proxy starts");
    let builder = builder
        .vhost(vhost)
        .set("BRIDGE__BROKER__URL", address.to_string());
    (builder, network)
}

/// The names of the calls numbered so.
fn calls(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers.into_iter().map(|n| format!("call-{n}")).collect()
}

/// Waits until nothing is left to do, and asserts that these calls were recorded, each once, and no other.
async fn assert_recorded_once(app: &TestApp, mut calls: Vec<String>) {
    let activities = app.wait_for_exactly(calls.len()).await;
    let mut recorded: Vec<_> = activities
        .iter()
        .filter_map(|activity| activity.note.as_deref()?.rsplit(' ').next())
        .collect();
    calls.sort();
    recorded.sort_unstable();
    assert_eq!(recorded, calls);
    app.wait_for_dead_letters(0).await;
}

async fn metric(app: &TestApp, name: &str) -> f64 {
    let (_, text) = app.get(&format!("{}/metrics", app.ingest_url)).await;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.and_then(|value| value.parse().ok())
        .unwrap_or_else(|| panic!("no {name} in {text}"))
}

async fn wait_until_drained(app: &TestApp) {
    let drained = wait_until("a drained spool", PATIENCE, async || {
        let left = metric(app, "bridge_ingest_spool_messages").await;
        ensure!(left == 0.0, "{left} messages are in it");
        Ok(())
    });
    drained.await.unwrap_or_else(|error| panic!("{error:#}"));
}

/// What an answer of 503 says in `Retry-After`.
async fn retry_after(app: &TestApp) -> String {
    let answer = reqwest::Client::builder()
        .build()
        .expect("a client")
        .post(format!("{}/api/v1/genesys/webhook", app.ingest_url))
        .bearer_auth(WEBHOOK_TOKEN)
        .body(call("call-refused", CALLER))
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 503);
    let value = answer.headers().get("retry-after").expect("Retry-After");
    value.to_str().expect("a text").to_owned()
}

async fn readiness(app: &TestApp) -> (u16, Value) {
    let (status, body) = app.get(&format!("{}/health/ready", app.ingest_url)).await;
    (status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_killed_under_load_costs_no_request_and_everything_is_recorded_once() {
    const CALLS: usize = 400;
    let (app, mut broker, _scratch) = app_with_broker(TestApp::builder()).await;
    let sent = AtomicUsize::new(0);
    let sender = async || {
        loop {
            let n = sent.fetch_add(1, Ordering::Relaxed);
            if n >= CALLS {
                return;
            }
            let answer = app.post(call(&format!("call-{n}"), CALLER)).await;
            answer.assert_accepted();
        }
    };
    let disaster = async {
        wait_until("some calls", PATIENCE, async || {
            ensure!(sent.load(Ordering::Relaxed) > CALLS / 4);
            Ok(())
        })
        .await
        .unwrap();
        broker.kill().unwrap();
        wait_until("all calls", PATIENCE, async || {
            ensure!(sent.load(Ordering::Relaxed) >= CALLS);
            Ok(())
        })
        .await
        .unwrap();
    };

    tokio::join!(join_all((0..8).map(|_| sender())), disaster);
    assert!(metric(&app, "bridge_ingest_spool_messages").await > 0.0);
    broker.restart().await.unwrap();

    wait_until_drained(&app).await;
    assert_recorded_once(&app, calls(0..CALLS)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_broker_blocks_ingest_is_ready_says_so_and_takes_everything() {
    let (app, broker, _scratch) = app_with_broker(TestApp::builder()).await;
    broker.set_memory_alarm(true).await.unwrap();

    let answers = join_all((0..50).map(|n| app.post(call(&format!("call-{n}"), CALLER)))).await;

    for answer in &answers {
        answer.assert_accepted();
    }
    let (status, body) = readiness(&app).await;
    assert_eq!((status, &body["status"]), (200, &json!("ready")));
    assert!(body["spool"]["messages"].as_u64() > Some(0), "{body}");
    assert!(
        body["degraded"][0].as_str().unwrap().contains("blocks"),
        "{body}"
    );
    assert!(metric(&app, "bridge_ingest_spool_oldest_age_seconds").await > 0.0);
    assert!(app.pipedrive.activities().is_empty());
    // Once the block is known, no webhook waits for the publish timeout. A busy machine may hold up all but one of them.
    let posted = AtomicUsize::new(50);
    wait_until(
        "an answer before the publish timeout",
        PATIENCE,
        async || {
            let n = posted.fetch_add(1, Ordering::Relaxed);
            let start = Instant::now();
            let answer = app.post(call(&format!("call-{n}"), CALLER)).await;
            answer.assert_accepted();
            ensure!(start.elapsed() < app.settings.ingest.publish_timeout);
            Ok(())
        },
    )
    .await
    .unwrap();
    broker.set_memory_alarm(false).await.unwrap();

    wait_until_drained(&app).await;
    assert_recorded_once(&app, calls(0..posted.into_inner())).await;
    assert_eq!(readiness(&app).await, (200, json!({"status": "ready"})));
}

/// A bridge without a worker, whose work queue is full, and whose spool holds what it refused.
async fn app_with_full_queue(scratch: &Scratch) -> TestApp {
    let app = spooling(TestApp::builder().without_worker(), scratch)
        .spawn()
        .await;
    let limit = json!({"max-length": 5});
    let limiting = app.management();
    let limited = limiting.set_policy(app.vhost().name(), topology::WORK_QUEUE, &limit);
    limited.await.expect("RabbitMQ takes a policy");
    wait_until("a full queue", PATIENCE, async || {
        app.post(call("call-0", CALLER)).await.assert_accepted();
        let spooled = metric(&app, "bridge_ingest_spool_messages").await;
        ensure!(spooled > 0.0, "nothing was refused");
        Ok(())
    })
    .await
    .expect("RabbitMQ refuses");
    for n in 1..20 {
        let answer = app.post(call(&format!("call-{n}"), CALLER)).await;
        answer.assert_accepted();
    }
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_full_queue_refuses_waits_until_there_is_room() {
    let scratch = Scratch::create().unwrap();
    let mut app = app_with_full_queue(&scratch).await;

    app.start_worker().await;

    wait_until_drained(&app).await;
    assert_recorded_once(&app, calls(0..20)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_full_queue_refused_goes_out_when_its_limit_is_taken_away() {
    let scratch = Scratch::create().unwrap();
    let mut app = app_with_full_queue(&scratch).await;

    let limited = app.vhost().name();
    app.management()
        .delete_policy(limited, topology::WORK_QUEUE)
        .await
        .unwrap();
    app.start_worker().await;

    wait_until_drained(&app).await;
    assert_recorded_once(&app, calls(0..20)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_spool_refuses_with_retry_after_and_loses_nothing_it_took() {
    let scratch = Scratch::create().unwrap();
    let (builder, network) = proxied(TestApp::builder().without_worker()).await;
    network.refuse(true);
    let mut app = spooling(builder, &scratch)
        .set("BRIDGE__INGEST__SPOOL__MAX_BYTES", "10000")
        .spawn()
        .await;

    let (mut accepted, mut refused) = (Vec::new(), 0);
    for n in 0..50 {
        let answer = app.post(call(&format!("call-{n}"), CALLER)).await;
        match answer.status {
            200 => accepted.push(n),
            503 => refused += 1,
            _ => panic!("{answer:?}"),
        }
    }

    assert_eq!(retry_after(&app).await, "5");
    assert!(accepted.len() > 2 && refused > 2, "{accepted:?} {refused}");
    let (status, body) = readiness(&app).await;
    assert_eq!(status, 503);
    assert!(
        body["missing"][1].as_str().unwrap().contains("full"),
        "{body}"
    );
    network.refuse(false);
    wait_until_drained(&app).await;
    app.start_worker().await;
    assert_recorded_once(&app, calls(accepted)).await;
    assert_eq!(readiness(&app).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spooled_message_is_published_as_it_would_have_been() {
    let scratch = Scratch::create().unwrap();
    let app = spooling(TestApp::builder().without_worker(), &scratch)
        .spawn()
        .await;
    let body = call("call-1", CALLER);
    let before = clock::now();
    app.post(body.clone()).await.assert_accepted();
    let direct = app
        .management()
        .get_messages(app.vhost().name(), topology::WORK_QUEUE, 1)
        .await
        .unwrap()
        .remove(0);

    // Unroutable: not taken, until the publisher declares the queue again.
    app.management()
        .delete_queue(app.vhost().name(), topology::WORK_QUEUE)
        .await
        .unwrap();
    app.post(body.clone()).await.assert_accepted();
    wait_until_drained(&app).await;

    // A queue declared a moment ago shows a confirmed message a moment later.
    let spooled = wait_until("the spooled message in the queue", PATIENCE, async || {
        let management = app.management();
        let queue = (app.vhost().name(), topology::WORK_QUEUE);
        let mut messages = management.get_messages(queue.0, queue.1, 1).await?;
        messages.pop().context("none yet")
    })
    .await
    .unwrap();
    assert_eq!(spooled.payload, body);
    for name in ["x-schema", "x-source", "x-event", "x-event-key"] {
        assert_eq!(spooled.header(name), direct.header(name), "{name}");
    }
    for name in [
        "delivery_mode",
        "content_type",
        "message_id",
        "type",
        "app_id",
    ] {
        assert_eq!(spooled.property(name), direct.property(name), "{name}");
    }
    let received: jiff::Timestamp = spooled
        .header("x-received-at")
        .and_then(Value::as_str)
        .unwrap()
        .parse()
        .unwrap();
    assert!(before < received && received < clock::now());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_spool_is_refused_with_the_reason() {
    let scratch = Scratch::create().unwrap();
    let app = spooling(TestApp::builder().without_worker(), &scratch)
        .spawn()
        .await;

    let second = ingest::startup::Application::build(&app.settings).await;

    let error = second.err().unwrap().to_string();
    assert!(
        error.contains("another process uses") && error.contains("INGEST__SPOOL__PATH"),
        "{error}"
    );
    let mut report = Vec::new();
    let is_fine = ingest::commands::check::run(&app.settings, None, &mut report)
        .await
        .unwrap();
    let report = String::from_utf8(report).unwrap();
    assert!(is_fine && report.contains("in use"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_spool_ends_the_start_and_is_reported_by_the_check() {
    let scratch = Scratch::create().unwrap();
    let file = scratch.path().join("spool.sqlite");
    std::fs::write(
        &file,
        "no database at all, but long enough to be looked at as one".repeat(9),
    )
    .unwrap();
    let app = TestApp::builder().without_worker().spawn().await;
    let mut settings = app.settings.clone();
    settings.ingest.spool.path = Some(file.clone());
    let before = std::fs::read(&file).unwrap();

    let started = ingest::startup::Application::build(&settings).await;
    let mut report = Vec::new();
    let is_fine = ingest::commands::check::run(&settings, None, &mut report)
        .await
        .unwrap();

    let error = started.err().unwrap().to_string();
    assert!(error.contains("Nothing was deleted"), "{error}");
    let report = String::from_utf8(report).unwrap();
    assert!(!is_fine && report.contains("FAIL  spool"), "{report}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_network_is_spooled_and_what_was_confirmed_late_is_recorded_once() {
    let scratch = Scratch::create().unwrap();
    let (builder, network) = proxied(TestApp::builder().without_worker()).await;
    let mut app = spooling(builder, &scratch)
        .set("BRIDGE__INGEST__PUBLISH_TIMEOUT", "500ms")
        .spawn()
        .await;
    network.stall(true);

    let answers = join_all((0..20).map(|n| app.post(call(&format!("call-{n}"), CALLER)))).await;
    for answer in &answers {
        answer.assert_accepted();
    }
    // The broker gets the first copies now, and those of the spool after them.
    network.stall(false);

    wait_until_drained(&app).await;
    app.start_worker().await;
    assert_recorded_once(&app, calls(0..20)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_consumed_meanwhile_is_back_soon_however_often_it_was_cut_off() {
    let (builder, network) = proxied(TestApp::builder()).await;
    let app = builder.spawn().await;

    let cut_and_wait = async || {
        let cut = Instant::now();
        network.cut_all();
        app.wait_until_not_ready("").await;
        wait_until("a worker that consumes", PATIENCE, async || {
            let (status, _) = app.get(&format!("{}/health/ready", app.worker_url())).await;
            ensure!(status == 200);
            Ok(())
        })
        .await
        .unwrap();
        cut.elapsed()
    };
    for _ in 0..5 {
        cut_and_wait().await;
    }

    // Failures that add up are at pauses of five seconds and more from the sixth on, each of them. A busy machine may hold
    // up all but one.
    wait_until("a worker that is back soon", PATIENCE * 2, async || {
        let away = cut_and_wait().await;
        ensure!(away < Duration::from_secs(5), "{away:?}");
        Ok(())
    })
    .await
    .unwrap();
}
