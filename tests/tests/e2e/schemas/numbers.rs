//! Entries of numbers in Redis, of every schema.

use std::time::Duration;

use bridge_tests::bridge::{TestApp, call};
use shared::domain::ids::sha256_hex;

use super::{CALLER, fixtures, restore};

/// Puts a record of the fixtures in place of the caller's own.
async fn restore_number(app: &TestApp, name: &str, changes: &[(&str, &str)]) {
    let key = format!("person:{{{}}}", sha256_hex(CALLER));
    restore(app, &key, &fixtures("numbers").join(name), changes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_of_each_schema_leads_to_the_person_who_is_remembered_for_it() {
    for name in ["v0/remembered.json", "v1/remembered.json"] {
        let app = TestApp::spawn().await;
        let person = app.pipedrive.add_person("Casey Customer", &[CALLER]);
        restore_number(&app, name, &[("$person", &person.to_string())]).await;

        app.post(call("call-1", CALLER)).await.assert_accepted();

        let activities = app.wait_for_exactly(1).await;
        assert_eq!(activities[0].person_id, Some(person));
        let requests = app.pipedrive.requests();
        let searches = requests
            .iter()
            .filter(|request| request.path.ends_with("/search"));
        assert_eq!(searches.count(), 0, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_to_create_a_person_of_each_schema_is_looked_for_before_one_is_created() {
    for name in ["v0/intended.json", "v1/intended.json"] {
        let app = TestApp::spawn().await;
        app.pipedrive.set_search_lag(Duration::from_secs(600));
        let person = app.pipedrive.add_person("Casey Customer", &[CALLER]);
        restore_number(&app, name, &[]).await;

        app.post(call("call-1", CALLER)).await.assert_accepted();

        let activities = app.wait_for_exactly(1).await;
        assert_eq!(activities[0].person_id, Some(person), "{name}");
        assert_eq!(app.pipedrive.persons().len(), 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_of_a_newer_schema_is_left_alone() {
    let app = TestApp::builder()
        .set("BRIDGE__RETRY__MAX_AGE", "4s")
        .spawn()
        .await;
    restore_number(&app, "v1/remembered.json", &[("$schema", "2")]).await;

    app.post(call("call-1", CALLER)).await.assert_accepted();

    let letters = app.wait_for_dead_letters(1).await;
    let reason = letters[0].header("x-failure-reason");
    assert_eq!(reason.unwrap(), "newer_schema");
    assert!(app.pipedrive.persons().is_empty());
    assert!(app.pipedrive.activities().is_empty());
}
