//! What a person changed in Pipedrive stays, whatever event comes later; what is still ours is kept up to date.

use bridge_tests::bridge::{TestApp, sample};
use bridge_tests::sandbox::pipedrive::{Activity, Behaviour, Fault, FaultRule, NoteStyle};
use futures_util::future::join_all;
use serde_json::{Value, json};

const CALLER: &str = "+12025550143";
/// The agent's leg comes first, so that the customer's end changes everything that it wrote.
const LEG: &str = "eventbridge-user-end-voice-inbound";
const END: &str = "eventbridge-customer-end-voice-inbound";
const NOTES: &str = "eventbridge-acw-voice-inbound";

/// A bridge that recorded the agent's leg of a call.
async fn with_a_recorded_leg() -> (TestApp, Activity) {
    let app = TestApp::spawn().await;
    app.pipedrive.add_person("Casey Customer", &[CALLER]);
    app.post(sample(LEG)).await.assert_accepted();
    let activity = app.wait_for_activities(1).await.remove(0);
    app.wait_until_idle().await;
    (app, activity)
}

async fn after(app: &TestApp, event: &str) -> Activity {
    app.post(sample(event)).await.assert_accepted();
    app.wait_until_idle().await;
    app.wait_for_dead_letters(0).await;
    app.wait_for_exactly(1).await.remove(0)
}

fn edit(app: &TestApp, activity: &Activity, fields: &Value) {
    let edited = app.pipedrive.edit_activity(activity.id, fields);
    edited.expect("a valid edit");
}

fn patches(app: &TestApp) -> usize {
    let requests = app.pipedrive.requests();
    let patches = requests.iter().filter(|request| request.method == "PATCH");
    patches.count()
}

/// Subject, date, time and duration.
fn head(activity: &Activity) -> [String; 4] {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        activity.subject.clone(),
        text(&activity.due_date),
        text(&activity.due_time),
        text(&activity.duration),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_field_that_a_person_changed_stays_and_the_others_follow_the_events() {
    let (untouched, before) = with_a_recorded_leg().await;
    let by_events = head(&after(&untouched, END).await);
    assert_ne!(by_events, head(&before), "the end says something else");
    let cases = [
        (json!({"subject": "Wants a quote"}), "subject"),
        (json!({"due_date": "2026-03-12"}), "time"),
        (json!({"due_time": "09:30"}), "time"),
        (json!({"duration": "01:00"}), "duration"),
    ];
    let expectations = cases.iter().map(async |(fields, theirs)| {
        let (app, activity) = with_a_recorded_leg().await;
        edit(&app, &activity, fields);
        let edited = head(&app.pipedrive.activities()[0]);

        // A second event shows that what stayed once is no value of ours by then.
        after(&app, END).await;
        let found = head(&after(&app, NOTES).await);

        for (index, field) in ["subject", "time", "time", "duration"].iter().enumerate() {
            let expected = if field == theirs { &edited } else { &by_events };
            assert_eq!(found[index], expected[index], "{fields}: {found:?}");
        }
    });
    join_all(expectations).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn done_owner_and_participants_stay_as_a_person_left_them() {
    let (app, activity) = with_a_recorded_leg().await;
    let colleague = app.pipedrive.add_person("Casey's colleague", &[]);
    let owner = app.pipedrive.add_user("Sales", "sales@example.com");
    let participants = json!([
        {"person_id": activity.person_id, "primary": true},
        {"person_id": colleague, "primary": false},
    ]);
    edit(
        &app,
        &activity,
        &json!({"done": false, "owner_id": owner, "participants": participants}),
    );

    let found = after(&app, END).await;

    assert!(!found.done);
    assert_eq!(found.owner_id, owner);
    let ids: Vec<i64> = found.participants.iter().map(|it| it.person_id).collect();
    assert_eq!(ids, [activity.person_id.unwrap(), colleague]);
    assert_ne!(found.subject, activity.subject, "the rest is up to date");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_is_found_later_is_added_to_the_participants() {
    let app = TestApp::spawn().await;
    app.post(sample(LEG)).await.assert_accepted();
    let activity = app.wait_for_activities(1).await.remove(0);
    app.wait_until_idle().await;
    assert_eq!(activity.person_id, None, "a leg creates no person");
    let supplier = app.pipedrive.add_person("Supplier", &[]);
    let participants = json!([{"person_id": supplier, "primary": false}]);
    edit(&app, &activity, &json!({"participants": participants}));

    let found = after(&app, END).await;

    // The sandbox makes the only participant the primary one: it is a person's decision by then.
    assert_eq!(found.person_id, Some(supplier));
    assert_eq!(found.participants.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_headings_and_blank_lines_of_people_stay_in_their_place() {
    let theirs = "<h2>Plan</h2><ul><li>Quote by Friday</li><li>Call back</li></ul><p><br></p><p>Nice person</p>";
    for style in [NoteStyle::Kept, NoteStyle::Tidied, NoteStyle::Rewrapped] {
        let app = TestApp::spawn().await;
        app.pipedrive.set_behaviour(Behaviour {
            note_style: style,
            ..app.pipedrive.behaviour()
        });
        app.pipedrive.add_person("Casey Customer", &[CALLER]);
        app.post(sample(END)).await.assert_accepted();
        let activity = app.wait_for_activities(1).await.remove(0);
        app.wait_until_idle().await;
        let by_us = activity.note.clone().unwrap();
        edit(
            &app,
            &activity,
            &json!({"note": format!("{theirs}{by_us}")}),
        );
        let edited = app.pipedrive.activities()[0].note.clone().unwrap();
        let kept = &edited[..edited.find("Nice person").unwrap()];

        let note = after(&app, NOTES).await.note.unwrap();

        assert!(note.starts_with(kept), "{style:?}: {note}");
        for once in [
            "Nice person",
            "Outcome:",
            "When:",
            "Asked for a quote",
            "Genesys interaction",
        ] {
            assert_eq!(note.matches(once).count(), 1, "{style:?}: {once} in {note}");
        }
        let asked = patches(&app);
        after(&app, NOTES).await;
        assert_eq!(patches(&app), asked, "a duplicate");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_ours_that_a_person_deleted_is_not_written_again() {
    let (app, activity) = with_a_recorded_leg().await;
    let note = activity.note.clone().unwrap();
    let line = "<b>Hold:</b> 30 s<br>";
    assert!(note.contains(line), "{note}");
    edit(&app, &activity, &json!({"note": note.replace(line, "")}));

    let note = after(&app, END).await.note.unwrap();

    assert!(!note.contains("Hold:"), "{note}");
    assert!(note.contains("<b>Duration:</b> 7 min 22 s"), "{note}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_effect_of_ours_is_no_edit_and_an_edit_after_it_stays() {
    let edits = [None, Some("Casey wants a quote")];
    for subject in edits {
        let (app, activity) = with_a_recorded_leg().await;
        let lost = Fault::server_error_after_effect(500);
        app.pipedrive
            .add_fault(FaultRule::once("PATCH", "/api/v2/activities/*", lost));
        app.post(sample(END)).await.assert_accepted();
        let late = app.wait_for_activities(1).await;
        assert_eq!(late.len(), 1);
        bridge_tests::servers::wait_until(
            "the late effect",
            bridge_tests::bridge::PATIENCE,
            async || {
                anyhow::ensure!(app.pipedrive.activities()[0].subject != activity.subject);
                Ok(())
            },
        )
        .await
        .unwrap();
        if let Some(subject) = subject {
            edit(&app, &activity, &json!({"subject": subject}));
        }

        // The guide's event names the customer, as no other event does.
        app.post(sample("guide-interaction-completed"))
            .await
            .assert_accepted();
        app.wait_until_idle().await;

        let found = app.wait_for_exactly(1).await.remove(0);
        match subject {
            Some(subject) => assert_eq!(found.subject, subject),
            None => assert!(
                found.subject.contains("Casey Customer"),
                "{}",
                found.subject
            ),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lost_answer_left_up_to_date_is_read_and_not_written_again() {
    let (app, activity) = with_a_recorded_leg().await;
    let lost = Fault::server_error_after_effect(500);
    app.pipedrive
        .add_fault(FaultRule::once("PATCH", "/api/v2/activities/*", lost));

    let found = after(&app, END).await;

    assert_ne!(head(&found), head(&activity));
    assert_eq!(patches(&app), 1);
}
