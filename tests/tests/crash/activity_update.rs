//! What happens around the change of an activity that is there already: U1 and U2 of `docs/RELIABILITY.md`, and what goes
//! away meanwhile.

use anyhow::{bail, ensure};
use bridge_tests::bridge::{PATIENCE, TestApp, call, sample};
use bridge_tests::sandbox::pipedrive::Behaviour;
use bridge_tests::servers::wait_until;
use serde_json::Value;

use crate::hold::Hold;
use crate::invariants::assert_settled;
use crate::process::Worker;

/// A call is recorded; a worker dies at `point` over what its agent adds, and another takes over. Gives the number of
/// changes sent.
async fn die_changing(point: &str) -> usize {
    let app = TestApp::builder().without_worker().spawn().await;
    app.pipedrive
        .add_person("Casey Customer", &["+12025550143"]);
    let first = Worker::start(&app, "");
    app.post(sample("eventbridge-customer-end-voice-inbound"))
        .await
        .assert_accepted();
    app.wait_for_activities(1).await;
    app.wait_until_idle().await;
    first.terminate().await;

    let doomed = Worker::start(&app, &format!("{point}=abort"));
    app.post(sample("eventbridge-acw-voice-inbound"))
        .await
        .assert_accepted();
    doomed.wait_for_death().await;
    let _heir = Worker::start(&app, "");

    wait_until_both_are_marked(&app).await;
    assert_settled(&app).await;
    let whole = wait_until("a record of both events", PATIENCE, async || {
        let activities = app.pipedrive.activities();
        ensure!(activities.len() == 1, "{} activities", activities.len());
        let note = activities[0].note.clone().unwrap_or_default();
        ensure!(
            note.contains("<b>Duration:</b> 7 min 22 s"),
            "of the first: {note}"
        );
        ensure!(
            note.contains("call back on Friday"),
            "of the second: {note}"
        );
        Ok(())
    });
    whole.await.unwrap_or_else(|error| panic!("{error:#}"));
    let requests = app.pipedrive.requests();
    requests
        .iter()
        .filter(|request| request.method == "PATCH")
        .count()
}

/// Waits until two events of the one interaction are marked as recorded.
async fn wait_until_both_are_marked(app: &TestApp) {
    let marked = wait_until("two recorded events", PATIENCE, async || {
        let keys = app.redis_keys("interaction:").await;
        let fields: Vec<String> = redis::cmd("HKEYS")
            .arg(&keys[0])
            .query_async(&mut app.redis().await)
            .await?;
        let marks = fields.iter().filter(|field| field.starts_with("e:"));
        ensure!(marks.count() == 2, "{fields:?}");
        Ok(())
    });
    marked.await.unwrap_or_else(|error| panic!("{error:#}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn u1_after_the_intent_to_change_the_activity() {
    let sent = die_changing("activity-change-intended").await;
    assert_eq!(sent, 1, "nothing had been sent before the crash");
}

#[tokio::test(flavor = "multi_thread")]
async fn u2_after_the_activity_was_changed() {
    let sent = die_changing("activity-change-answered").await;
    assert_eq!(sent, 1, "the change was read, and not sent again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_deleted_before_a_record_is_moved_to_them_does_not_make_it_look_deleted() {
    let app = TestApp::builder().without_worker().spawn().await;
    app.pipedrive.set_behaviour(Behaviour {
        missing_reference_status: 404,
        ..app.pipedrive.behaviour()
    });
    let gone = app
        .pipedrive
        .add_person("Casey Customer", &["+12025550143"]);
    let hold = Hold::new();
    let _worker = Worker::start(&app, &hold.at("activity-change-intended"));
    let mut wrapup: Value =
        serde_json::from_slice(&sample("eventbridge-acw-voice-inbound")).expect("JSON");
    wrapup["detail"]["eventBody"]["ani"] = Value::Null;
    app.post(wrapup.to_string()).await.assert_accepted();
    let nobodys = app.wait_for_activities(1).await;
    assert_eq!(nobodys[0].person_id, None);
    app.wait_until_idle().await;
    app.post(sample("eventbridge-customer-end-voice-inbound"))
        .await
        .assert_accepted();
    hold.reached().await;

    assert!(app.pipedrive.delete_person(gone));
    hold.release();

    let moved = wait_until("a record of both events, moved", PATIENCE, async || {
        let [activity] = &app.pipedrive.activities()[..] else {
            bail!("not one activity")
        };
        let note = activity.note.as_deref().unwrap_or_default();
        ensure!(note.contains("<b>Duration:</b> 7 min 22 s"), "{note}");
        Ok(activity.person_id)
    });
    let moved = moved.await.unwrap_or_else(|error| panic!("{error:#}"));
    app.wait_until_idle().await;
    let [successor] = &app.pipedrive.persons()[..] else {
        panic!("not one person")
    };
    assert_eq!(moved, Some(successor.id));
    app.wait_for_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_that_goes_before_it_is_linked_is_no_reason_for_a_dead_letter() {
    let app = TestApp::builder().without_worker().spawn().await;
    let person = app
        .pipedrive
        .add_person("Casey Customer", &["+12025550143"]);
    let deal = app.pipedrive.add_deal("20 seats", person);
    let hold = Hold::new();
    let _worker = Worker::start(&app, &hold.at("activity-intended"));
    app.post(call("call-1", "+12025550143"))
        .await
        .assert_accepted();
    hold.reached().await;

    assert!(app.pipedrive.delete_deal(deal));
    hold.release();

    let activities = app.wait_for_activities(1).await;
    app.wait_until_idle().await;
    assert_eq!(activities[0].person_id, Some(person));
    assert_eq!(activities[0].deal_id, None);
    app.wait_for_dead_letters(0).await;
}
