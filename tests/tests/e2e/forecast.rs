//! Until when the day's tokens last at the present pace: in readiness and in the alarm.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use bridge_tests::bridge::{AlarmReceiver, call};
use bridge_tests::servers::wait_until;
use jiff::{SignedDuration, Timestamp};
use shared::clock;

use crate::alarm::alarmed;

/// A pace is known after a minute, if a good part of the day went in it.
const PATIENCE: Duration = Duration::from_secs(150);
/// The share of a day; the calls of new callers take three fifths of it.
const SHARE: u64 = 2_000;
const CALLS: usize = 24;

/// The time in "at this rate until 15:40 UTC", which is not long from now.
fn end(text: &str, now: Timestamp) -> anyhow::Result<()> {
    let (_, rest) = text
        .split_once("at this rate until ")
        .with_context(|| text.to_owned())?;
    let (time, _) = rest.split_once(" UTC").with_context(|| text.to_owned())?;
    let soon = (0..20).map(|minutes| now + SignedDuration::from_mins(minutes));
    let mut soon = soon.map(|at| at.strftime("%H:%M").to_string());
    ensure!(soon.any(|soon| soon == time), "{time}: {text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pace_that_the_day_does_not_bear_is_in_readiness_and_in_the_alarm_with_its_end() {
    let receiver = AlarmReceiver::start();
    let reset = clock::now() + SignedDuration::from_hours(6);
    let app = alarmed(receiver.port())
        .set("BRIDGE__PIPEDRIVE__DAILY_TOKENS", SHARE.to_string())
        .set(
            "BRIDGE__PIPEDRIVE__DAILY_RESET",
            reset.strftime("%H:%M").to_string(),
        )
        .spawn()
        .await;

    for n in 0..CALLS {
        let number = format!("+120255501{n:02}");
        let body = call(&format!("call-{n}"), &number);
        app.post(body).await.assert_accepted();
    }
    app.wait_for_exactly(CALLS).await;
    let spent = app.pipedrive.tokens_spent();
    assert!((SHARE / 2..SHARE).contains(&spent), "{spent}");

    let ready = format!("{}/health/ready", app.worker_url());
    wait_until("a forecast in readiness", PATIENCE, async || {
        let (status, text) = app.get(&ready).await;
        ensure!(status == 200, "{status} {text}");
        end(&text, clock::now())
    })
    .await
    .unwrap();
    let heard = receiver.wait_for(1).await;
    assert!(
        heard[0].contains("Pipedrive's daily budget will not suffice"),
        "{heard:?}"
    );
    assert!(
        heard[0].contains(&format!("{spent} of {SHARE}")),
        "{heard:?}"
    );
    end(&heard[0], clock::now()).unwrap();
}
