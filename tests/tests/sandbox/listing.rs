//! Lists: what they are blind to, and cursors that cannot be trusted.

use std::time::Duration;

use bridge_tests::sandbox::pipedrive::{
    Behaviour, Cursors, Distortion, Fault, FaultRule, NewPerson, Sandbox, SandboxConfig,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::{Answer, Api, send, wait_until};

const PERSONS: &str = "/api/v2/persons";

fn people(count: usize) -> (Sandbox, Api) {
    let sandbox = Sandbox::spawn(SandboxConfig::default());
    sandbox.add_people((0..count).map(|_| NewPerson::named("Example").phone("+12025550123")));
    let api = Api::of(&sandbox);
    (sandbox, api)
}

fn cursor(answer: &Answer) -> Value {
    answer.body["additional_data"]["next_cursor"].clone()
}

async fn next(api: &Api, answer: &Answer) -> Answer {
    let cursor = cursor(answer);
    let cursor = cursor.as_str().unwrap_or_default();
    api.get(&format!("{PERSONS}?limit=2&cursor={cursor}")).await
}

#[tokio::test]
async fn pages_hold_each_person_once_in_every_order() {
    let (_sandbox, api) = people(5);

    for order in ["id", "update_time", "add_time"] {
        let (mut ids, mut query) = (Vec::new(), String::new());
        loop {
            let path = format!("{PERSONS}?limit=2&sort_by={order}{query}");
            let page = api.get(&path).await;
            ids.extend(page.ids());
            match cursor(&page).as_str() {
                Some(next) => query = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(ids, [1, 2, 3, 4, 5], "{order}");
    }
}

#[tokio::test]
async fn cursors_repeat_or_are_empty_where_that_is_wanted() {
    let (sandbox, api) = people(5);
    let with = |cursors| Behaviour {
        cursors,
        ..Behaviour::default()
    };

    sandbox.set_behaviour(with(Cursors::Repeat));
    let first = api.get("/api/v2/persons?limit=2").await;
    let second = next(&api, &first).await;
    assert_eq!(cursor(&second), cursor(&first));
    assert_eq!(next(&api, &second).await.ids(), [3, 4], "for ever");

    sandbox.set_behaviour(with(Cursors::Empty));
    let first = api.get("/api/v2/persons?limit=2").await;
    assert_eq!((first.ids(), cursor(&first)), (vec![1, 2], json!("")));
    assert_eq!(next(&api, &first).await.status, 400);

    sandbox.set_behaviour(with(Cursors::EmptyAtEnd));
    assert_eq!(cursor(&api.get(PERSONS).await), "");
}

#[tokio::test]
async fn cursors_expire_with_time_and_at_once() {
    let (sandbox, api) = people(5);
    let first = api.get("/api/v2/persons?limit=2").await;
    assert_eq!(next(&api, &first).await.ids(), [3, 4]);

    sandbox.expire_cursors();
    let expired = next(&api, &first).await;
    assert_eq!(expired.status, 400);
    assert_eq!(expired.error(), "Validation failed: cursor: has expired");

    sandbox.set_behaviour(Behaviour {
        cursor_life: Some(Duration::ZERO),
        expired_cursor_status: 422,
        ..Behaviour::default()
    });
    let fresh = api.get("/api/v2/persons?limit=2").await;
    assert_eq!(next(&api, &fresh).await.status, 422);
}

#[tokio::test]
async fn lists_can_lag_behind_while_one_person_is_read_as_it_is() {
    let (sandbox, api) = people(1);
    let behind = Behaviour {
        list_lag: Duration::from_millis(400),
        ..Behaviour::default()
    };
    sandbox.set_behaviour(behind);

    api.patch("/api/v2/persons/1", json!({"name": "Renamed"}))
        .await;
    sandbox.add_person("New", &[]);
    let activity = json!({"participants": [{"person_id": 1}]});
    api.post("/api/v2/activities", activity).await;
    let listed = api.get(PERSONS).await;

    assert_eq!(listed.ids(), [1]);
    assert_eq!(listed.body["data"][0]["name"], "Example");
    assert_eq!(
        api.get("/api/v2/persons/1").await.body["data"]["name"],
        "Renamed"
    );
    let activities = "/api/v2/activities?person_id=1";
    assert_eq!(api.get(activities).await.ids(), Vec::<i64>::new());
    tokio::time::sleep(Duration::from_millis(450)).await;
    assert_eq!(api.get(PERSONS).await.ids(), [1, 2]);
    assert_eq!(api.get(PERSONS).await.body["data"][0]["name"], "Renamed");
    assert_eq!(api.get(activities).await.ids(), [1]);
}

#[tokio::test]
async fn deleted_and_merged_people_vanish_from_polls_unless_lists_show_them() {
    let (sandbox, api) = people(4);
    sandbox.delete_person(1);
    sandbox.merge_persons(2, 3);
    let poll = "/api/v2/persons?updated_since=2020-01-01T00:00:00Z&sort_by=update_time";

    let hidden = api.get(poll).await;
    sandbox.set_behaviour(Behaviour {
        lists_deleted: true,
        ..Behaviour::default()
    });
    let shown = api.get(poll).await;

    let (mut without, mut with) = (hidden.ids(), shown.ids());
    without.sort_unstable();
    with.sort_unstable();
    assert_eq!((without, with), (vec![3, 4], vec![1, 2, 3, 4]));
    let rows = shown.body["data"].as_array().unwrap();
    let deleted = rows.iter().filter(|row| row["is_deleted"] == true).count();
    assert_eq!(deleted, 2);
}

#[tokio::test]
async fn large_pages_can_hang_while_small_ones_come() {
    let (sandbox, api) = people(5);
    let rule = FaultRule::always("GET", PERSONS, Fault::Hang).above_limit(100);
    sandbox.add_fault(rule);

    let small = api.get("/api/v2/persons?limit=100").await;
    let large = api
        .request(Method::GET, "/api/v2/persons?limit=101")
        .timeout(Duration::from_millis(300));

    assert_eq!(small.status, 200);
    assert!(send(large).await.unwrap_err().is_timeout());
    wait_until("nothing is unsettled", || sandbox.unsettled_requests() == 0).await;
}

#[tokio::test]
async fn a_list_can_say_something_else_than_it_holds() {
    let (sandbox, api) = people(3);
    let once = |distortion| {
        let rule = FaultRule::once("GET", PERSONS, Fault::distort(distortion));
        sandbox.add_fault(rule)
    };

    once(Distortion::empty_object());
    assert_eq!(api.get(PERSONS).await.text, "{}");
    once(Distortion::WithoutData);
    assert_eq!(api.get(PERSONS).await.body, json!({"success": true}));
    once(Distortion::null_data());
    assert_eq!(api.get(PERSONS).await.body["data"], Value::Null);
    once(Distortion::Data {
        data: json!("text"),
    });
    assert_eq!(api.get(PERSONS).await.body["data"], "text");
    once(Distortion::WithoutList);
    assert_eq!(api.get(PERSONS).await.body["data"], json!({}));
    once(Distortion::null(1, "/phones/0/value"));
    let nulled = api.get(PERSONS).await;
    assert_eq!(nulled.body["data"][1]["phones"][0]["value"], Value::Null);
    assert!(nulled.body["data"][0]["phones"][0]["value"].is_string());
    once(Distortion::null(0, "/phones/0"));
    assert_eq!(
        api.get(PERSONS).await.body["data"][0]["phones"],
        json!([null])
    );
    once(Distortion::TextIds);
    assert_eq!(api.get(PERSONS).await.body["data"][2]["id"], "3");
    assert_eq!(api.get(PERSONS).await.ids(), [1, 2, 3], "once is once");
}

#[tokio::test]
async fn one_item_can_answer_for_another_and_a_create_without_its_data() {
    let (sandbox, api) = people(1);
    let other = Fault::distort(Distortion::OtherId { id: 7 });
    sandbox.add_fault(FaultRule::once("GET", "/api/v2/persons/*", other));
    let unsaid = Fault::distort(Distortion::null_data());
    sandbox.add_fault(FaultRule::once("POST", PERSONS, unsaid));
    let search = Fault::distort(Distortion::null(0, "/phones"));
    sandbox.add_fault(FaultRule::once("GET", "/api/v2/persons/search", search));

    // The rule for one person stands before that for searches, and concerns them too.
    assert_eq!(api.get("/api/v2/persons/1").await.body["data"]["id"], 7);
    let created = api.post(PERSONS, json!({"name": "New"})).await;
    let found = api.get("/api/v2/persons/search?term=5550123").await;

    assert_eq!((created.status, &created.body["data"]), (200, &Value::Null));
    assert_eq!(sandbox.persons().len(), 2);
    let item = &found.body["data"]["items"][0]["item"];
    assert_eq!((&item["phones"], &item["id"]), (&Value::Null, &json!(1)));
}
