//! People that Pipedrive's list hides from the token's user: the directory cannot know them.

use bridge_tests::bridge::{TestApp, call};

use crate::people::{app_of, wait_until_complete};

const HIDDEN: &str = "+12025559999";

/// A bridge with a complete directory that has never seen the one person who has [`HIDDEN`].
async fn with_a_hidden_person(search_unknown: bool) -> TestApp {
    let builder = TestApp::builder().set(
        "BRIDGE__DIRECTORY__SEARCH_UNKNOWN",
        search_unknown.to_string(),
    );
    let mut app = app_of(builder, 10, "on").await;
    let hidden = app.pipedrive.add_person("Casey Customer", &[HIDDEN]);
    app.pipedrive.set_hidden(hidden, true);
    app.start_worker().await;
    wait_until_complete(&app).await;
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn where_unknown_handles_are_searched_a_person_that_the_list_hides_is_not_created_again() {
    let app = with_a_hidden_person(true).await;

    app.post(call("call-1", HIDDEN)).await.assert_accepted();

    let activity = app.wait_for_exactly(1).await.remove(0);
    assert_eq!(activity.person_id, None);
    assert!(activity.note.unwrap().contains("is hidden from the user"));
    assert_eq!(app.pipedrive.all_persons().len(), 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn by_default_a_new_caller_costs_no_search() {
    let app = with_a_hidden_person(false).await;
    let meter = app.pipedrive.meter();

    app.post(call("call-1", "+12025558888"))
        .await
        .assert_accepted();
    app.wait_for_exactly(1).await;

    let operations = meter.by_operation();
    assert!(
        !operations.contains_key("GET /api/v2/persons/search"),
        "{operations:?}"
    );
}
