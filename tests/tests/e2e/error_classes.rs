//! Each class of Pipedrive's errors, and what is done about it; `docs/RELIABILITY.md` describes what an operator sees.

use std::time::Duration;

use bridge_tests::bridge::{PATIENCE, TestApp, call, sample};
use bridge_tests::sandbox::pipedrive::{Activity, Fault, FaultRule, RequestRecord};
use bridge_tests::servers::{CutProxy, QueuedMessage, wait_until};
use futures_util::future::join_all;
use shared::broker::topology;

const CREATE: (&str, &str) = ("POST", "/api/v2/activities");
const SEARCH: (&str, &str) = ("GET", "/api/v2/persons/search");
const PERSON: (&str, &str) = ("GET", "/api/v2/persons/1");
const DEALS: (&str, &str) = ("GET", "/api/v2/deals");
const PROBE: (&str, &str) = ("GET", "/v1/users/me");
/// What is looked at for a record whose create was not answered.
const LIST: (&str, &str) = ("GET", "/api/v2/activities");

/// Posts one call of a known person, who has a deal, while Pipedrive misbehaves once; it must be recorded once all the same.
async fn heals(request: (&str, &str), fault: Fault) -> TestApp {
    let app = TestApp::spawn().await;
    let person = app
        .pipedrive
        .add_person("Casey Customer", &["+12025550143"]);
    app.pipedrive.add_deal("Twenty seats", person);
    app.pipedrive
        .add_fault(FaultRule::once(request.0, request.1, fault.clone()));

    app.post(call("call-1", "+12025550143"))
        .await
        .assert_accepted();

    let activities = app.wait_for_exactly(1).await;
    assert_eq!(activities[0].person_id, Some(person), "{fault:?}");
    assert_eq!(app.pipedrive.persons().len(), 1, "{fault:?}");
    app.wait_for_dead_letters(0).await;
    app
}

/// What was asked of Pipedrive, in order.
fn asked(requests: &[RequestRecord]) -> Vec<(&str, &str)> {
    let asked = requests
        .iter()
        .map(|request| (&*request.method, &*request.path));
    asked.collect()
}

/// Asserts that between each of these and the next at least `pause` went by.
fn assert_apart(requests: &[RequestRecord], pause: Duration) {
    for pair in requests.windows(2) {
        let apart = pair[1].at.duration_since(pair[0].at).unsigned_abs();
        assert!(apart >= pause, "{apart:?}: {pair:#?}");
    }
}

/// Waits for the one message in a queue, which it stays in.
async fn message_in(app: &TestApp, queue: &str) -> QueuedMessage {
    let awaited = format!("a message in {queue}");
    let found = wait_until(&awaited, PATIENCE, async || {
        let vhost = app.vhost().name();
        let mut messages = app.management().get_messages(vhost, queue, 2).await?;
        anyhow::ensure!(messages.len() == 1, "there are {}", messages.len());
        Ok(messages.remove(0))
    });
    found.await.unwrap_or_else(|error| panic!("{error:#}"))
}

/// A message that came back to the work queue, where no worker consumes it, because of `reason`, and spent no attempt.
async fn assert_parked(app: &TestApp, reason: &str) {
    let message = message_in(app, topology::WORK_QUEUE).await;
    assert_eq!(message.header("x-retry-reason"), Some(&reason.into()));
    assert_eq!(message.header("x-attempt"), Some(&0.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_is_waited_out_within_the_attempt() {
    // Another attempt would ask for the person again.
    let app = heals(CREATE, Fault::burst_limit()).await;
    let requests = app.pipedrive.requests();
    assert_eq!(asked(&requests), [SEARCH, PERSON, DEALS, CREATE, CREATE]);
    assert_apart(&requests[3..], Duration::from_millis(1_900));

    let app = heals(SEARCH, Fault::burst_limit()).await;
    let requests = app.pipedrive.requests();
    assert_eq!(asked(&requests), [SEARCH, SEARCH, PERSON, DEALS, CREATE]);
    assert_apart(&requests[..2], Duration::from_millis(1_900));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_that_lasts_parks_the_message_and_costs_no_attempt() {
    let app = TestApp::builder()
        .set("BRIDGE__RETRY__DELAYS", "3s,1h")
        .spawn()
        .await;
    // Twice three times: had the first round cost an attempt, the second would end on the delay of an hour.
    let burst = FaultRule::always(CREATE.0, CREATE.1, Fault::burst_limit()).times(6);
    app.pipedrive.add_fault(burst);

    app.post(call("call-1", "Unknown")).await.assert_accepted();

    app.wait_for_exactly(1).await;
    let requests = app.pipedrive.requests();
    let creates = asked(&requests);
    assert_eq!(creates.iter().filter(|it| **it == CREATE).count(), 7);
    app.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_not_open_pauses_everything_until_it_is() {
    let app = TestApp::spawn().await;
    app.pipedrive.set_account_closed(true);
    app.post(call("call-1", "Unknown")).await.assert_accepted();
    app.wait_until_not_ready("402").await;
    assert_parked(&app, "pipedrive_unauthorized").await;
    let refused = wait_until("some probes", PATIENCE, async || {
        let requests = app.pipedrive.requests();
        anyhow::ensure!(requests.len() > 4);
        Ok(requests)
    });
    let refused = refused.await.unwrap();

    app.pipedrive.set_account_closed(false);

    app.wait_for_exactly(1).await;
    app.wait_for_dead_letters(0).await;
    assert_eq!(asked(&refused)[0], CREATE);
    assert!(asked(&refused)[1..].iter().all(|probe| *probe == PROBE));
    assert_apart(&refused, app.settings.pipedrive.probe_interval);
}

/// Posts a call of which the first creates are refused, and gives these and the one that is let through.
async fn creates_of(app: &TestApp, refusals: u32, refusal: Fault) -> Vec<RequestRecord> {
    let refused = FaultRule::always(CREATE.0, CREATE.1, refusal).times(refusals);
    app.pipedrive.add_fault(refused);
    app.post(call("call-1", "Unknown")).await.assert_accepted();
    app.wait_for_activities(1).await;
    app.wait_until_idle().await;
    app.wait_for_dead_letters(0).await;
    let mut requests = app.pipedrive.requests();
    requests.retain(|request| (&*request.method, &*request.path) == CREATE);
    assert_eq!(requests.len(), refusals as usize + 1, "{requests:#?}");
    requests
}

async fn app_that_probes_every(interval: &str) -> TestApp {
    let app = TestApp::builder().set("BRIDGE__PIPEDRIVE__PROBE_INTERVAL", interval);
    app.spawn().await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_known_but_may_not_write_is_not_tried_again_without_a_pause() {
    for status in [401, 402] {
        let app = app_that_probes_every("2s").await;
        let refusal = Fault::Answer {
            applied: false,
            status,
            headers: Vec::new(),
            body: String::new(),
        };
        let creates = creates_of(&app, 2, refusal).await;
        assert_apart(&creates, app.settings.pipedrive.probe_interval);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_day_is_waited_for_though_pipedrive_gives_hardly_any_time() {
    for stated in [0, 2] {
        let app = app_that_probes_every("3s").await;
        let spent = Fault::daily_budget_exceeded(Duration::from_secs(stated));
        let creates = creates_of(&app, 2, spent).await;
        assert_apart(&creates, app.settings.pipedrive.probe_interval);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_reported_of_a_day_ends_with_the_day() {
    let app = TestApp::spawn().await;
    // An answer reported that ten tokens are left: enough for the call, and less than a search costs.
    let report = format!("{}:{{tokens}}:report", app.settings.redis.prefix);
    let now = shared::clock::now().as_microsecond().to_string();
    let kept: redis::RedisResult<()> = redis::cmd("HSET")
        .arg(&[&*report, "tokens_left", "10", "tokens_at", &now])
        .query_async(&mut app.redis().await)
        .await;
    kept.unwrap();
    let spent = Fault::daily_budget_exceeded(Duration::from_secs(2));
    app.pipedrive
        .add_fault(FaultRule::once(CREATE.0, CREATE.1, spent));

    app.post(call("call-1", "Unknown")).await.assert_accepted();

    app.wait_for_exactly(1).await;
    let left: redis::RedisResult<Option<String>> = redis::cmd("HGET")
        .arg(&[&*report, "tokens_left"])
        .query_async(&mut app.redis().await)
        .await;
    assert_eq!(left.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn cloudflares_page_for_every_message_pauses_all_and_is_tried_again_seldom() {
    let app = TestApp::spawn().await;
    let page = Fault::cloudflare_block();
    app.pipedrive
        .add_fault(FaultRule::always(CREATE.0, CREATE.1, page).times(5));

    for n in 0..3 {
        let body = call(&format!("call-{n}"), "Unknown");
        app.post(body).await.assert_accepted();
    }
    app.wait_until_not_ready("Cloudflare").await;

    app.wait_for_exactly(3).await;
    app.wait_for_dead_letters(0).await;
    let requests = app.pipedrive.requests();
    // Three were blocked, then two probes were; the third probe passed.
    assert_apart(&requests[2..6], app.settings.pipedrive.probe_interval * 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn not_being_allowed_to_read_deals_costs_the_link_and_nothing_else() {
    let app = heals(DEALS, Fault::forbidden()).await;

    assert_eq!(
        asked(&app.pipedrive.requests()),
        [SEARCH, PERSON, DEALS, CREATE]
    );
    assert_eq!(app.pipedrive.activities()[0].deal_id, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn server_errors_and_unreadable_answers_are_looked_into_and_never_repeated_blindly() {
    let faults = [
        (Fault::server_error_before_effect(500), 2),
        (Fault::server_error_before_effect(408), 2),
        (Fault::server_error_before_effect(425), 2),
        (Fault::CutBeforeEffect, 2),
        (Fault::unsuccessful_answer(false), 2),
        (Fault::server_error_after_effect(503), 1),
        (Fault::unreadable_answer(), 1),
        (Fault::unsuccessful_answer(true), 1),
        (Fault::TruncateAnswer, 1),
        // Longer than the worker waits for an answer.
        (Fault::latency_after(Duration::from_secs(5)), 1),
    ];
    join_all(faults.map(async |(fault, creates)| {
        let app = heals(CREATE, fault.clone()).await;

        let requests = app.pipedrive.requests();
        let writes_and_looks: Vec<_> = asked(&requests)
            .into_iter()
            .filter(|request| [CREATE, LIST].contains(request))
            .collect();
        assert_eq!(
            writes_and_looks,
            [CREATE, LIST, CREATE][..=creates],
            "{fault:?}"
        );
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_that_was_never_sent_is_repeated_without_looking_for_it() {
    let mut app = TestApp::builder()
        .without_worker()
        .set("BRIDGE__RETRY__DELAYS", "2s,1h")
        .spawn()
        .await;
    let base_url = app.sandbox().base_url().parse().unwrap();
    let (network, address) = CutProxy::in_front_of(&base_url).await.unwrap();
    app.settings.pipedrive.base_url = address;
    network.refuse(true);
    app.start_worker().await;

    // Without a number no person is searched for: the create is the first request.
    app.post(call("call-1", "Unknown")).await.assert_accepted();
    let retry_queue = topology::retry_queue(&app.settings.retry.delays[0]);
    let retried = message_in(&app, &retry_queue).await;
    network.refuse(false);

    app.wait_for_exactly(1).await;
    let reason = retried.header("x-retry-reason").unwrap();
    assert_eq!(reason, "pipedrive_unreachable");
    assert_eq!(retried.header("x-attempt").unwrap(), 1);
    // A second attempt that waits, or a third, would wait on the delay of an hour.
    assert_eq!(asked(&app.pipedrive.requests()), [CREATE]);
    app.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_fails_is_read_again() {
    let faults = [
        Fault::server_error_before_effect(502),
        Fault::unreadable_answer(),
        Fault::TruncateAnswer,
        Fault::CutBeforeEffect,
    ];
    join_all(faults.map(async |fault| {
        let app = heals(DEALS, fault.clone()).await;

        // Another attempt would find the person remembered, and look at them once more.
        let requests = app.pipedrive.requests();
        let within_the_attempt = [SEARCH, PERSON, DEALS, DEALS, CREATE];
        assert_eq!(asked(&requests), within_the_attempt, "{fault:?}");
    }))
    .await;
}

/// A bridge that has recorded the customer's side of a call.
async fn with_a_recorded_call() -> TestApp {
    let app = TestApp::spawn().await;
    app.pipedrive
        .add_person("Casey Customer", &["+12025550143"]);
    app.post(sample("eventbridge-customer-end-voice-inbound"))
        .await
        .assert_accepted();
    app.wait_for_exactly(1).await;
    app
}

/// Posts the agent's side of the call while the change that it makes fails so; returns the final activity.
async fn told_in_spite_of(fault: Option<Fault>) -> Activity {
    let app = with_a_recorded_call().await;
    let begun = app.pipedrive.request_count();
    if let Some(fault) = fault.clone() {
        let rule = FaultRule::once("PATCH", "/api/v2/activities/*", fault);
        app.pipedrive.add_fault(rule);
    }

    for event in [
        "eventbridge-user-end-voice-inbound",
        "eventbridge-acw-voice-inbound",
    ] {
        app.post(sample(event)).await.assert_accepted();
    }

    let activity = app.wait_for_exactly(1).await.remove(0);
    app.wait_for_dead_letters(0).await;
    let mut changes = app.pipedrive.requests_since(begun);
    changes.retain(|request| request.method == "PATCH");
    let lost = changes.iter().position(|change| change.fault.is_some());
    assert_eq!(lost.is_some(), fault.is_some(), "{changes:#?}");
    if let Some(lost) = lost {
        // One that takes effect late must not undo the next one.
        let settled = app.settings.pipedrive.settle_time;
        assert!(changes.len() > lost + 1, "{changes:#?}");
        assert_apart(&changes[lost..lost + 2], settled);
    }
    activity
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_answer_is_lost_is_made_again_and_all_events_are_recorded_once() {
    let whole = told_in_spite_of(None).await;
    let faults = [
        Fault::server_error_before_effect(500),
        Fault::server_error_after_effect(503),
        Fault::latency_after(Duration::from_secs(5)),
        Fault::unreadable_answer(),
        Fault::CutAfterEffect,
        Fault::apply_late(Duration::from_millis(800)),
    ];
    let updated = join_all(faults.map(async |fault| {
        let activity = told_in_spite_of(Some(fault.clone())).await;
        (fault, activity)
    }));

    for (fault, activity) in updated.await {
        assert_eq!(activity.note, whole.note, "{fault:?}");
        assert_eq!(activity.subject, whole.subject, "{fault:?}");
        assert_eq!(activity.duration, whole.duration, "{fault:?}");
    }
    let note = whole.note.unwrap();
    for line in ["<b>Agent:</b>", "Asked for a quote", "Genesys interaction"] {
        assert_eq!(note.matches(line).count(), 1, "{line} in {note}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activity_that_a_person_deleted_stays_deleted() {
    // Before it is read, or between that and the update.
    let answers = [0, 1].map(|read| [(read, Fault::not_found()), (read, Fault::gone())]);
    let answers = answers.concat();
    let apps = join_all(answers.clone().into_iter().map(async |(read, answer)| {
        let app = with_a_recorded_call().await;
        let path = "/api/v2/activities/*";
        let update = FaultRule::always("PATCH", path, answer.clone());
        app.pipedrive.add_fault(update);
        app.pipedrive
            .add_fault(FaultRule::always("GET", path, answer).after(read));

        app.post(sample("eventbridge-acw-voice-inbound"))
            .await
            .assert_accepted();

        app.wait_for_exactly(1).await;
        app.wait_for_dead_letters(0).await;
        app
    }))
    .await;

    // The workers of this process count together; no other test has such an activity.
    let (_, metrics) = apps[0]
        .get(&format!("{}/metrics", apps[0].worker_url()))
        .await;
    let counted = metrics
        .lines()
        .find_map(|line| line.strip_prefix("bridge_worker_messages_total{outcome=\"deleted\"} "));
    assert_eq!(counted, Some(&*answers.len().to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remembered_person_who_is_gone_is_forgotten_and_looked_for_within_the_attempt() {
    let answers = [Fault::not_found(), Fault::gone()];
    join_all(answers.map(async |answer| {
        let app = TestApp::spawn().await;
        let person = app
            .pipedrive
            .add_person("Casey Customer", &["+12025550143"]);
        app.post(call("call-1", "+12025550143"))
            .await
            .assert_accepted();
        app.wait_for_exactly(1).await;
        let remembered = format!("/api/v2/persons/{person}");
        let rule = FaultRule::once("GET", &remembered, answer);
        app.pipedrive.add_fault(rule);
        let begun = app.pipedrive.request_count();

        app.post(call("call-2", "+12025550143"))
            .await
            .assert_accepted();

        let activities = app.wait_for_exactly(2).await;
        assert!(activities.iter().all(|it| it.person_id == Some(person)));
        let requests = app.pipedrive.requests_since(begun);
        let people = ("GET", "/api/v2/persons");
        let within_the_attempt = [("GET", &*remembered), people, SEARCH, DEALS, CREATE];
        assert_eq!(asked(&requests), within_the_attempt);
    }))
    .await;
}
