//! What an interaction costs with the directory, by the sandbox's meter, and what the directory itself costs.

use anyhow::ensure;
use bridge_tests::bridge::{PATIENCE, TestApp, call};
use bridge_tests::sandbox::pipedrive::{Behaviour, Fault, FaultRule};
use bridge_tests::servers::wait_until;
use futures_util::future::join_all;
use serde_json::json;
use worker::commands::directory::{Action, execute};

use crate::people::{
    app_with, interaction, number, state, wait_until_complete, wait_until_deals_are_known,
};

/// Tokens of one more call.
async fn price(app: &TestApp, id: &str, n: usize, activities: usize) -> u64 {
    let meter = app.pipedrive.meter();
    app.post(call(id, &number(n))).await.assert_accepted();
    app.wait_for_activities(activities).await;
    app.wait_until_idle().await;
    meter.tokens()
}

#[tokio::test(flavor = "multi_thread")]
async fn known_and_found_callers_cost_six_tokens_and_new_ones_twenty() {
    let mut app = app_with(100, "on").await;
    app.start_worker().await;
    wait_until_complete(&app).await;
    wait_until_deals_are_known(&app).await;

    let found = price(&app, "call-1", 7, 1).await;
    let known = price(&app, "call-2", 7, 2).await;
    let new = price(&app, "call-3", 150, 3).await;
    let remembered = price(&app, "call-4", 150, 4).await;

    assert_eq!(found, 1 + 5, "a read of the person, the activity");
    assert_eq!(known, 1 + 5, "a read of the person, the activity");
    assert_eq!(new, 10 + 5 + 5, "a poll, the person, the activity");
    assert_eq!(remembered, 1 + 5, "a read of the person, the activity");
}

/// Tokens of one more call, and the deal that it is linked to.
async fn price_and_deal(app: &TestApp, n: usize) -> (u64, Option<i64>) {
    let before = app.pipedrive.activities().len();
    let id = format!("deal-call-{before}");
    let tokens = price(app, &id, n, before + 1).await;
    let activities = app.pipedrive.activities();
    let mut activities = activities.iter();
    let activity = activities.find(|activity| interaction(activity) == Some(&id));
    (tokens, activity.expect("it is recorded").deal_id)
}

/// A bridge that knows 100 people: the first has an open deal, the second has two.
async fn app_with_deals(behaviour: Behaviour) -> (TestApp, i64) {
    let mut app = app_with(100, "on").await;
    app.pipedrive.set_behaviour(behaviour);
    let only = app.pipedrive.add_deal("Only", 1);
    for title in ["One", "Two"] {
        app.pipedrive.add_deal(title, 2);
    }
    app.start_worker().await;
    wait_until_complete(&app).await;
    wait_until_deals_are_known(&app).await;
    (app, only)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_only_open_deal_costs_one_token_whether_or_not_pipedrive_counts_deals() {
    for answers_counts in [true, false] {
        let (app, only) = app_with_deals(Behaviour {
            answers_counts,
            ..Behaviour::default()
        })
        .await;

        let found = price_and_deal(&app, 0).await;
        let known = price_and_deal(&app, 0).await;
        let without = price_and_deal(&app, 2).await;
        let with_two = price_and_deal(&app, 1).await;

        assert_eq!(found, (1 + 1 + 5, Some(only)), "found");
        assert_eq!(known, (1 + 1 + 5, Some(only)), "known");
        assert_eq!(without, (1 + 5, None), "no deal");
        assert_eq!(with_two, (1 + 10 + 5, None), "two deals are listed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_opened_or_closed_since_the_last_poll_is_noticed_by_its_count() {
    let (app, only) = app_with_deals(Behaviour::default()).await;
    let opened = app.pipedrive.add_deal("Opened", 3);
    let closed = json!({"status": "won"});
    app.pipedrive.edit_deal(only, &closed).unwrap();

    let listed = price_and_deal(&app, 2).await;
    let learned = price_and_deal(&app, 2).await;
    let stale = price_and_deal(&app, 0).await;
    let forgotten = price_and_deal(&app, 0).await;

    assert_eq!(listed, (1 + 10 + 5, Some(opened)), "it is listed once");
    assert_eq!(learned, (1 + 1 + 5, Some(opened)), "and known from then on");
    assert_eq!(stale, (1 + 1 + 5, None), "its read shows that it is closed");
    assert_eq!(forgotten, (1 + 5, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn polls_of_deals_notice_what_was_opened_and_closed() {
    let (app, only) = app_with_deals(Behaviour {
        answers_counts: false,
        ..Behaviour::default()
    })
    .await;
    let opened = app.pipedrive.add_deal("Opened", 3);
    let closed = json!({"status": "lost"});
    app.pipedrive.edit_deal(only, &closed).unwrap();
    let before = state(&app, "deals_polled").await;

    let mut later = app;
    later.stop_worker().await;
    let key = format!("{}:{{directory}}:state", later.settings.redis.prefix);
    let due: redis::RedisResult<()> = redis::cmd("HDEL")
        .arg(key)
        .arg("deals_polled")
        .query_async(&mut later.redis().await)
        .await;
    due.expect("Redis answers");
    later.start_worker().await;
    wait_until("a poll of deals", PATIENCE, async || {
        let polled = state(&later, "deals_polled").await;
        ensure!(polled.is_some() && polled != before, "not yet");
        Ok(())
    })
    .await
    .unwrap();

    assert_eq!(price_and_deal(&later, 2).await, (7, Some(opened)));
    assert_eq!(price_and_deal(&later, 0).await, (6, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_list_deals_calls_are_recorded_without_them() {
    let mut app = app_with(100, "on").await;
    app.pipedrive.add_deal("Only", 1);
    // Of a user, not of the app: a missing scope pauses everything.
    let refused = FaultRule::always("GET", "/api/v2/deals", Fault::no_permission());
    app.pipedrive.add_fault(refused);
    app.start_worker().await;
    wait_until_complete(&app).await;

    let (_, deal) = price_and_deal(&app, 0).await;

    assert_eq!(deal, None);
    assert_eq!(app.pipedrive.activities()[0].person_id, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_of_the_bridge_s_own_is_the_same_in_the_directory_and_in_the_list() {
    let mut app = app_with(100, "on").await;
    app.start_worker().await;
    wait_until_complete(&app).await;

    price(&app, "call-1", 150, 1).await;

    assert_eq!(app.pipedrive.persons().len(), 101);
    assert!(execute(&app.settings, Action::Verify).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_call_for_the_first_time_at_once_share_their_polls() {
    let mut app = app_with(100, "on").await;
    app.start_worker().await;
    wait_until_complete(&app).await;
    let meter = app.pipedrive.meter();

    let calls = (0..12).map(|n| app.post(call(&format!("call-{n}"), &number(200 + n))));
    for answer in join_all(calls).await {
        answer.assert_accepted();
    }

    app.wait_for_exactly(12).await;
    let spent = meter.by_operation();
    let polls = spent["GET /api/v2/persons"].requests;
    println!("12 new callers at once: {polls} polls");
    assert!(polls <= 8, "{spent:?}");
    assert!(
        !spent.contains_key("GET /api/v2/persons/search"),
        "{spent:?}"
    );
    assert_eq!(app.pipedrive.persons().len(), 112);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_people_cost_two_hundred_and_ten_tokens_and_at_most_200_bytes_each() {
    let people = 10_000;
    let mut app = app_with(people, "on").await;
    let meter = app.pipedrive.meter();
    let began = std::time::Instant::now();

    app.start_worker().await;
    wait_until_complete(&app).await;

    let tokens = meter.by_operation()["GET /api/v2/persons"].tokens;
    println!("{people} people: {tokens} tokens, {:?}", began.elapsed());
    assert_eq!(tokens, 10 + 200 + 10, "the newest id, the pages, a poll");
    assert_eq!(state(&app, "people").await, Some(people.to_string()));
    let mut bytes = 0;
    for key in app.redis_keys("{directory}").await {
        let usage = redis::cmd("MEMORY").arg("USAGE").arg(key).to_owned();
        bytes += usage
            .query_async::<Option<usize>>(&mut app.redis().await)
            .await
            .unwrap()
            .unwrap_or(0);
    }
    println!("{} bytes a person", bytes / people);
    assert!(bytes <= 200 * people, "{bytes} bytes");
    assert!(execute(&app.settings, Action::Verify).await.unwrap());
    assert!(execute(&app.settings, Action::Status).await.unwrap());
}
