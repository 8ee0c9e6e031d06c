//! What must hold once all is worked on, whoever died meanwhile: in the queues, in Redis, and in Pipedrive.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use bridge_tests::bridge::{PATIENCE, TestApp};
use bridge_tests::servers::wait_until;

/// Waits until all is worked on, then asserts that nothing died, and that Redis knows it all to be done.
pub async fn assert_settled(app: &TestApp) {
    assert_settled_beside(app, 0).await;
}

/// [`assert_settled`] beside so many dead letters.
pub async fn assert_settled_beside(app: &TestApp, dead_letters: usize) {
    // Queues may look empty while a message passes from one into another: Redis knows better.
    let done = wait_until("all work done, by Redis' account", PATIENCE, async || {
        records(app)
            .await
            .iter()
            .try_for_each(|it| check_done(app, it))
    });
    done.await.unwrap_or_else(|error| panic!("{error:#}"));
    app.wait_until_idle().await;
    app.wait_for_dead_letters(dead_letters).await;
    for sort in ["lease:", "person-lock:"] {
        let left = app.redis_keys(sort).await;
        assert!(left.is_empty(), "not released: {left:?}");
    }
}

/// [`assert_settled`], and that there is one activity, of the one person there is.
pub async fn assert_recorded_once(app: &TestApp) {
    assert_recorded_once_beside(app, 0).await;
}

/// [`assert_recorded_once`] beside so many dead letters.
pub async fn assert_recorded_once_beside(app: &TestApp, dead_letters: usize) {
    assert_settled_beside(app, dead_letters).await;
    assert_eq!(records(app).await.len(), 1, "Redis knows one interaction");
    let activities = app.pipedrive.activities();
    let persons = app.pipedrive.persons();
    assert_eq!(
        (activities.len(), persons.len()),
        (1, 1),
        "{activities:#?} {persons:#?}"
    );
    assert_eq!(activities[0].person_id, Some(persons[0].id));
}

/// How many creates were sent to `path`.
pub fn created(app: &TestApp, path: &str) -> usize {
    app.pipedrive
        .requests()
        .iter()
        .filter(|request| request.method == "POST" && request.path == path)
        .count()
}

type Record = BTreeMap<String, String>;

/// What Redis holds of interactions.
async fn records(app: &TestApp) -> Vec<Record> {
    let mut connection = app.redis().await;
    let mut records = Vec::new();
    for key in app.redis_keys("interaction:").await {
        let asked = redis::cmd("HGETALL").arg(key).to_owned();
        let record: redis::RedisResult<Record> = asked.query_async(&mut connection).await;
        records.push(record.expect("Redis answers"));
    }
    records
}

/// Checks that a record names the interaction's own activity, and has every event that it knows marked as recorded.
fn check_done(app: &TestApp, record: &Record) -> Result<()> {
    let interaction = &record["id"];
    let activity = record.get("activity").map(String::as_str);
    let activities = app.pipedrive.all_activities();
    let is_its_own = activities.iter().any(|known| {
        let note = known.note.as_deref().unwrap_or_default();
        activity == Some(&*format!("ok:{}", known.id)) && note.ends_with(interaction.as_str())
    });
    ensure!(is_its_own, "{interaction}: {activity:?} of {activities:#?}");
    let mut events = record.keys().filter_map(|field| field.strip_prefix("f:"));
    let unmarked = events.find(|event| !record.contains_key(&format!("e:{event}")));
    ensure!(
        unmarked.is_none(),
        "{interaction}: {unmarked:?} is not marked: {record:?}"
    );
    Ok(())
}
