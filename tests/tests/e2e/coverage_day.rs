//! A day with gaps: what Genesys' record says is written all the same, by a repair or by the workers themselves.
//! `BRIDGE_TEST_DAY=5000` makes it longer.

use std::time::{Duration, Instant};

use anyhow::ensure;
use bridge_tests::bridge::call_centre::CallCentre;
use bridge_tests::bridge::day_truth::wrong;
use bridge_tests::bridge::gaps::recent;
use bridge_tests::bridge::{AlarmReceiver, PATIENCE, call};
use bridge_tests::sandbox::pipedrive::{Limits, SandboxConfig};
use bridge_tests::servers::wait_until;
use shared::broker::topology;
use shared::domain::event::{Filter, Kind, Recognised, recognise};

/// How many conversations a day has without a wish.
const CONVERSATIONS: usize = 200;

/// A longer day takes minutes.
#[expect(
    clippy::disallowed_methods,
    reason = "a size of this test, no setting of the bridge"
)]
fn conversations() -> usize {
    let wanted = std::env::var("BRIDGE_TEST_DAY").ok();
    wanted
        .and_then(|count| count.parse().ok())
        .unwrap_or(CONVERSATIONS)
}

/// Requests that changed something in Pipedrive, from this one on.
fn writes_since(centre: &CallCentre, number: u64) -> Vec<String> {
    let requests = centre.app.pipedrive.requests_since(number).into_iter();
    let writes = requests.filter(|request| request.method != "GET");
    writes
        .map(|request| format!("{} {}", request.method, request.path))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_with_gaps_is_whole_after_one_repair_and_a_second_one_writes_nothing() {
    let builder = CallCentre::builder().set("BRIDGE__GENESYS__LEGS_WAIT", "10s");
    let centre = CallCentre::of_plan(&recent(conversations()), builder).await;
    let sent = centre.post_with_gaps().await;
    assert!(sent.withheld > 0 && sent.cut > 0, "{sent:?}");
    centre.wait_until_worked().await;
    assert!(!wrong(&centre).is_empty(), "there are no gaps");

    assert!(!centre.reconcile(true).await, "conversations are missing");
    centre.wait_for_the_truth().await;

    let before = centre.app.pipedrive.request_count();
    assert!(centre.reconcile(true).await, "a repair left gaps");
    centre.wait_until_worked().await;
    assert_eq!(writes_since(&centre, before), Vec::<String>::new());
    assert_eq!(centre.app.genesys().violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_from_two_places_at_once_writes_each_conversation_once() {
    let builder = CallCentre::builder().without_worker();
    let mut centre = CallCentre::of_plan(&recent(20), builder).await;
    let conversations = centre.day.happenings.iter();
    let missing = conversations.filter(|one| one.truth.is_recorded).count();

    let (one, other) = tokio::join!(centre.reconcile(true), centre.reconcile(true));

    assert!(!one && !other);
    assert!(centre.reconcile(true).await, "all of it waits in the queue");
    let queue = topology::BACKFILL_QUEUE;
    let (management, vhost) = (
        centre.app.management(),
        centre.app.vhost().name().to_owned(),
    );
    let waiting = management.get_messages(&vhost, queue, 500).await.unwrap();
    assert!(waiting.len() >= missing, "{} wait", waiting.len());
    for message in &waiting {
        let header = |name| message.header(name).and_then(|value| value.as_str());
        assert_eq!(header("x-source"), Some("reconcile"), "{message:?}");
        assert_eq!(header("x-event"), Some("customer.end"), "{message:?}");
        let read = recognise(message.payload.as_bytes(), None, &Filter::everything());
        let Ok(Recognised::Event(event)) = read else {
            panic!("{read:?}");
        };
        assert_eq!(event.kind, Kind::CustomerEnd);
    }
    for _ in 0..2 {
        centre.app.start_worker().await;
    }
    centre.wait_for_the_truth().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_day_is_nearly_spent_only_live_calls_are_written() {
    const DAY: u64 = 100_000;
    /// A worker looks into the queue every two seconds.
    const LOOKS: Duration = Duration::from_secs(5);
    let limits = Limits {
        daily_tokens: Some(DAY),
        ..Limits::unlimited()
    };
    let builder = CallCentre::builder()
        .without_worker()
        .sandbox(SandboxConfig {
            limits,
            ..SandboxConfig::default()
        });
    let mut centre = CallCentre::of_plan(&recent(10), builder).await;
    centre.reconcile(true).await;
    let app = &mut centre.app;
    let published = app.backfill_length().await;
    // A twentieth is less than what live calls keep at any hour.
    app.pipedrive.set_budget_left(DAY / 20, None);
    app.post(call("live", "Unknown")).await.assert_accepted();
    app.start_worker().await;
    app.wait_for_activities(1).await;
    let begin = Instant::now();
    while begin.elapsed() < LOOKS {
        assert_eq!(app.backfill_length().await, published);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(published > 0);

    app.pipedrive.set_budget_left(DAY, None);
    app.post(call("last", "Unknown")).await.assert_accepted();

    wait_until("an empty backfill queue", PATIENCE, async || {
        let rest = app.backfill_length().await;
        ensure!(rest == 0, "{rest} wait");
        Ok(())
    })
    .await
    .unwrap();
    app.wait_for_at_least(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_that_is_switched_off_rings_and_the_workers_write_what_it_withheld() {
    let receiver = AlarmReceiver::start();
    let builder = CallCentre::builder()
        .set("BRIDGE__RECONCILE__INTERVAL", "1s")
        .set("BRIDGE__RECONCILE__WINDOW", "24h")
        .set("BRIDGE__ALARM__WEBHOOK_URL", receiver.url());
    let centre = CallCentre::of_plan(&recent(30), builder).await;

    wait_until("an alarm", PATIENCE, async || {
        let heard = receiver.heard();
        let rings = heard
            .iter()
            .any(|text| text.contains("Events of conversations never came"));
        ensure!(rings, "{heard:?}");
        Ok(())
    })
    .await
    .unwrap();
    centre.wait_for_the_truth().await;
}
