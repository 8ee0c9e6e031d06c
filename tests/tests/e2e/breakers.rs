//! Whose fault a failure is: what fails for every message pauses consumption, and what fails for one is its own fault.

use std::time::{Duration, Instant};

use anyhow::ensure;
use bridge_tests::bridge::{PATIENCE, TestApp, call};
use bridge_tests::sandbox::pipedrive::{Fault, FaultRule};
use bridge_tests::servers::{CutProxy, Redis, RedisOptions, Scratch, wait_until};
use futures_util::future::join_all;
use secrecy::SecretString;
use serde_json::json;
use shared::clock;
use shared::config::Secret;

const CREATE: (&str, &str) = ("POST", "/api/v2/activities");
/// How the worker names that.
const OPERATION: &str = "create an activity";

async fn post_calls(app: &TestApp, name: &str, count: usize) {
    for n in 0..count {
        let body = call(&format!("{name}-{n}"), "Unknown");
        app.post(body).await.assert_accepted();
    }
}

/// The guide's payload of a chat.
fn chat(id: &str) -> String {
    let data = json!({"id": id, "channelType": "chat", "duration": 61});
    json!({"eventType": "interaction.completed", "data": data}).to_string()
}

/// An app in which a chat is refused for its type, while calls pass.
async fn app_that_refuses_chats() -> TestApp {
    let app = TestApp::builder()
        .set("BRIDGE__PIPEDRIVE__CHAT_TYPE", "chat")
        .spawn()
        .await;
    app.pipedrive.add_activity_type("Chat", "chat");
    assert!(app.pipedrive.set_activity_type_active("chat", false));
    app
}

async fn field(app: &TestApp, key: &str, field: &str) -> Option<String> {
    let key = format!("{}:{{waits}}:{key}", app.settings.redis.prefix);
    let mut redis = app.redis().await;
    let value: redis::RedisResult<Option<String>> = redis::cmd("HGET")
        .arg(key)
        .arg(field)
        .query_async(&mut redis)
        .await;
    value.expect("Redis answers")
}

/// Whether a breaker of creates was ever closed, which it is after it was open.
async fn was_open(app: &TestApp, label: &str) -> bool {
    let closed = format!("closed {OPERATION}|{label}");
    field(app, "passed", &closed).await.is_some()
}

async fn wait_for_requests(app: &TestApp, more: u64) {
    let begun = app.pipedrive.request_count();
    let asked = wait_until("some probes", PATIENCE, async || {
        ensure!(app.pipedrive.request_count() >= begun + more);
        Ok(())
    });
    asked.await.expect("Pipedrive is asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activity_type_that_is_switched_off_pauses_all_workers_and_loses_none_of_150_messages() {
    let mut app = TestApp::spawn().await;
    app.start_worker().await;
    assert!(app.pipedrive.set_activity_type_active("call", false));

    post_calls(&app, "call", 150).await;
    app.wait_until_not_ready(OPERATION).await;
    app.wait_for_consumers(0).await;
    wait_for_requests(&app, 5).await;
    app.wait_for_dead_letters(0).await;
    assert_eq!(app.pipedrive.activities().len(), 0);
    assert!(app.pipedrive.set_activity_type_active("call", true));

    app.wait_for_exactly(150).await;
    app.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_of_every_message_is_named_with_its_remedy_and_ends_with_it() {
    let rejected = Fault::Answer {
        applied: false,
        status: 400,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: r#"{"success":false,"error":"owner_id is not active"}"#.to_owned(),
    };
    let failures = [
        (rejected, "owner_id is not active; correct what it names"),
        (Fault::forbidden(), "grant the right to the user"),
        (Fault::not_found(), "check pipedrive.base_url"),
        (Fault::server_error_before_effect(500), "status page"),
        (Fault::CutBeforeEffect, "status page"),
        (Fault::unsuccessful_answer(false), "status page"),
        (Fault::cloudflare_block(), "Cloudflare"),
    ];
    join_all(failures.map(async |(fault, named)| {
        let app = TestApp::spawn().await;
        let rule = FaultRule::always(CREATE.0, CREATE.1, fault);
        let rule = app.pipedrive.add_fault(rule);

        post_calls(&app, "call", 4).await;
        app.wait_until_not_ready(named).await;
        app.wait_until_not_ready("one message at a time is tried")
            .await;
        app.wait_for_dead_letters(0).await;
        app.pipedrive.remove_fault(rule);

        app.wait_for_exactly(4).await;
        app.wait_for_dead_letters(0).await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_who_resumes_ends_the_pause_and_what_failed_before_counts_no_more() {
    let app = TestApp::builder()
        .set("BRIDGE__PIPEDRIVE__PROBE_INTERVAL", "1h")
        .spawn()
        .await;
    let refusal = FaultRule::always(CREATE.0, CREATE.1, Fault::forbidden());
    let rule = app.pipedrive.add_fault(refusal);
    post_calls(&app, "call", 4).await;
    app.wait_until_not_ready(OPERATION).await;
    app.pipedrive.remove_fault(rule);

    // No probe is due for an hour.
    worker::commands::resume::resume(&app.settings)
        .await
        .unwrap();

    app.wait_for_exactly(4).await;
    assert!(was_open(&app, "403").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_that_is_removed_pauses_consumption_and_loses_nothing() {
    let app = TestApp::spawn().await;
    let refusal = FaultRule::always(CREATE.0, CREATE.1, Fault::scope_missing());
    let rule = app.pipedrive.add_fault(refusal);

    post_calls(&app, "call", 40).await;
    app.wait_until_not_ready("lacks a scope").await;
    app.pipedrive.remove_fault(rule);

    app.wait_for_exactly(40).await;
    app.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_longer_than_the_retry_window_exhausts_nothing_and_its_end_resumes_work_at_once()
{
    let app = TestApp::builder()
        .set("BRIDGE__RETRY__MAX_AGE", "1s")
        .spawn()
        .await;
    let outage = FaultRule::everywhere(Fault::server_error_before_effect(503));
    let rule = app.pipedrive.add_fault(outage);

    post_calls(&app, "call", 20).await;
    app.wait_until_not_ready("503").await;
    app.wait_for_consumers(0).await;
    wait_for_requests(&app, 25).await;
    app.wait_for_dead_letters(0).await;
    app.pipedrive.remove_fault(rule);
    let healed = Instant::now();

    app.wait_for_at_least(1).await;
    let resumed = healed.elapsed();
    app.wait_for_exactly(20).await;
    app.wait_for_dead_letters(0).await;
    // A probe each tenth of the outage's age, and the time in which a lost create may appear.
    assert!(resumed < Duration::from_secs(10), "{resumed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_to_pipedrive_pauses_consumption_and_a_message_that_arrives_later_ends_it()
 {
    let mut app = TestApp::builder().without_worker().spawn().await;
    let base_url = app.sandbox().base_url().parse().unwrap();
    let (network, address) = CutProxy::in_front_of(&base_url).await.unwrap();
    app.settings.pipedrive.base_url = address;
    app.start_worker().await;
    network.refuse(true);

    post_calls(&app, "call", 5).await;
    app.wait_until_not_ready("cannot be reached").await;
    network.refuse(false);
    post_calls(&app, "later", 1).await;

    app.wait_for_exactly(6).await;
    app.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_refused_three_times_while_others_pass_is_a_dead_letter_and_pauses_nothing() {
    let app = app_that_refuses_chats().await;
    app.post(chat("chat-1")).await.assert_accepted();
    let refused = wait_until("a refusal", PATIENCE, async || {
        let failures = app.redis_keys("{waits}:failed:").await;
        ensure!(failures.len() == 1, "{failures:?}");
        Ok(())
    });
    refused.await.unwrap();

    post_calls(&app, "call", 20).await;

    let letters = app.wait_for_dead_letters(1).await;
    app.wait_for_exactly(20).await;
    assert_eq!(letters[0].property("message_id").unwrap(), "chat-1");
    let reason = letters[0].header("x-failure-reason").unwrap();
    assert_eq!(reason, "pipedrive_rejected");
    assert_eq!(letters[0].header("x-http-status").unwrap(), 400);
    let creates = app.pipedrive.requests();
    let creates = creates
        .iter()
        .filter(|it| (&*it.method, &*it.path) == CREATE);
    assert_eq!(creates.count(), 20 + 3);
    assert!(!was_open(&app, "400").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_body_that_a_firewall_refuses_is_a_dead_letter_and_pauses_nothing() {
    let app = TestApp::spawn().await;
    let page = FaultRule::always(CREATE.0, CREATE.1, Fault::cloudflare_block());
    app.pipedrive.add_fault(page.of_body("call-script"));
    app.post(call("call-script", "Unknown"))
        .await
        .assert_accepted();
    wait_for_requests(&app, 1).await;

    post_calls(&app, "call", 20).await;

    let letters = app.wait_for_dead_letters(1).await;
    app.wait_for_exactly(20).await;
    let reason = letters[0].header("x-failure-reason").unwrap();
    assert_eq!(reason, "pipedrive_blocked");
    assert!(!was_open(&app, "blocked").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lone_message_is_a_dead_letter_an_hour_after_its_first_refusal() {
    let app = app_that_refuses_chats().await;
    app.post(chat("chat-1")).await.assert_accepted();
    let key = format!(
        "{}:{{waits}}:failed:{OPERATION}|400",
        app.settings.redis.prefix
    );
    let mut redis = app.redis().await;
    let thrice = wait_until("three refusals", PATIENCE, async || {
        let all: Vec<(String, String)> = redis::cmd("HGETALL")
            .arg(&key)
            .query_async(&mut app.redis().await)
            .await?;
        let words: Vec<String> = all
            .iter()
            .flat_map(|(_, entry)| entry.split(' ').map(str::to_owned))
            .collect();
        ensure!(
            words
                .get(2)
                .is_some_and(|count| count != "1" && count != "2"),
            "{all:?}"
        );
        Ok((all[0].0.clone(), words))
    });
    let (message, words) = thrice.await.unwrap();
    assert!(app.wait_for_dead_letters(0).await.is_empty());

    // As if its first refusal had been an hour ago.
    let hour_ago = clock::now().as_millisecond() - 3_600_000;
    let aged = format!("{hour_ago} {} {} {}", words[1], words[2], words[3]);
    let () = redis::cmd("HSET")
        .arg(&key)
        .arg(&message)
        .arg(aged)
        .query_async(&mut redis)
        .await
        .unwrap();

    let letters = app.wait_for_dead_letters(1).await;
    let reason = letters[0].header("x-failure-reason").unwrap();
    assert_eq!(reason, "pipedrive_rejected");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_one_key_of_redis_is_its_messages_and_pauses_nothing() {
    let app = TestApp::spawn().await;
    app.post(call("call-odd", "Unknown"))
        .await
        .assert_accepted();
    app.wait_for_exactly(1).await;
    let [entry] = &app.redis_keys("interaction:").await[..] else {
        panic!("one interaction has one entry")
    };
    let mut redis = app.redis().await;
    let replaced: redis::RedisResult<()> = redis::cmd("SET")
        .arg(&[entry, "no hash"])
        .query_async(&mut redis)
        .await;
    replaced.unwrap();

    app.post(call("call-odd", "+12025550143"))
        .await
        .assert_accepted();
    let failed = wait_until("a failure", PATIENCE, async || {
        let failures = app.redis_keys("{waits}:failed:").await;
        ensure!(failures.len() == 1, "{failures:?}");
        Ok(())
    });
    failed.await.unwrap();
    post_calls(&app, "call", 5).await;

    let letters = app.wait_for_dead_letters(1).await;
    app.wait_for_exactly(6).await;
    let reason = letters[0].header("x-failure-reason").unwrap();
    assert_eq!(reason, "redis_refused");
    let (status, body) = app.get(&format!("{}/health/ready", app.worker_url())).await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_listed_with_its_reason_until_its_end_and_keeps_when_it_was_received() {
    let app = app_that_refuses_chats().await;
    post_calls(&app, "call", 3).await;
    app.wait_for_exactly(3).await;
    assert_eq!(app.redis_keys("{waits}:entries").await, [""; 0]);

    app.post(chat("chat-1")).await.assert_accepted();
    let listed = wait_until("an entry", PATIENCE, async || {
        let entries: Vec<String> = redis::cmd("HVALS")
            .arg(format!("{}:{{waits}}:entries", app.settings.redis.prefix))
            .query_async(&mut app.redis().await)
            .await?;
        ensure!(entries.len() == 1, "{entries:?}");
        Ok(serde_json::from_str::<serde_json::Value>(&entries[0])?)
    });
    let entry = listed.await.unwrap();
    assert_eq!(entry["interaction"], "chat-1");
    assert_eq!(entry["reason"], "pipedrive_rejected");
    assert_eq!(entry["queue"], "interactions.retry.500ms");
    worker::commands::waiting::waiting(&app.settings, worker::commands::waiting::Limit::default())
        .await
        .unwrap();

    assert!(app.pipedrive.set_activity_type_active("chat", true));
    app.wait_for_exactly(4).await;
    assert_eq!(app.redis_keys("{waits}:entries").await, [""; 0]);
    assert_eq!(app.redis_keys("{waits}:received").await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_state_of_redis_is_named_as_itself_and_its_end_resumes_work() {
    let scratch = Scratch::create().unwrap();
    let options = RedisOptions::default();
    let redis = Redis::start(&scratch.path().join("redis"), &options).await;
    let redis = redis.unwrap();
    let app = TestApp::builder()
        .set("BRIDGE__REDIS__URL", redis.url().to_string())
        .spawn()
        .await;
    let mut admin = app.redis().await;
    for (n, (set, unset, named)) in [
        ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", "OOM"),
        (
            "CONFIG SET maxmemory-policy allkeys-lru",
            "CONFIG SET maxmemory-policy noeviction",
            "evicts keys (maxmemory-policy allkeys-lru)",
        ),
        (
            "ACL SETUSER default resetpass >secret",
            "ACL SETUSER default nopass",
            "refuses the password",
        ),
        (
            "ACL SETUSER default -set",
            "ACL SETUSER default +@all",
            "NOPERM",
        ),
        (
            "REPLICAOF 127.0.0.1 9",
            "REPLICAOF NO ONE",
            "read-only replica",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let mut run = async |command: &str| {
            let mut words = command.split(' ');
            let mut command = redis::cmd(words.next().unwrap());
            for word in words {
                command.arg(word);
            }
            let done: redis::RedisResult<()> = command.query_async(&mut admin).await;
            done.unwrap_or_else(|error| panic!("{named}: {error}"));
        };
        run(set).await;
        // The administrator's connection stays; the worker has to connect anew.
        run("CLIENT KILL TYPE normal SKIPME yes").await;
        post_calls(&app, &format!("state-{n}"), 1).await;

        app.wait_until_not_ready(named).await;

        run(unset).await;
        app.wait_for_exactly(n + 1).await;
    }
    app.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rabbitmq_that_is_away_at_start_is_named_as_itself_and_its_return_begins_work() {
    let mut app = TestApp::builder().without_worker().spawn().await;
    let broker = app.vhost().amqp_url();
    let (network, address) = CutProxy::in_front_of(&broker).await.unwrap();
    let url = SecretString::from(address.to_string());
    app.settings.broker.url = Secret::from(url);
    network.refuse(true);
    app.start_worker_that_waits().await;
    post_calls(&app, "call", 1).await;

    // Redis has no epoch yet, and RabbitMQ is to say whether it ever had.
    app.wait_until_not_ready("RabbitMQ does not answer, which knows whether Redis lost its data")
        .await;
    app.wait_until_not_ready("no publishing connection to RabbitMQ")
        .await;
    network.refuse(false);

    app.wait_for_exactly(1).await;
}
