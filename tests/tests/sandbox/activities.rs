//! Activities and deals.

use bridge_tests::sandbox::pipedrive::{Behaviour, Sandbox, SandboxConfig};
use serde_json::{Value, json};

use crate::api::Api;

#[tokio::test]
async fn an_activity_is_answered_with_everything_it_holds() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let person = sandbox.add_person("Example Customer", &[]);
    let deal = sandbox.add_deal("Deal", person);
    let body = json!({
        "subject": "Inbound call",
        "type": "call",
        "done": true,
        "due_date": "2026-01-14",
        "due_time": "18:16",
        "duration": "00:05",
        "deal_id": deal,
        "participants": [{"person_id": person, "primary": true}],
        "note": "Interaction 1",
    });

    let created = api.post("/api/v2/activities", body.clone()).await;

    assert_eq!(created.status, 200);
    let data = &created.body["data"];
    for field in [
        "subject",
        "type",
        "done",
        "due_date",
        "deal_id",
        "participants",
        "note",
    ] {
        assert_eq!(data[field], body[field], "{field}");
    }
    assert_eq!(data["person_id"], person);
    assert_eq!(
        (&data["due_time"], &data["duration"]),
        (&json!("18:16:00"), &json!("00:05:00"))
    );
    assert!(data["marked_as_done_time"].is_string());
    let read = api.get(&format!("/api/v2/activities/{}", data["id"])).await;
    assert_eq!(
        read.body["data"]["attendees"],
        Value::Null,
        "only on request"
    );
    assert_eq!(read.body["data"]["update_time"], data["update_time"]);
}

#[tokio::test]
async fn times_are_answered_without_seconds_where_that_is_wanted() {
    let behaviour = Behaviour {
        answers_seconds: false,
        ..Behaviour::default()
    };
    let sandbox = Sandbox::spawn(SandboxConfig {
        behaviour,
        ..SandboxConfig::default()
    });

    let created = Api::of(&sandbox)
        .post("/api/v2/activities", json!({"due_time": "18:16"}))
        .await;

    assert_eq!(created.body["data"]["due_time"], "18:16");
}

#[tokio::test]
async fn subject_and_type_have_defaults_and_unknown_types_are_refused() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);

    let created = api.post("/api/v2/activities", json!({})).await;
    let unknown = api
        .post("/api/v2/activities", json!({"type": "chat"}))
        .await;
    sandbox.add_activity_type("Chat", "chat");
    let known = api
        .post("/api/v2/activities", json!({"type": "chat"}))
        .await;

    assert_eq!(created.body["data"]["subject"], "Call");
    assert_eq!(created.body["data"]["type"], "call");
    assert_eq!((unknown.status, known.status), (400, 200));
}

#[tokio::test]
async fn a_comment_in_a_note_does_not_survive() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let note = "Call<!-- marker --> from<!-- one --><b>queue</b><!-- never closed";

    let created = Api::of(&sandbox)
        .post("/api/v2/activities", json!({"note": note}))
        .await;

    assert_eq!(created.body["data"]["note"], "Call from<b>queue</b>");
}

#[tokio::test]
async fn an_activity_refers_to_what_exists() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);

    for body in [
        json!({"participants": [{"person_id": 9, "primary": true}]}),
        json!({"deal_id": 9}),
        json!({"org_id": 9}),
        json!({"owner_id": 9}),
    ] {
        assert_eq!(
            api.post("/api/v2/activities", body.clone()).await.status,
            400,
            "{body}"
        );
    }
    assert_eq!(sandbox.activities().len(), 0);
}

#[tokio::test]
async fn patching_sets_what_is_sent_and_replaces_the_participants() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let (first, second) = (
        sandbox.add_person("First", &[]),
        sandbox.add_person("Second", &[]),
    );
    let body = json!({"subject": "Call", "note": "old", "participants": [{"person_id": first}]});
    let id = api.post("/api/v2/activities", body).await.body["data"]["id"]
        .as_i64()
        .unwrap();
    let path = format!("/api/v2/activities/{id}");

    api.patch(&path, json!({"note": "new"})).await;
    let moved = api
        .patch(&path, json!({"participants": [{"person_id": second}]}))
        .await;

    assert_eq!(moved.body["data"]["subject"], "Call");
    assert_eq!(moved.body["data"]["note"], "new");
    assert_eq!(
        moved.body["data"]["participants"],
        json!([{"person_id": second, "primary": true}])
    );
    assert_eq!(
        api.get(&format!("/api/v2/activities?person_id={first}"))
            .await
            .ids(),
        Vec::<i64>::new()
    );
    assert_eq!(
        api.get(&format!("/api/v2/activities?person_id={second}"))
            .await
            .ids(),
        [id]
    );
    assert_eq!(
        api.patch("/api/v2/activities/99", json!({"note": "x"}))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn the_list_by_person_knows_primary_participants_alone() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let (first, second) = (
        sandbox.add_person("First", &[]),
        sandbox.add_person("Second", &[]),
    );
    let both =
        json!([{"person_id": first, "primary": false}, {"person_id": second, "primary": true}]);
    let id = api
        .post("/api/v2/activities", json!({"participants": both}))
        .await;
    let two_primary =
        json!([{"person_id": first, "primary": true}, {"person_id": second, "primary": true}]);
    let refused = api
        .post("/api/v2/activities", json!({"participants": two_primary}))
        .await;

    let of_first = api
        .get(&format!("/api/v2/activities?person_id={first}"))
        .await;
    let of_second = api
        .get(&format!("/api/v2/activities?person_id={second}"))
        .await;

    assert_eq!((of_first.ids(), of_second.ids()), (vec![], vec![1]));
    assert_eq!((id.status, refused.status), (200, 400));
}

#[tokio::test]
async fn the_list_of_activities_is_filtered_and_sorted() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let owner = sandbox.add_user("Agent", "agent@example.com");
    let deal = sandbox.add_deal("Deal", sandbox.add_person("Example Customer", &[]));
    let organization = sandbox.add_organization("Example");
    for body in [
        json!({"due_date": "2026-01-03"}),
        json!({"due_date": "2026-01-02", "owner_id": owner, "deal_id": deal, "org_id": organization, "done": true}),
        json!({"due_date": "2026-01-01"}),
    ] {
        assert_eq!(api.post("/api/v2/activities", body).await.status, 200);
    }
    api.delete("/api/v2/activities/3").await;

    for filter in [
        format!("owner_id={owner}"),
        format!("deal_id={deal}"),
        format!("org_id={organization}"),
        "done=true".to_owned(),
        "ids=2,3".to_owned(),
        "sort_by=due_date&limit=1".to_owned(),
        "sort_by=add_time&sort_direction=desc&limit=1".to_owned(),
    ] {
        assert_eq!(
            api.get(&format!("/api/v2/activities?{filter}")).await.ids(),
            [2],
            "{filter}"
        );
    }
    let since = sandbox.activities()[0].update_time;
    let all = api
        .get(&format!("/api/v2/activities?updated_since={since}"))
        .await;
    assert_eq!(all.ids(), [1, 2], "the bound is inclusive");
    assert_eq!(api.get("/api/v2/activities/3").await.status, 404);
}

#[tokio::test]
async fn of_deal_lead_and_project_the_deal_wins() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let deal = sandbox.add_deal("Deal", sandbox.add_person("Example Customer", &[]));

    let all = json!({"deal_id": deal, "lead_id": "adf21080-0e10-11eb-879b-05d71fb426ec", "project_id": 3});
    let answer = api.post("/api/v2/activities", all).await;

    let data = &answer.body["data"];
    assert_eq!(
        (&data["deal_id"], &data["lead_id"], &data["project_id"]),
        (&json!(deal), &Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn deals_are_listed_by_person_and_status() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let person = sandbox.add_person("Example Customer", &[]);
    let open = sandbox.add_deal("Open deal", person);
    let won = sandbox.add_deal("Won deal", person);
    sandbox.add_deal("Another's", sandbox.add_person("Another Person", &[]));
    let closed = api
        .patch(&format!("/api/v2/deals/{won}"), json!({"status": "won"}))
        .await;
    let created = api
        .post(
            "/api/v2/deals",
            json!({"title": "Lost", "person_id": person}),
        )
        .await;
    api.delete(&format!("/api/v2/deals/{}", created.body["data"]["id"]))
        .await;

    let list = |status: &str| {
        let path = format!("/api/v2/deals?person_id={person}&status={status}");
        let api = &api;
        async move { api.get(&path).await.ids() }
    };

    assert_eq!(list("open").await, [open]);
    assert_eq!(list("open,won").await, [open, won]);
    assert_eq!(
        list("deleted").await,
        [created.body["data"]["id"].as_i64().unwrap()]
    );
    assert!(closed.body["data"]["won_time"].is_string());
    assert_eq!(
        api.get("/api/v2/deals/search?term=won&status=won")
            .await
            .found(),
        [won]
    );
    assert_eq!(
        api.post("/api/v2/deals", json!({"value": 1})).await.status,
        400,
        "no title"
    );
}
