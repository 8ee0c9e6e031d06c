//! Organizations, several participants, edits by people, and the notes that come back otherwise.

use bridge_tests::sandbox::pipedrive::{Behaviour, NewPerson, NoteStyle, Sandbox, SandboxConfig};
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{Api, send};

#[tokio::test]
async fn people_and_activities_belong_to_organizations() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let organization = sandbox.add_organization("Example Works");
    let person = sandbox.add(NewPerson::named("Member").of(organization));
    sandbox.add_deal("Deal", person);

    let read = api.get("/api/v2/organizations/1").await;
    let one = format!("/api/v2/persons/{person}?include_fields=open_deals_count");
    let one = api.get(&one).await;
    let activity = json!({"org_id": organization});
    let unattached = api.post("/api/v2/activities", activity).await;

    assert_eq!(read.body["data"]["name"], "Example Works");
    assert_eq!(sandbox.tokens_spent(), 1 + 1 + 5);
    assert_eq!(one.body["data"]["org_id"], organization);
    assert_eq!(one.body["data"]["open_deals_count"], 1);
    assert_eq!(unattached.body["data"]["org_id"], organization);
    assert_eq!(unattached.body["data"]["person_id"], Value::Null);
    assert_eq!(api.get("/api/v2/activities?org_id=1").await.ids(), [1]);
    assert_eq!(api.get("/api/v2/organizations/9").await.status, 404);

    sandbox.set_behaviour(Behaviour {
        fills_organization: true,
        answers_counts: false,
        ..Behaviour::default()
    });
    let body = json!({"participants": [{"person_id": person}]});
    let filled = api.post("/api/v2/activities", body).await;
    assert_eq!(filled.body["data"]["org_id"], organization);
    let one = format!("/api/v2/persons/{person}?include_fields=open_deals_count");
    let counts = &api.get(&one).await.body["data"]["open_deals_count"];
    assert_eq!(*counts, Value::Null);
}

#[tokio::test]
async fn people_change_activities_without_cost_faults_and_log() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let (first, second) = (sandbox.add_person("A", &[]), sandbox.add_person("B", &[]));
    let agent = sandbox.add_user("Agent", "agent@example.com");
    let body = json!({"subject": "Call", "participants": [{"person_id": first}]});
    api.post("/api/v2/activities", body).await;
    let spent = sandbox.tokens_spent();

    let edit = json!({
        "subject": "Renamed", "due_date": "2026-02-03", "due_time": "04:05", "duration": "00:06",
        "done": true, "owner_id": agent, "note": "<ul><li>mine</li></ul>",
        "participants": [{"person_id": second, "primary": true}, {"person_id": first}],
    });
    sandbox.edit_activity(1, &edit).unwrap();

    let activity = sandbox.activity(1).unwrap();
    assert_eq!(
        (activity.subject.as_str(), activity.done),
        ("Renamed", true)
    );
    assert_eq!(
        (activity.owner_id, activity.person_id),
        (agent, Some(second))
    );
    assert_eq!(activity.note.as_deref(), Some("<ul><li>mine</li></ul>"));
    assert_eq!(activity.participants.len(), 2);
    assert_eq!(
        (sandbox.tokens_spent(), sandbox.request_count()),
        (spent, 1)
    );
    let refusal = sandbox
        .edit_activity(1, &json!({"owner_id": 99}))
        .unwrap_err();
    assert_eq!(refusal, "User 99 not found.");
    assert!(sandbox.delete_activity(1));
    assert_eq!(api.get("/api/v2/activities/1").await.status, 404);
}

#[tokio::test]
async fn a_note_can_come_back_written_otherwise() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    sandbox.set_behaviour(Behaviour {
        note_style: NoteStyle::Rewrapped,
        ..Behaviour::default()
    });

    let body = json!({"note": "<b>Channel:</b> call<br/><br/><ul><li>kept</li></ul>"});
    let created = api.post("/api/v2/activities", body).await;

    assert_eq!(
        created.body["data"]["note"],
        "<div><strong>Channel:</strong> call</div><div><br></div><ul><li>kept</li></ul>"
    );
}

#[tokio::test]
async fn the_page_shows_each_timeline_as_its_owner_sees_it() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let organization = sandbox.add_organization("Example Works");
    let member = NewPerson::named("Member").email("member@example.com");
    let member = sandbox.add(member.of(organization));
    let other = sandbox.add_person("Other", &["+12025550123"]);
    let people = json!([{"person_id": member, "primary": true}, {"person_id": other}]);
    let body = json!({"subject": "Both", "participants": people, "org_id": organization});
    api.post("/api/v2/activities", body).await;
    let body = json!({"subject": "House", "org_id": organization});
    api.post("/api/v2/activities", body).await;

    let page = send(api.anonymous(Method::GET, "/")).await.unwrap().text;

    for part in [
        "member@example.com",
        "Example Works",
        "with Other",
        "with Member (primary)",
        "Sandbox Administrator",
        "to do",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert_eq!(page.matches("Both").count(), 2, "on both timelines");
    assert_eq!(
        page.matches("House").count(),
        1,
        "on that of the organization"
    );
}

#[tokio::test]
async fn everything_of_this_can_be_done_over_http() {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    let api = Api::of(&sandbox);
    let call = async |method, path: &str, body: Value| {
        let request = api.anonymous(method, &format!("/_sandbox{path}"));
        send(request.json(&body)).await.unwrap()
    };

    let organization = call(Method::POST, "/organizations", json!({"name": "Works"})).await;
    assert_eq!(organization.body["id"], 1);
    let people = json!([{"name": "A", "emails": ["a@example.com"], "org_id": 1}, {"name": "B"}]);
    let added = call(Method::POST, "/people", people).await;
    assert_eq!(added.body["ids"], json!([1, 2]));
    let behaviour = json!({"search_mode": "blind", "list_lag": 5, "cursor_life": null});
    let changed = call(Method::PUT, "/behaviour", behaviour).await;
    assert_eq!(changed.status, 204);
    let read = call(Method::GET, "/behaviour", Value::Null).await.body;
    assert_eq!(
        (&read["search_mode"], &read["list_lag"]),
        (&json!("blind"), &json!(5))
    );
    let unknown = call(Method::PUT, "/behaviour", json!({"search_moed": "blind"})).await;
    assert_eq!(unknown.status, 400);
    for (method, path, body) in [
        (Method::PUT, "/persons/2/hidden", json!({"hidden": true})),
        (Method::PATCH, "/persons/1", json!({"name": "Renamed"})),
        (Method::PUT, "/users/1", json!({"active": true})),
        (
            Method::PUT,
            "/activity-types/call",
            json!({"active": false}),
        ),
        (Method::PUT, "/spent-elsewhere", json!({"tokens": 5})),
        (Method::PUT, "/daily-headers", json!({"absent_for": 2})),
        (Method::POST, "/cursors/expire", json!({})),
    ] {
        assert_eq!(call(method, path, body).await.status, 204, "{path}");
    }
    let fault = json!({
        "path": "/api/v2/persons", "above_limit": 100,
        "fault": {"kind": "distort", "distortion": {"how": "value", "at": "/name", "value": null}},
    });
    assert_eq!(call(Method::POST, "/faults", fault).await.status, 200);

    assert_eq!(
        api.get("/api/v2/persons/1").await.body["data"]["name"],
        "Renamed"
    );
    assert_eq!(api.get("/api/v2/persons/2").await.status, 403);
    let meter = call(Method::GET, "/meter?since=0", Value::Null).await.body;
    assert_eq!(meter["tokens"], 2);
    let edited = call(Method::PATCH, "/activities/9", json!({"done": true})).await;
    assert_eq!((edited.status, edited.error()), (400, "Activity not found"));
}
