//! How large and how fast the directory of a million people is. Takes some twenty minutes and 3 GB:
//! `cargo test -p bridge-tests --test directory --features kill-points -- --ignored --nocapture size`

use std::time::{Duration, Instant};

use bridge_tests::bridge::{TestApp, call};
use bridge_tests::sandbox::pipedrive::NewPerson;
use bridge_tests::servers::{Redis, RedisOptions, Scratch};
use worker::commands::directory::{Action, execute};

const PEOPLE: usize = 1_000_000;
const LONG_AGO: Duration = Duration::from_secs(3600);
/// Calls of found people, one after another.
const CALLS: usize = 50;

fn number(n: usize) -> (usize, usize) {
    // Any area from 212 on that does not end in 11.
    let mut areas = (212..).filter(|area| area % 100 != 11);
    (areas.nth(n / 10_000).expect("areas go on"), n % 10_000)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement of many minutes"]
async fn size_of_the_directory_of_a_million_people() {
    let scratch = Scratch::create().unwrap();
    let redis = Redis::start(scratch.path(), &RedisOptions::default())
        .await
        .unwrap();
    let builder = TestApp::builder()
        .set("BRIDGE__DIRECTORY__MODE", "on")
        .set("BRIDGE__DIRECTORY__DAILY_SHARE", "100")
        .set("BRIDGE__PIPEDRIVE__DAILY_TOKENS", "1000000")
        .set("BRIDGE__REDIS__URL", redis.url().as_str());
    let mut app = builder.without_worker().spawn().await;
    let person = |n| {
        let (area, line) = number(n);
        NewPerson::named("Example").phone(&format!("({area}) 555-{line:04}"))
    };
    app.pipedrive.add_people((0..PEOPLE).map(person));
    app.pipedrive.age_people(LONG_AGO);
    let mut connection = redis.connect().await.unwrap();
    let empty = used_memory(&mut connection).await;
    let meter = app.pipedrive.meter();

    let began = Instant::now();
    assert!(execute(&app.settings, Action::Build).await.unwrap());
    let built = began.elapsed();

    let bytes = used_memory(&mut connection).await - empty;
    println!("built in {built:?} for {} tokens", meter.tokens());
    println!("{bytes} bytes of Redis, {} a person", bytes / PEOPLE as u64);
    assert!(bytes <= 200 * PEOPLE as u64);

    app.start_worker().await;
    let mut looked_up = Vec::new();
    for n in (0..CALLS).map(|n| n * (PEOPLE / CALLS)) {
        let (area, line) = number(n);
        looked_up.push(lookup_time(&app, area, line).await);
    }
    looked_up.sort_unstable();
    println!(
        "one call after another, from webhook to record: median {:?}",
        looked_up[CALLS / 2]
    );
    let activities = app.wait_for_exactly(CALLS).await;
    assert!(
        activities
            .iter()
            .all(|activity| activity.person_id.is_some())
    );
    assert_eq!(app.pipedrive.person_count(), PEOPLE);
    let script: redis::RedisResult<String> = redis::cmd("INFO")
        .arg("commandstats")
        .query_async(&mut connection)
        .await;
    for line in script
        .unwrap()
        .lines()
        .filter(|line| line.contains("mget") || line.contains("evalsha"))
    {
        println!("{line}");
    }
}

/// How long a call takes from its webhook to its record.
async fn lookup_time(app: &TestApp, area: usize, line: usize) -> Duration {
    let before = app.pipedrive.activities().len();
    let began = Instant::now();
    let body = call(
        &format!("call-{area}-{line}"),
        &format!("+1{area}555{line:04}"),
    );
    app.post(body).await.assert_accepted();
    app.wait_for_activities(before + 1).await;
    began.elapsed()
}

async fn used_memory(connection: &mut redis::aio::MultiplexedConnection) -> u64 {
    let memory: redis::RedisResult<String> = redis::cmd("INFO")
        .arg("memory")
        .query_async(connection)
        .await;
    let memory = memory.expect("Redis answers");
    let used = memory
        .lines()
        .find_map(|line| line.strip_prefix("used_memory:"));
    used.and_then(|used| used.trim().parse().ok())
        .expect("it says so")
}
