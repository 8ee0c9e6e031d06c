//! What an interaction costs with the directory, by the sandbox's meter, and what the directory itself costs.

use bridge_tests::bridge::{TestApp, call};
use futures_util::future::join_all;
use worker::commands::directory::{Action, execute};

use crate::people::{app_with, number, state, wait_until_complete};

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

    let found = price(&app, "call-1", 7, 1).await;
    let known = price(&app, "call-2", 7, 2).await;
    let new = price(&app, "call-3", 150, 3).await;
    let remembered = price(&app, "call-4", 150, 4).await;

    assert_eq!(found, 1 + 5, "a read of the person, the activity");
    assert_eq!(known, 1 + 5, "a read of the person, the activity");
    assert_eq!(new, 10 + 5 + 5, "a poll, the person, the activity");
    assert_eq!(remembered, 1 + 5, "a read of the person, the activity");
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
            .query_async::<usize>(&mut app.redis().await)
            .await
            .unwrap();
    }
    println!("{} bytes a person", bytes / people);
    assert!(bytes <= 200 * people, "{bytes} bytes");
    assert!(execute(&app.settings, Action::Verify).await.unwrap());
    assert!(execute(&app.settings, Action::Status).await.unwrap());
}
