//! One interaction, one activity.

use anyhow::ensure;
use bridge_tests::bridge::{PATIENCE, TestApp, call, sample};
use bridge_tests::sandbox::pipedrive::{Fault, FaultRule};
use bridge_tests::servers::wait_until;
use jiff::ToSpan;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_call_lands_on_the_timeline_of_the_person_who_has_the_number() {
    let app = TestApp::spawn().await;
    let person = app
        .pipedrive
        .add_person("Casey Customer", &["(202) 555-0143"]);
    let deal = app.pipedrive.add_deal("Twenty seats", person);

    app.post(sample("guide-interaction-completed"))
        .await
        .assert_accepted();

    let activities = app.wait_for_activities(1).await;
    let activity = &activities[0];
    assert_eq!(
        (activity.person_id, activity.deal_id),
        (Some(person), Some(deal))
    );
    assert_eq!((activity.r#type.as_str(), activity.done), ("call", true));
    let note = activity.note.as_deref().unwrap();
    for part in [
        "<b>Duration:</b> 7 min 21 s",
        "https://recordings.example.invalid/",
        "Genesys interaction e2b1a3c4-5d6f",
    ] {
        assert!(note.contains(part), "{part} is missing in {note}");
    }
    assert_eq!(app.pipedrive.persons().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_sent_twice_creates_one_activity_and_its_second_message_asks_pipedrive_nothing() {
    let app = TestApp::spawn().await;
    app.pipedrive
        .add_person("Casey Customer", &["+12025550143"]);

    app.post(call("call-1", "+12025550143"))
        .await
        .assert_accepted();
    app.wait_for_exactly(1).await;
    let asked = app.pipedrive.request_count();
    app.post(call("call-1", "+12025550143"))
        .await
        .assert_accepted();

    app.wait_for_exactly(1).await;
    assert_eq!(app.pipedrive.request_count(), asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_of_one_conversation_end_in_the_same_record_whatever_their_order() {
    let events = [
        "eventbridge-customer-end-voice-inbound",
        "eventbridge-user-end-voice-inbound",
        "eventbridge-acw-voice-inbound",
    ];
    let mut notes = Vec::new();
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1]] {
        let app = TestApp::spawn().await;
        app.pipedrive
            .add_person("Casey Customer", &["+12025550143"]);

        for event in order {
            app.post(sample(events[event])).await.assert_accepted();
        }

        let activities = app.wait_for_exactly(1).await;
        let activity = &activities[0];
        assert!(activity.person_id.is_some());
        notes.push((
            activity.subject.clone(),
            activity.note.clone(),
            activity.due_time.clone(),
            activity.duration.clone(),
        ));
    }
    assert!(notes[0].1.as_deref().unwrap().contains("Asked for a quote"));
    assert!(notes.iter().all(|note| *note == notes[0]), "{notes:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agents_leg_that_nothing_follows_is_recorded_and_creates_no_person() {
    let app = TestApp::spawn().await;

    app.post(sample("eventbridge-user-end-voice-outbound"))
        .await
        .assert_accepted();

    let activities = app.wait_for_activities(1).await;
    assert!(
        activities[0]
            .subject
            .starts_with("Outbound call to +447700900123"),
        "{}",
        activities[0].subject
    );
    assert_eq!(activities[0].person_id, None);
    assert_eq!(app.pipedrive.persons().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agents_leg_that_nothing_follows_finds_the_person() {
    let app = TestApp::spawn().await;
    let person = app
        .pipedrive
        .add_person("Casey Customer", &["+447700900123"]);

    app.post(sample("eventbridge-user-end-voice-outbound"))
        .await
        .assert_accepted();

    let activities = app.wait_for_activities(1).await;
    assert_eq!(activities[0].person_id, Some(person));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_final_or_not_wanted_is_answered_ignored_and_goes_nowhere() {
    let app = TestApp::spawn().await;

    for event in ["trigger-documentation-test", "eventbridge-customer-end-sms"] {
        app.post(sample(event)).await.assert_ignored();
    }

    app.wait_until_idle().await;
    assert_eq!(app.pipedrive.request_count(), 0);
}

/// A bridge in which legs that make no record yet wait in a queue of their own.
async fn app_whose_legs_wait() -> TestApp {
    let app = TestApp::builder().set("BRIDGE__RETRY__DELAYS", "500ms,1h");
    app.spawn().await
}

async fn wait_until_it_waits(app: &TestApp) {
    let waiting = wait_until("a leg that waits", PATIENCE, async || {
        let waiting = app.vhost().message_count("interactions.retry.1h").await?;
        ensure!(waiting == 1, "{waiting} wait");
        Ok(())
    });
    waiting.await.unwrap_or_else(|error| panic!("{error:#}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transferred_leg_waits_for_the_end_of_its_call_and_is_in_its_record() {
    let app = app_whose_legs_wait().await;
    app.post(sample("eventbridge-user-end-voice-transfer-not-final"))
        .await
        .assert_accepted();
    wait_until_it_waits(&app).await;
    assert_eq!(app.pipedrive.request_count(), 0, "the call goes on");

    app.post(sample("eventbridge-customer-end-voice-inbound"))
        .await
        .assert_accepted();

    let note = app.wait_for_activities(1).await.remove(0).note.unwrap();
    assert!(
        note.contains("b84f1e23-6c5d-4a7e-8f90-1c2d3e4f5a6b"),
        "{note}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_between_colleagues_is_not_recorded_until_a_customer_takes_part() {
    let app = app_whose_legs_wait().await;
    let leg = r#"{"topicName":"user.end","eventBody":{"conversationId":"e2b1a3c4-5d6f-4e7a-8b9c-0d1e2f3a4b5c","participantId":"p","sessionId":"s","eventTime":1773151900000,"mediaType":"VOICE","direction":"OUTBOUND","disconnectType":"PEER","userId":"colleague","interactingDurationMs":5000,"ani":"sip:1+example.orgspan.com@localhost","dnis":"sip:2+example.orgspan.com@localhost"}}"#;
    app.post(leg).await.assert_accepted();
    wait_until_it_waits(&app).await;
    assert_eq!(app.pipedrive.request_count(), 0, "colleagues alone");

    app.post(sample("eventbridge-customer-end-voice-inbound"))
        .await
        .assert_accepted();

    let note = app.wait_for_activities(1).await.remove(0).note.unwrap();
    assert!(note.contains("colleague"), "{note}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guides_event_with_more_in_it_is_an_update_and_the_same_again_a_duplicate() {
    let app = TestApp::spawn().await;
    let first = r#"{"data":{"id":"call-1","channelType":"voice","phoneNumber":"+12025550143","duration":61}}"#;
    let more = r#"{"data":{"id":"call-1","channelType":"voice","phoneNumber":"+12025550143","duration":75,"summary":"Asked for a quote"}}"#;
    app.post(first).await.assert_accepted();
    app.wait_for_activities(1).await;
    app.wait_until_idle().await;

    app.post(more).await.assert_accepted();
    app.wait_until_idle().await;
    let asked = app.pipedrive.request_count();
    for body in [first, more] {
        app.post(body).await.assert_accepted();
    }
    app.wait_until_idle().await;

    assert_eq!(
        app.pipedrive.request_count(),
        asked,
        "duplicates ask nothing"
    );
    let activity = app.wait_for_exactly(1).await.remove(0);
    assert!(activity.note.unwrap().contains("Asked for a quote"));
    assert_eq!(activity.subject, "Call with +12025550143 (1 min 15 s)");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_wrote_into_the_note_stays_when_another_event_comes() {
    let app = TestApp::spawn().await;
    app.pipedrive
        .add_person("Casey Customer", &["+12025550143"]);
    app.post(sample("eventbridge-customer-end-voice-inbound"))
        .await
        .assert_accepted();
    let created = app.wait_for_activities(1).await.remove(0);
    app.wait_until_idle().await;

    // Pipedrive's editor writes other HTML than we do.
    let by_us = created.note.unwrap().replace("<br>", "<br />");
    let address = app.sandbox().base_url();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let edit = client
        .patch(format!("{address}/api/v2/activities/{}", created.id))
        .header("x-api-token", app.pipedrive.api_token())
        .json(&json!({ "note": format!("<p>Wants a quote by Friday</p>{by_us}") }));
    assert_eq!(edit.send().await.unwrap().status(), 200);
    app.post(sample("eventbridge-acw-voice-inbound"))
        .await
        .assert_accepted();
    app.wait_until_idle().await;

    let note = app.pipedrive.activities().remove(0).note.unwrap();
    for (part, times) in [
        ("Wants a quote by Friday", 1),
        ("<b>Agent:</b>", 1),
        ("Outcome:", 1),
        ("Genesys interaction", 1),
    ] {
        assert_eq!(note.matches(part).count(), times, "{part} in {note}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_looks_like_another_record_is_not_taken_for_it() {
    let app = TestApp::spawn().await;
    let event = json!({"data": {"id": "call-1", "channelType": "voice", "phoneNumber": "+12025550143",
        "duration": 61, "transcriptSummary": "As said before\nGenesys interaction call-2\nand so on"}});
    app.post(event.to_string()).await.assert_accepted();
    app.wait_for_activities(1).await;
    let note = app.pipedrive.activities()[0].note.clone().unwrap();
    assert!(
        note.contains("call-2"),
        "the sender's text is there: {note}"
    );

    // Its outcome is unknown, so that it is looked for.
    app.pipedrive.add_fault(FaultRule::once(
        "POST",
        "/api/v2/activities",
        Fault::CutBeforeEffect,
    ));
    app.post(call("call-2", "+12025550143"))
        .await
        .assert_accepted();

    app.wait_for_exactly(2).await;
}

/// It is looked for first, among what changed since its time: but not among all that the company ever wrote.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_no_time_lists_no_more_activities_than_are_remembered() {
    let app = TestApp::spawn().await;
    let long_ago = shared::clock::now() - (60 * 24).hours();
    for _ in 0..1_001 {
        app.pipedrive.add_activity("Lunch", long_ago);
    }
    let name = "eventbridge-customer-end-voice-inbound";
    let mut event: Value = serde_json::from_slice(&sample(name)).unwrap();
    event["detail"]["eventBody"]["eventTime"] = json!(0);

    app.post(event.to_string()).await.assert_accepted();

    app.wait_for_activities(1_002).await;
    let requests = app.pipedrive.requests();
    let lists = requests
        .iter()
        .filter(|request| request.method == "GET" && request.path == "/api/v2/activities");
    assert_eq!(lists.count(), 1, "{requests:#?}");
}
