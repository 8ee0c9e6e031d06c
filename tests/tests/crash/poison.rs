//! One message that cannot be survived must not take the others with it.

use std::time::Duration;

use bridge_tests::app::{TestApp, call};
use bridge_tests::services::wait_until;

use crate::process::Worker;

/// What a worker needs to start and to get at the messages, on a machine that is busy with other tests.
const RESTART: Duration = Duration::from_secs(5);

/// A service manager that starts the worker again whenever it dies, until `done`.
async fn keep_running(app: &TestApp, kill_point: &str, done: impl AsyncFn() -> bool) -> u32 {
    let mut deaths = 0;
    loop {
        let worker = Worker::start(app, kill_point);
        tokio::select! {
            () = worker.wait_for_death() => deaths += 1,
            () = async { while !done().await { tokio::task::yield_now().await } } => return deaths,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_kills_the_worker_is_found_and_dead_lettered_and_the_others_are_recorded() {
    let app = TestApp::builder().without_worker().spawn().await;
    let posted = shared::clock::now();
    for n in 0..8 {
        app.post(call(&format!("call-{n}"), "+15550123456"))
            .await
            .assert_accepted();
    }

    let deaths = keep_running(&app, "claimed=abort@call-3", async || {
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
    assert!(deaths <= 4, "the others waited for {deaths} deaths");
    // The bound that `docs/RELIABILITY.md` states.
    let bound = app.settings.worker.lease * 2 + RESTART * deaths;
    let requests = app.pipedrive.requests();
    let last = requests
        .iter()
        .rfind(|request| request.method == "POST" && request.path == "/api/v2/activities");
    let waited = last.unwrap().at.duration_since(posted).unsigned_abs();
    assert!(waited <= bound, "the others waited {waited:?} of {bound:?}");
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

    app.wait_for_activities(3).await;
    let letters = app.wait_for_dead_letters(1).await;
    assert_eq!(letters[0].property("message_id").unwrap(), "call-1");
    assert_eq!(letters[0].header("x-failure-reason").unwrap(), "panicked");
}
