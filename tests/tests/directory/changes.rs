//! People who change while calls come in: the next call lands where it belongs.

use bridge_tests::bridge::{TestApp, call};
use bridge_tests::sandbox::pipedrive::{Fault, FaultRule, SearchMode};
use serde_json::json;

use crate::people::{app_with, interaction, number, wait_until_complete};

async fn complete_app() -> TestApp {
    let mut app = app_with(200, "on").await;
    app.start_worker().await;
    wait_until_complete(&app).await;
    app
}

/// The person of one more call.
async fn person_of(app: &TestApp, id: &str, number: &str) -> Option<i64> {
    app.post(call(id, number)).await.assert_accepted();
    let count = app.pipedrive.activities().len();
    app.wait_for_at_least(count.max(1)).await;
    app.wait_until_idle().await;
    let activities = app.pipedrive.activities();
    let activity = activities
        .iter()
        .find(|activity| interaction(activity) == Some(id));
    activity.expect("it is recorded").person_id
}

#[tokio::test(flavor = "multi_thread")]
async fn renamed_renumbered_merged_and_deleted_people_are_followed_under_load() {
    let app = complete_app().await;
    let before = app.pipedrive.persons().len();
    // Each change comes while calls are on their way, before the next one is made.
    for n in 100..160 {
        let body = call(&format!("load-{n}"), &number(n));
        app.post(body).await.assert_accepted();
        match n {
            110 => app
                .pipedrive
                .edit_person(1, &json!({"name": "Another Name"}))
                .unwrap(),
            120 => assert!(app.pipedrive.set_phones(2, &["(303) 555-0190"])),
            130 => assert!(app.pipedrive.merge_persons(3, 4)),
            140 => assert!(app.pipedrive.delete_person(5)),
            _ => {}
        }
    }
    let recorded = app.pipedrive.activities().len();
    assert!(recorded < 60, "{recorded} of 60: they are under way");

    let renamed = person_of(&app, "call-1", &number(0)).await;
    let renumbered = person_of(&app, "call-2", "+13035550190").await;
    let merged = person_of(&app, "call-3", &number(2)).await;
    let deleted = person_of(&app, "call-4", &number(4)).await;
    let old_number = person_of(&app, "call-5", &number(1)).await;

    println!(
        "renamed: {renamed:?}, renumbered: {renumbered:?}, merged: {merged:?}, deleted: {deleted:?}, the old number: {old_number:?}"
    );
    assert_eq!(renamed, Some(1));
    assert_eq!(renumbered, Some(2), "by the poll before a create");
    assert_eq!(merged, Some(4));
    assert_eq!(deleted, Some(201), "a new person");
    assert_eq!(old_number, Some(202), "a new person");
    assert_eq!(app.pipedrive.persons().len(), before - 2 + 2);
    let activities = app.wait_for_exactly(60 + 5).await;
    let of_load = activities.iter().filter_map(|activity| {
        let n: i64 = interaction(activity)?.strip_prefix("load-")?.parse().ok()?;
        Some((n, activity.person_id))
    });
    for (n, person) in of_load {
        assert_eq!(person, Some(n + 1), "load-{n}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_typed_in_a_moment_ago_is_found_though_the_search_lags() {
    let app = complete_app().await;
    app.pipedrive
        .set_search_lag(std::time::Duration::from_secs(600));
    let typed_in = app.pipedrive.add_person("Typed In", &["(303) 555-0195 x3"]);

    assert_eq!(
        person_of(&app, "call-1", "+13035550195").await,
        Some(typed_in)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn several_who_share_a_number_are_attached_to_none() {
    let mut app = app_with(20, "on").await;
    app.pipedrive.add_person("Casey A.", &["+13035550196"]);
    app.pipedrive.add_person("Casey B.", &["303-555-0196"]);
    app.start_worker().await;
    wait_until_complete(&app).await;

    assert_eq!(person_of(&app, "call-1", "+13035550196").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_fails_before_a_create_never_counts_as_empty() {
    let app = complete_app().await;
    // Neither the search nor the directory knows this person yet: only the list of changes does.
    let mut behaviour = app.pipedrive.behaviour();
    behaviour.search_mode = SearchMode::Blind;
    app.pipedrive.set_behaviour(behaviour);
    let typed_in = app
        .pipedrive
        .add_person("Casey Customer", &["(303) 555-0177"]);
    let fails = FaultRule::once(
        "GET",
        "/api/v2/persons",
        Fault::server_error_before_effect(500),
    )
    .times(3);
    app.pipedrive.add_fault(fails);

    let person = person_of(&app, "call-1", "+13035550177").await;

    assert_eq!(person, Some(typed_in));
}
