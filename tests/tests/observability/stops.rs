//! The most important ways to stop of `docs/STOPS.md`: what readiness, log, metric and alarm say of each, and that it ends.

use anyhow::ensure;
use bridge_tests::bridge::{AlarmReceiver, PATIENCE, TestApp, WEBHOOK_TOKEN, call};
use bridge_tests::sandbox::pipedrive::{Fault, FaultRule};
use bridge_tests::servers::{Scratch, wait_until};

use crate::service::Service;

const TOKEN: &str = "first-token";
/// Enough that a failure of each is no message's own fault.
const CALLS: usize = 4;

/// The headline of an alarm of each sort.
const CREDENTIAL: &str = "Pipedrive refuses the credential";
const PAUSED: &str = "Consumption is paused";
const BUDGET: &str = "Pipedrive's daily budget will not suffice";

/// A way to stop.
struct Stop {
    /// What readiness, log and alarm say, in the same words.
    text: &'static str,
    /// The reason in metrics.
    reason: &'static str,
    alarm: &'static str,
    begin: fn(&TestApp),
    end: fn(&TestApp),
}

/// Begins with every create answered so.
fn create(app: &TestApp, fault: Fault) {
    let rule = FaultRule::always("POST", "/api/v2/activities", fault);
    app.pipedrive.add_fault(rule);
}

fn clear(app: &TestApp) {
    app.pipedrive.clear_faults();
}

async fn wait_for_page(app: &TestApp, url: &str, status: u16, part: &str) {
    let awaited = format!("{status} {part}");
    let waiting = wait_until(&awaited, PATIENCE, async || {
        let (found, text) = app.get(url).await;
        ensure!(found == status && text.contains(part), "{found} {text}");
        Ok(())
    });
    waiting.await.unwrap();
}

async fn assert_shown_and_ended(stop: Stop) {
    let receiver = AlarmReceiver::start();
    let app = TestApp::builder()
        .pipedrive_token(TOKEN)
        .set("BRIDGE__ALARM__WEBHOOK_URL", receiver.url())
        .set("BRIDGE__ALARM__RECOVERY", "2s")
        .without_worker()
        .spawn()
        .await;
    (stop.begin)(&app);
    let scratch = Scratch::create().unwrap();
    let worker = Service::start(&app, "worker", &scratch).await;
    let (ready, metrics) = (
        format!("{}/health/ready", worker.url),
        format!("{}/metrics", worker.url),
    );

    for n in 0..CALLS {
        let body = call(&format!("call-{n}"), "Unknown");
        app.post(body).await.assert_accepted();
    }

    wait_for_page(&app, &ready, 503, stop.text).await;
    let reason = stop.reason;
    let paused = format!("bridge_worker_paused{{reason=\"{reason}\"}}");
    wait_for_page(&app, &metrics, 200, &format!("{paused} 1")).await;
    let (_, page) = app.get(&metrics).await;
    let total = format!("bridge_worker_pauses_total{{reason=\"{reason}\"}}");
    let mut lines = page.lines();
    let count = lines.find_map(|line| line.strip_prefix(&*total));
    assert!(count.is_some_and(|count| count.trim() != "0"), "{count:?}");
    let log = worker.read();
    let is_said = |line: &str| {
        let parts = ["\"ERROR\"", "Consumption pauses: ", stop.text];
        parts.iter().all(|part| line.contains(part))
    };
    assert!(log.lines().any(is_said), "{log}");
    let heard = receiver.wait_for(1).await;
    for part in [stop.alarm, stop.text] {
        assert!(heard[0].contains(part), "{heard:?}");
    }
    app.wait_for_dead_letters(0).await;

    (stop.end)(&app);
    app.wait_for_activities(CALLS).await;
    wait_for_page(&app, &ready, 200, "").await;
    wait_for_page(&app, &metrics, 200, &format!("{paused} 0")).await;
    // Whether the rest of a day will suffice is known after some minutes.
    if stop.alarm != BUDGET {
        let heard = receiver.wait_for(2).await;
        assert!(heard[1].contains("Over after"), "{heard:?}");
    }
    app.wait_for_dead_letters(0).await;
}

/// What of the webhooks of an hour the alarm of `ingest` says in log, metric and message.
async fn assert_shown_by_ingest(body: &str, status: u16, alarm: &str, text: &str) {
    let receiver = AlarmReceiver::start();
    let builder = TestApp::builder().set("BRIDGE__ALARM__WEBHOOK_URL", receiver.url());
    let app = builder.without_worker().spawn().await;
    let scratch = Scratch::create().unwrap();
    let ingest = Service::start(&app, "ingest", &scratch).await;
    let client = reqwest::Client::builder().build().unwrap();

    for _ in 0..10 {
        let url = format!("{}/api/v1/genesys/webhook", ingest.url);
        let request = client.post(url).bearer_auth(WEBHOOK_TOKEN);
        let answer = request.body(body.to_owned()).send().await.unwrap();
        assert_eq!(answer.status(), status);
    }

    let heard = receiver.wait_for(1).await;
    assert!(heard[0].contains(text), "{heard:?}");
    let firing = format!("bridge_ingest_alarm_firing{{alarm=\"{alarm}\"}} 1");
    let metrics = format!("{}/metrics", ingest.url);
    wait_for_page(&app, &metrics, 200, &firing).await;
    let log = ingest.read();
    let mut lines = log.lines();
    assert!(
        lines.any(|line| line.contains("\"ERROR\"") && line.contains(text)),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_that_are_all_ignored() {
    let fax = call("call-1", "Unknown").replace("voice", "fax");
    assert_shown_by_ingest(&fax, 200, "everything_ignored", "channel (10)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_that_are_refused() {
    assert_shown_by_ingest("no JSON", 400, "share_refused", "malformed (10)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_valid() {
    assert_shown_and_ended(Stop {
        text: "answers 401: the API token is not valid; set a good one (pipedrive.api_token)",
        reason: "unauthorized",
        alarm: CREDENTIAL,
        begin: |app| app.pipedrive.set_api_token("another"),
        end: |app| app.pipedrive.set_api_token(TOKEN),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_closed() {
    assert_shown_and_ended(Stop {
        text: "answers 402: the company's account is not open",
        reason: "unauthorized",
        alarm: CREDENTIAL,
        begin: |app| app.pipedrive.set_account_closed(true),
        end: |app| app.pipedrive.set_account_closed(false),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_lacks_a_scope() {
    assert_shown_and_ended(Stop {
        text: "the app lacks a scope; add contacts:full",
        reason: "unauthorized",
        alarm: CREDENTIAL,
        begin: |app| create(app, Fault::scope_missing()),
        end: clear,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activity_type_that_is_switched_off() {
    assert_shown_and_ended(Stop {
        text: "create an activity",
        reason: "refused",
        alarm: PAUSED,
        begin: |app| assert!(app.pipedrive.set_activity_type_active("call", false)),
        end: |app| assert!(app.pipedrive.set_activity_type_active("call", true)),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_every_message_lacks() {
    assert_shown_and_ended(Stop {
        text: "grant the right to the user",
        reason: "refused",
        alarm: PAUSED,
        begin: |app| create(app, Fault::forbidden()),
        end: clear,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_at_which_nothing_is_found() {
    assert_shown_and_ended(Stop {
        text: "check pipedrive.base_url",
        reason: "refused",
        alarm: PAUSED,
        begin: |app| create(app, Fault::not_found()),
        end: clear,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_pipedrive() {
    assert_shown_and_ended(Stop {
        text: "create an activity with 500",
        reason: "outage",
        alarm: PAUSED,
        begin: |app| create(app, Fault::server_error_before_effect(500)),
        end: clear,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_break_off() {
    assert_shown_and_ended(Stop {
        text: "no complete answer from Pipedrive",
        reason: "outage",
        alarm: PAUSED,
        begin: |app| create(app, Fault::CutBeforeEffect),
        end: clear,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_by_cloudflare() {
    assert_shown_and_ended(Stop {
        text: "Cloudflare blocks this address",
        reason: "blocked",
        alarm: PAUSED,
        begin: |app| create(app, Fault::cloudflare_block()),
        end: clear,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_whose_tokens_are_spent() {
    assert_shown_and_ended(Stop {
        text: "tokens are spent",
        reason: "budget",
        alarm: BUDGET,
        begin: |app| {
            let spent = Fault::daily_budget_exceeded(std::time::Duration::from_secs(8));
            create(app, spent);
        },
        end: clear,
    })
    .await;
}
