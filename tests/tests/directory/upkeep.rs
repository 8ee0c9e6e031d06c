//! Polls that stop before the end, people that a list missed, a Redis that is full, and a directory that is off.

use bridge_tests::bridge::{TestApp, call};
use bridge_tests::sandbox::pipedrive::{Behaviour, NewPerson, SearchMode};
use bridge_tests::servers::{Redis, RedisOptions, Scratch};
use worker::commands::directory::{Action, execute};

use crate::people::{app_of, app_with, interaction, number, state, wait_until_complete, written};

/// Requests for lists of people, and searches, of one more call; and its person.
async fn lists_and_searches(app: &TestApp, n: usize) -> (u64, u64, Option<i64>) {
    let meter = app.pipedrive.meter();
    let before = app.pipedrive.activities().len();
    let id = format!("call-{n}");
    app.post(call(&id, &number(n))).await.assert_accepted();
    app.wait_for_activities(before + 1).await;
    app.wait_until_idle().await;
    let spent = meter.by_operation();
    let requests = |operation: &str| spent.get(operation).map_or(0, |spent| spent.requests);
    let activities = app.pipedrive.activities();
    let mut activities = activities.iter();
    let activity = activities.find(|activity| interaction(activity) == Some(&id));
    (
        requests("GET /api/v2/persons"),
        requests("GET /api/v2/persons/search"),
        activity.and_then(|activity| activity.person_id),
    )
}

/// A hundred people in the directory, and a search that finds none.
async fn complete_with_a_blind_search() -> TestApp {
    let mut app = app_with(100, "on").await;
    app.pipedrive.set_behaviour(Behaviour {
        search_mode: SearchMode::Blind,
        ..Behaviour::default()
    });
    app.start_worker().await;
    wait_until_complete(&app).await;
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_import_each_poll_before_a_create_comes_nearer_to_the_newest() {
    let app = complete_with_a_blind_search().await;
    let imported = 100..4000;
    let person = |n| NewPerson::named("Imported").phone(&written(n));
    app.pipedrive.add_people(imported.clone().map(person));

    let first = lists_and_searches(&app, 5000).await;
    let stopped = state(&app, "poll_cursor").await;
    let second = lists_and_searches(&app, imported.end - 1).await;

    assert_eq!(
        (first.0, first.1 > 0),
        (5, true),
        "it stops after five pages"
    );
    assert!(stopped.is_some());
    assert_eq!(
        second,
        (3, 0, Some(4000)),
        "the rest of eight pages, and the person of the last one"
    );
    assert_eq!(state(&app, "poll_cursor").await, None);
    let at_once = app.redis_keys("{directory}:at_once:").await;
    let tokens: redis::RedisResult<u64> = redis::cmd("GET")
        .arg(&at_once)
        .query_async(&mut app.redis().await)
        .await;
    assert_eq!(tokens.unwrap(), 80);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_on_the_pages_of_a_poll_that_stopped_is_found() {
    let app = complete_with_a_blind_search().await;
    let person = |n| NewPerson::named("Imported").phone(&written(n));
    app.pipedrive.add_people((100..4000).map(person));

    let found = lists_and_searches(&app, 150).await;

    assert_eq!(found, (5, 0, Some(151)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_goes_on_after_its_cursor_expired() {
    let app = complete_with_a_blind_search().await;
    for n in 100..3000 {
        app.pipedrive.add_person("Imported", &[&written(n)]);
    }

    lists_and_searches(&app, 5000).await;
    app.pipedrive.expire_cursors();
    let mut person = None;
    for n in [2999, 2998, 2997] {
        person = lists_and_searches(&app, n).await.2;
    }

    assert_eq!(person, Some(2998));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_pass_keeps_people_that_the_list_missed_and_drops_those_who_are_gone() {
    let app = app_with(600, "on").await;
    assert!(execute(&app.settings, Action::Build).await.unwrap());
    let spent = spent_today(&app).await;
    assert!(app.pipedrive.delete_person(7));
    app.pipedrive.set_hidden(8, true);

    // The newest id and two pages; nothing is left for those who were not met.
    let mut settings = app.settings.clone();
    settings.directory.daily_share = 100;
    settings.pipedrive.daily_tokens = Some(spent + 30);
    assert!(!execute(&settings, Action::Build).await.unwrap());
    assert_eq!(state(&app, "absent_from").await.as_deref(), Some("0"));
    assert_eq!(state(&app, "people").await.as_deref(), Some("600"));
    app.pipedrive.set_hidden(8, false);
    settings.pipedrive.daily_tokens = Some(30_000);
    let meter = app.pipedrive.meter();
    assert!(execute(&settings, Action::Build).await.unwrap());

    assert_eq!(meter.by_operation()["GET /api/v2/persons"].requests, 1);
    assert_eq!(state(&app, "people").await.as_deref(), Some("599"));
    assert!(execute(&settings, Action::Verify).await.unwrap());
}

async fn spent_today(app: &TestApp) -> u64 {
    let keys = app.redis_keys("{directory}:spent:").await;
    let spent: redis::RedisResult<u64> = redis::cmd("GET")
        .arg(&keys)
        .query_async(&mut app.redis().await)
        .await;
    spent.expect("Redis answers")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_build_stops_where_redis_is_full_to_seventy_percent_and_goes_on_with_more_memory() {
    const MEBIBYTE: u64 = 1024 * 1024;
    let scratch = Scratch::create().unwrap();
    let arguments = ["--maxmemory", "4mb"].map(str::to_owned).to_vec();
    let redis = Redis::start(scratch.path(), &RedisOptions { arguments })
        .await
        .unwrap();
    let builder = TestApp::builder().set("BRIDGE__REDIS__URL", redis.url().as_str());
    let app = app_of(builder, 40_000, "on").await;

    let is_whole = execute(&app.settings, Action::Build).await.unwrap();

    let mut connection = app.redis().await;
    let memory: String = redis::cmd("INFO")
        .arg("memory")
        .query_async(&mut connection)
        .await
        .unwrap();
    let used = memory
        .lines()
        .find_map(|line| line.strip_prefix("used_memory:"));
    let used: u64 = used.unwrap().trim().parse().unwrap();
    println!("{used} bytes used of {}", 4 * MEBIBYTE);
    assert!(!is_whole);
    assert!((4 * MEBIBYTE * 6 / 10..4 * MEBIBYTE * 8 / 10).contains(&used));
    let stopped = state(&app, "stopped").await;
    assert_eq!(stopped.as_deref(), Some("memory"));

    let more: redis::RedisResult<()> = redis::cmd("CONFIG")
        .arg(&["SET", "maxmemory", "64mb"])
        .query_async(&mut connection)
        .await;
    more.unwrap();
    assert!(execute(&app.settings, Action::Build).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_off_is_neither_filled_nor_compared_and_costs_nothing() {
    let app = app_with(100, "off").await;
    let meter = app.pipedrive.meter();

    for action in [Action::Build, Action::Verify] {
        let error = execute(&app.settings, action).await.unwrap_err();
        assert!(
            error.to_string().contains("directory.mode is off"),
            "{error}"
        );
    }
    assert!(execute(&app.settings, Action::Status).await.unwrap());

    assert_eq!(meter.tokens(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_says_once_why_the_directory_cannot_be_read() {
    let app = app_with(1, "on").await;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", silent.local_addr().unwrap());
    let mut variables = app.variables.clone();
    variables.push(("BRIDGE__REDIS__URL".to_owned(), url));
    let settings = shared::config::load_from(None, variables).unwrap();

    let findings = worker::commands::check::inspect(&settings).await;

    let finding = findings.iter().find(|(subject, _)| *subject == "directory");
    let problem = finding.unwrap().1.as_ref().unwrap_err();
    println!("{problem}");
    assert_eq!(problem.matches("timed out").count(), 1, "{problem}");
    assert!(problem.contains("BRIDGE__REDIS__URL"), "{problem}");
}
