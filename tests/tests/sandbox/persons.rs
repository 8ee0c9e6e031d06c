//! Persons and their search.

use std::time::Duration;

use bridge_tests::sandbox::pipedrive::{Behaviour, Sandbox, SandboxConfig};
use serde_json::json;

use crate::api::Api;

#[tokio::test]
async fn a_created_person_can_be_read_changed_and_deleted() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let body = json!({"name": "Example Customer", "phones": [{"value": "+12025550123"}]});

    let created = api.post("/api/v2/persons", body).await;
    assert_eq!(created.status, 200);
    let path = format!("/api/v2/persons/{}", created.body["data"]["id"]);
    let renamed = api.patch(&path, json!({"name": "Renamed Customer"})).await;
    let read = api.get(&path).await;

    let phones = json!([{"value": "+12025550123", "primary": true, "label": "work"}]);
    assert_eq!(read.body, renamed.body);
    assert_eq!(read.body["data"]["name"], "Renamed Customer");
    assert_eq!(read.body["data"]["last_name"], "Customer");
    assert_eq!(read.body["data"]["phones"], phones);
    assert_eq!(read.body["data"]["owner_id"], 1);
    assert_eq!(api.delete(&path).await.body["data"], json!({"id": 1}));
    assert_eq!(api.delete(&path).await.status, 404);
    assert_eq!(api.get("/api/v2/persons").await.ids(), Vec::<i64>::new());
}

#[tokio::test]
async fn a_create_answers_201_where_that_is_wanted() {
    let behaviour = Behaviour {
        created_status: 201,
        ..Behaviour::default()
    };
    let sandbox = Sandbox::spawn(SandboxConfig {
        behaviour,
        ..SandboxConfig::default()
    });

    let created = Api::of(&sandbox)
        .post("/api/v2/persons", json!({"name": "x"}))
        .await;

    assert_eq!(created.status, 201);
}

#[tokio::test]
async fn a_person_needs_a_name_and_no_two_primary_phones() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let two = json!([{"value": "1", "primary": true}, {"value": "2", "primary": true}]);

    assert_eq!(api.post("/api/v2/persons", json!({})).await.status, 400);
    assert_eq!(
        api.post("/api/v2/persons", json!({"name": " "}))
            .await
            .status,
        400
    );
    assert_eq!(
        api.post("/api/v2/persons", json!({"name": "x", "phones": two}))
            .await
            .status,
        400
    );
    assert_eq!(
        api.post("/api/v2/persons", json!({"name": "x", "visible_to": 2}))
            .await
            .status,
        400
    );
    assert_eq!(
        api.post("/api/v2/persons", json!({"name": "x", "owner_id": 9}))
            .await
            .status,
        400
    );
    assert_eq!(
        api.post("/api/v2/persons", json!({"name": "x", "org_id": 9}))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn fields_of_contact_sync_are_forbidden() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);

    for (field, value) in [
        ("notes", json!("x")),
        ("im", json!([{"value": "x"}])),
        ("birthday", json!("2000-12-31")),
        ("job_title", json!("x")),
        ("postal_address", json!({"value": "x"})),
    ] {
        let answer = api
            .post("/api/v2/persons", json!({"name": "x", field: value}))
            .await;
        assert_eq!(answer.status, 403, "{field}");
    }
}

#[tokio::test]
async fn patching_the_phones_replaces_them() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let id = sandbox.add_person("Example Customer", &["+12025550123", "+12025550124"]);

    let body = json!({"phones": [{"value": "+12025550125"}]});
    Api::of(&sandbox)
        .patch(&format!("/api/v2/persons/{id}"), body)
        .await;

    let phones: Vec<_> = sandbox
        .persons()
        .remove(0)
        .phones
        .into_iter()
        .map(|p| p.value)
        .collect();
    assert_eq!(phones, ["+12025550125"]);
}

#[tokio::test]
async fn a_search_compares_digits_whatever_the_number_looks_like() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let national = sandbox.add_person("National", &["(202) 555-0123"]);
    let full = sandbox.add_person("International", &["+44 7700 900123", "+1 202-555-0123 x4"]);
    sandbox.add_person("Another Person", &["+12025550199"]);

    let search = "/api/v2/persons/search?fields=phone&term=";
    let digits = api.get(&format!("{search}2025550123")).await;
    let e164 = api.get(&format!("{search}%2B12025550123")).await;
    let unencoded = api.get(&format!("{search}+12025550123")).await;
    let none = api.get(&format!("{search}2025550100")).await;

    assert_eq!(digits.found(), [national, full]);
    assert_eq!(
        e164.found(),
        [full],
        "the stored national number has fewer digits"
    );
    assert_eq!(unencoded.found(), [full], "the plus arrives as a space");
    assert_eq!((none.status, none.found()), (200, vec![]));
    let item = &digits.body["data"]["items"][1]["item"];
    assert_eq!(
        item["phones"],
        json!(["+44 7700 900123", "+1 202-555-0123 x4"])
    );
    assert_eq!(item["owner"], json!({"id": 1}));
}

#[tokio::test]
async fn an_exact_search_wants_the_whole_number() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let id = sandbox.add_person("Example Customer", &["(202) 555-0123"]);

    let search = "/api/v2/persons/search?fields=phone&exact_match=true&term=";

    assert_eq!(
        api.get(&format!("{search}202-555-0123")).await.found(),
        [id]
    );
    assert_eq!(
        api.get(&format!("{search}5550123")).await.found(),
        Vec::<i64>::new()
    );
}

#[tokio::test]
async fn a_search_looks_at_names_and_addresses_too() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let body = json!({"name": "Example Customer", "emails": [{"value": "Desk@example.com"}]});
    api.post("/api/v2/persons", body).await;

    assert_eq!(
        api.get("/api/v2/persons/search?term=CUSTOM").await.found(),
        [1]
    );
    assert_eq!(
        api.get("/api/v2/persons/search?term=desk@example")
            .await
            .found(),
        [1]
    );
    let wrong_field = "/api/v2/persons/search?term=CUSTOM&fields=email,phone";
    assert_eq!(api.get(wrong_field).await.found(), Vec::<i64>::new());
}

#[tokio::test]
async fn a_search_term_has_two_characters_or_one_if_exact() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);

    assert_eq!(api.get("/api/v2/persons/search").await.status, 400);
    assert_eq!(api.get("/api/v2/persons/search?term=1").await.status, 400);
    assert_eq!(
        api.get("/api/v2/persons/search?term=1&exact_match=true")
            .await
            .status,
        200
    );
    assert_eq!(
        api.get("/api/v2/persons/search?term=12&fields=fax")
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn search_results_come_in_pages() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    for name in ["One", "Two", "Three"] {
        sandbox.add_person(name, &["+12025550123"]);
    }

    let first = api.get("/api/v2/persons/search?term=5550123&limit=2").await;
    let cursor = first.body["additional_data"]["next_cursor"]
        .as_str()
        .unwrap_or_default();
    let rest = format!("/api/v2/persons/search?term=5550123&limit=2&cursor={cursor}");

    assert_eq!(
        (first.found(), api.get(&rest).await.found()),
        (vec![1, 2], vec![3])
    );
}

#[tokio::test]
async fn the_index_lags_behind_the_records() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let search = "/api/v2/persons/search?term=5550123&fields=phone";
    sandbox.set_search_lag(Duration::from_secs(3600));
    api.post(
        "/api/v2/persons",
        json!({"name": "New", "phones": [{"value": "+12025550123"}]}),
    )
    .await;

    assert_eq!(api.get(search).await.found(), Vec::<i64>::new());
    assert_eq!(
        api.get("/api/v2/persons").await.ids(),
        [1],
        "the list is not the index"
    );

    // Changing the person again feeds the index without lag.
    sandbox.set_search_lag(Duration::ZERO);
    api.patch("/api/v2/persons/1", json!({"name": "Renamed"}))
        .await;
    assert_eq!(api.get(search).await.found(), [1]);
    // And a deleted person is still found until the index knows.
    sandbox.set_search_lag(Duration::from_secs(3600));
    sandbox.delete_person(1);
    assert_eq!(api.get(search).await.found(), [1]);
}

#[tokio::test]
async fn a_merge_moves_everything_to_the_survivor() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let (loser, survivor) = (
        sandbox.add_person("Loser", &["+12025550123"]),
        sandbox.add_person("Survivor", &["+12025550124"]),
    );
    let deal = sandbox.add_deal("Deal of the loser", loser);
    api.post(
        "/api/v2/activities",
        json!({"participants": [{"person_id": loser}]}),
    )
    .await;

    let merged = api
        .put(
            &format!("/v1/persons/{loser}/merge"),
            json!({"merge_with_id": survivor}),
        )
        .await;

    assert_eq!(merged.body["data"]["id"], survivor);
    assert_eq!(merged.body["data"]["merge_what_id"], loser);
    assert_eq!(sandbox.activities_of(survivor).len(), 1);
    assert_eq!(
        api.get(&format!("/api/v2/activities?person_id={loser}"))
            .await
            .ids(),
        Vec::<i64>::new()
    );
    assert_eq!(
        api.get(&format!("/api/v2/deals?person_id={survivor}"))
            .await
            .ids(),
        [deal]
    );
    assert_eq!(
        api.get("/api/v2/persons/search?term=5550123").await.found(),
        [survivor]
    );
    let itself = json!({"merge_with_id": survivor});
    assert_eq!(
        api.put(&format!("/v1/persons/{survivor}/merge"), itself)
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn a_deleted_person_is_shown_or_not_found_as_the_test_wants() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let id = sandbox.add_person("Example Customer", &[]);
    let (path, activity) = (
        format!("/api/v2/persons/{id}"),
        json!({"participants": [{"person_id": id}]}),
    );
    sandbox.delete_person(id);

    assert_eq!(api.get(&path).await.body["data"]["is_deleted"], true);
    assert_eq!(
        api.post("/api/v2/activities", activity.clone())
            .await
            .status,
        400
    );

    sandbox.set_behaviour(Behaviour {
        shows_deleted_persons: false,
        missing_reference_status: 404,
        ..Behaviour::default()
    });
    assert_eq!(api.get(&path).await.status, 404);
    assert_eq!(api.post("/api/v2/activities", activity).await.status, 404);
}

#[tokio::test]
async fn the_list_of_persons_is_filtered_by_owner_deal_organization_and_time() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let (owner, organization) = (
        sandbox.add_user("Agent", "agent@example.com"),
        sandbox.add_organization("Example"),
    );
    sandbox.add_person("Without Anything", &[]);
    let body = json!({"name": "Linked", "owner_id": owner, "org_id": organization});
    let linked = api.post("/api/v2/persons", body).await.body["data"]["id"]
        .as_i64()
        .unwrap();
    let deal = sandbox.add_deal("Deal", linked);

    for filter in [
        format!("owner_id={owner}"),
        format!("org_id={organization}"),
        format!("deal_id={deal}"),
        format!("ids={linked},999"),
        "sort_direction=desc&limit=1".to_owned(),
    ] {
        assert_eq!(
            api.get(&format!("/api/v2/persons?{filter}")).await.ids(),
            [linked],
            "{filter}"
        );
    }
    let future = "/api/v2/persons?updated_since=2999-01-01T00:00:00Z";
    assert_eq!(api.get(future).await.ids(), Vec::<i64>::new());
    let past = "/api/v2/persons?updated_until=2999-01-01T00:00:00Z";
    assert_eq!(api.get(past).await.ids(), [1, linked]);
    assert_eq!(api.get("/api/v2/persons?filter_id=1").await.status, 404);
}
