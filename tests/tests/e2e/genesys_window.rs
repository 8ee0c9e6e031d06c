//! Genesys' window of requests, which all workers share.

use std::time::{Duration, Instant};

use anyhow::ensure;
use bridge_tests::bridge::PATIENCE;
use bridge_tests::bridge::call_centre::{CallCentre, line, note};
use bridge_tests::sandbox::call_centre::{Happening, Scenario};
use bridge_tests::servers::wait_until;

const TOKEN: &str = "POST /oauth/token";
/// Requests in a window: fewer than the calls need.
const ALLOWED: usize = 40;

/// Requests that Genesys answered.
fn answered(centre: &CallCentre) -> usize {
    let counts = centre.app.genesys().counts();
    let counts = counts.iter().filter(|(operation, _)| *operation != TOKEN);
    counts.map(|(_, count)| count).sum()
}

fn calls(centre: &CallCentre, count: usize) -> Vec<&Happening> {
    let calls = centre.day.happenings.iter();
    let calls = calls.filter(|one| one.scenario == Scenario::Inbound);
    calls.take(count).collect()
}

/// Waits until calls are recorded with their agents as they are `written`.
async fn wait_until_named(
    centre: &CallCentre,
    calls: &[&Happening],
    written: impl Fn(&Happening, &str) -> bool,
) {
    for call in calls {
        centre
            .wait_for(&call.truth.conversation, |record| {
                line(note(record), "Agent").is_some_and(|agent| written(call, agent))
            })
            .await;
    }
}

fn has_name(call: &Happening, agent: &str) -> bool {
    agent == call.truth.agents[0].name
}

#[tokio::test(flavor = "multi_thread")]
async fn three_workers_share_a_window_and_what_is_beyond_it_comes_with_the_next() {
    let builder =
        CallCentre::builder().set("BRIDGE__GENESYS__REQUESTS_PER_MINUTE", ALLOWED.to_string());
    let mut centre = CallCentre::of(200, builder).await;
    centre
        .app
        .genesys()
        .set_limit(ALLOWED as u64, Duration::from_secs(60));
    centre.app.start_worker().await;
    centre.app.start_worker().await;
    let calls = calls(&centre, 24);

    for call in &calls {
        centre.deliver(call).await;
    }
    wait_until_named(&centre, &calls, |_, _| true).await;

    let used = answered(&centre);
    assert!((ALLOWED - 3..=ALLOWED).contains(&used), "{used}");
    assert_eq!(centre.app.genesys().limited(), 0);

    // The next minute.
    centre
        .app
        .genesys()
        .set_limit(1_000, Duration::from_secs(60));
    for key in ["{genesys}:requests", "{genesys}:limit", "{genesys}:pause"] {
        let key = format!("{}:{key}", centre.app.settings.redis.prefix);
        let removed: redis::RedisResult<()> = redis::cmd("DEL")
            .arg(key)
            .query_async(&mut centre.app.redis().await)
            .await;
        removed.expect("Redis answers");
    }
    wait_until_named(&centre, &calls[..12], has_name).await;
    centre.app.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_429_every_worker_waits_as_long_as_genesys_says() {
    let mut centre = CallCentre::spawn(200).await;
    centre.app.start_worker().await;
    centre.app.start_worker().await;
    let calls = calls(&centre, 6);
    centre.deliver(calls[0]).await;
    wait_until_named(&centre, &calls[..1], has_name).await;
    centre.app.wait_until_idle().await;
    let before = answered(&centre);

    // Another client of the organization has used the window up. It ends in 5 s; Genesys says whole seconds.
    centre.app.genesys().set_limit(0, Duration::from_secs(5));
    let refused = Instant::now();
    for call in &calls[1..] {
        centre.deliver(call).await;
    }
    wait_until_named(&centre, &calls[1..], |_, _| true).await;
    let limited = centre.app.genesys().limited();
    centre
        .app
        .genesys()
        .set_limit(1_000, Duration::from_secs(60));
    wait_until("a request after the pause", PATIENCE, async || {
        ensure!(answered(&centre) > before);
        Ok(())
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}"));
    let paused = refused.elapsed();

    assert!(paused >= Duration::from_secs(4), "{paused:?}");
    // Those that were on their way when the first was refused.
    assert!((1..=6).contains(&limited), "{limited}");
    wait_until_named(&centre, &calls, has_name).await;
    centre.app.wait_for_dead_letters(0).await;
}
