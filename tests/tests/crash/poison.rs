//! One message that cannot be survived must not take the others with it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bridge_tests::bridge::{TestApp, call};
use bridge_tests::servers::{Publication, wait_until};
use futures_util::future::join_all;
use redis::AsyncCommands;
use serde_json::{Map, json};
use shared::broker::topology;
use shared::domain::ids::sha256_hex;
use worker::store::{AttemptState, DeliveryAttempts, Store};

use crate::failing_redis::app_with_redis;
use crate::hold::Hold;
use crate::process::Worker;

/// Owners of the leases that dead workers left, by key: whoever needs such a lease waits until it ends.
type LeftLeases = BTreeMap<String, BTreeSet<String>>;

/// A service manager that starts the worker again whenever it dies, until `done`. Gives the number of deaths.
async fn keep_running(
    app: &TestApp,
    fail_point: &str,
    left: &mut LeftLeases,
    done: impl AsyncFn() -> bool,
) -> u32 {
    let mut deaths = 0;
    loop {
        let worker = Worker::start(app, fail_point);
        tokio::select! {
            () = worker.wait_for_death() => deaths += 1,
            () = async { while !done().await { tokio::task::yield_now().await } } => return deaths,
        }
        note_leases(app, left).await;
    }
}

async fn note_leases(app: &TestApp, left: &mut LeftLeases) {
    let mut redis = app.redis().await;
    for key in app.redis_keys("lease:").await {
        let owner: Option<String> = redis.get(&key).await.expect("Redis answers");
        left.entry(key).or_default().extend(owner);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_kills_the_worker_is_found_and_dead_lettered_and_the_others_are_recorded() {
    let app = TestApp::builder().without_worker().spawn().await;
    for n in 0..8 {
        app.post(call(&format!("call-{n}"), "+15550123456"))
            .await
            .assert_accepted();
    }

    let mut left = LeftLeases::new();
    let deaths = keep_running(&app, "claimed=abort@call-3", &mut left, async || {
        let looking = wait_until("seven activities", Duration::from_secs(1), async || {
            anyhow::ensure!(app.pipedrive.activities().len() == 7);
            let letters = app.vhost().message_count("interactions.dead").await?;
            anyhow::ensure!(letters == 1);
            Ok(())
        });
        looking.await.is_ok()
    })
    .await;

    let letters = app.wait_for_dead_letters(1).await;
    assert_eq!(letters[0].property("message_id").unwrap(), "call-3");
    assert_eq!(letters[0].header("x-failure-class").unwrap(), "poison");
    assert_eq!(
        letters[0].header("x-failure-reason").unwrap(),
        "killed_the_worker"
    );
    let _heir = Worker::start(&app, "");
    let others = (0..8).filter(|n| *n != 3).map(|n| format!("call-{n}"));
    app.assert_each_recorded_once(others).await;
    assert!(deaths <= 4, "the others waited for {deaths} deaths");
    // The bound that `docs/RELIABILITY.md` states.
    let culprit = sha256_hex("call-3");
    for (key, owners) in left.iter().filter(|(key, _)| !key.contains(&culprit)) {
        assert!(owners.len() <= 2, "{key} was left {} times", owners.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_over_one_message_dead_letters_that_one_and_the_worker_lives_on() {
    let app = TestApp::builder().without_worker().spawn().await;
    let _worker = Worker::start(&app, "claimed=panic@call-1");

    for n in 0..4 {
        app.post(call(&format!("call-{n}"), "+15550123456"))
            .await
            .assert_accepted();
    }

    let others = [0, 2, 3].map(|n| format!("call-{n}"));
    app.assert_each_recorded_once(others).await;
    let letters = app.wait_for_dead_letters(1).await;
    assert_eq!(letters[0].property("message_id").unwrap(), "call-1");
    assert_eq!(letters[0].header("x-failure-reason").unwrap(), "panicked");
    assert_eq!(letters[0].header("x-failed-step").unwrap(), "match");
}

/// Puts a message into the work queue that was in a worker's hands so often when that worker died.
async fn publish(app: &TestApp, body: &str, failed_deliveries: u32) {
    let headers = json!({"x-failed-deliveries": failed_deliveries});
    let message = Publication {
        exchange: topology::EXCHANGE.to_owned(),
        routing_key: topology::WORK_KEY.to_owned(),
        properties: Map::from_iter([("headers".to_owned(), headers)]),
        payload: body.to_owned(),
    };
    let published = app.management().publish(app.vhost().name(), &message).await;
    published.expect("RabbitMQ takes the message");
}

/// The notes of a worker that is not there, or does not end; others are dead once they are older than `work`.
async fn suspects(app: &TestApp, work: Duration) -> DeliveryAttempts {
    let store = Store::new(app.settings.redis.clone()).expect("an address");
    let connected = store.connect(async || Ok(true)).await;
    connected.expect("Redis answers");
    DeliveryAttempts::new(store, work)
}

/// Lets all notes be as old as those of the dead are.
async fn age_notes(app: &TestApp) {
    let mut redis = app.redis().await;
    for notes in app.redis_keys("suspects:").await {
        let processes: Vec<String> = redis.hkeys(&notes).await.expect("Redis answers");
        for process in processes {
            let aged: redis::RedisResult<()> = redis.hset(&notes, process, 0).await;
            aged.expect("Redis answers");
        }
    }
}

async fn assert_no_notes(app: &TestApp) {
    assert_eq!(app.redis_keys("suspect").await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_suspect_by_other_processes_that_never_ended_with_it() {
    let app = TestApp::builder().without_worker().spawn().await;
    let [first, second, third] = join_all([Duration::ZERO; 3].map(|work| suspects(&app, work)))
        .await
        .try_into()
        .unwrap();
    let crashes = |count| Ok(AttemptState::Crashes(count));

    // A process that comes to it again lives.
    assert_eq!(first.begin("message").await, crashes(0));
    assert_eq!(first.begin("message").await, crashes(0));
    assert_eq!(second.begin("message").await, crashes(1));
    assert_eq!(third.begin("message").await, crashes(2));
    assert_eq!(third.begin("another message").await, crashes(0));

    // Who takes a note back takes the own one.
    let both = ["message".to_owned(), "another message".to_owned()];
    third.withdraw(&both).await.unwrap();
    assert_eq!(first.begin("message").await, crashes(1));
    second.clear("message").await.unwrap();
    assert_no_notes(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_which_other_workers_hold_copies_waits_and_is_not_taken_for_poison() {
    let app = TestApp::builder().without_worker().spawn().await;
    let suspect = call("call-1", "+15550123456");
    let key = sha256_hex(&suspect);
    // Each notes, as if it had not seen the other.
    let others = [Duration::ZERO; 2].map(|work| suspects(&app, work));
    for other in join_all(others).await {
        other.begin(&key).await.unwrap();
    }
    publish(&app, &suspect, 2).await;
    let worker = Worker::start(&app, "");
    let busy = r#"reason="busy""#;
    worker
        .wait_for_metric("bridge_worker_retries_total", busy, 2)
        .await;
    app.wait_for_dead_letters(0).await;

    // One of them is done.
    let one = suspects(&app, Duration::ZERO).await;
    one.clear(&key).await.unwrap();

    app.wait_for_activities(1).await;
    app.wait_until_idle().await;
    app.wait_for_dead_letters(0).await;
}

/// What Redis is asked while it stalls it does afterwards: the note is made, although the worker no longer waits for the answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_over_which_one_worker_died_and_redis_stalled_is_recorded() {
    let (app, mut redis) = app_with_redis().await;
    let suspect = call("call-1", "+15550123456");
    let died = suspects(&app, Duration::ZERO).await;
    died.begin(&sha256_hex(&suspect)).await.unwrap();
    age_notes(&app).await;
    // The suspect waits for the other message, which needs no Redis itself.
    let hold = Hold::new();
    let worker = Worker::start(&app, &hold.at("delivered"));
    publish(&app, "no event", 0).await;
    hold.reached().await;
    publish(&app, &suspect, 2).await;
    app.wait_until_queued(0).await;

    redis.pause().unwrap();
    hold.release();
    worker.wait_until_not_ready("Redis").await;
    app.wait_until_queued(1).await;
    redis.resume().unwrap();

    app.wait_for_activities(1).await;
    app.wait_until_idle().await;
    let letters = app.wait_for_dead_letters(1).await;
    assert_eq!(
        letters[0].header("x-failure-reason").unwrap(),
        "unrecognised"
    );
    assert_no_notes(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_ends_while_it_works_on_a_suspect_leaves_no_note() {
    let app = TestApp::builder()
        .without_worker()
        .set("BRIDGE__WORKER__GRACE_PERIOD", "1s")
        .spawn()
        .await;
    publish(&app, &call("call-1", "+15550123456"), 2).await;
    let hold = Hold::new();
    let worker = Worker::start(&app, &hold.at("delivered"));
    hold.reached().await;

    worker.terminate().await;

    assert_no_notes(&app).await;
}
