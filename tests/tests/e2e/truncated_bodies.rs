//! Bodies that were cut off, and bodies that are huge: what can be known is recorded, and nothing vanishes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use bridge_tests::bridge::{TestApp, sample};
use serde_json::{Value, json};
use uuid::Uuid;

/// Shorter ones are refused as malformed: `shared::domain::truncated`.
const SHORTEST: usize = 64;
/// Every sample is cut at each so many bytes here, and at every byte in the tests of `shared::domain::truncated`.
const STRIDE: usize = 37;
const SAMPLES: [&str; 12] = [
    "eventbridge-acw-voice-inbound",
    "eventbridge-customer-end-anonymous-abandoned",
    "eventbridge-customer-end-chat-legacy",
    "eventbridge-customer-end-sms",
    "eventbridge-customer-end-voice-inbound",
    "eventbridge-customer-end-webmessaging",
    "eventbridge-user-end-voice-inbound",
    "eventbridge-user-end-voice-outbound",
    "guide-interaction-completed-minimal",
    "guide-interaction-completed",
    "trigger-data-action-post-json",
    "trigger-data-action-post-primitives",
];

/// A sample of another interaction, and that one's id.
fn another(name: &str) -> (String, String) {
    let body = String::from_utf8(sample(name)).unwrap();
    let parsed: Value = serde_json::from_str(&body).unwrap();
    let paths = [
        "/detail/eventBody/conversationId",
        "/eventBody/conversationId",
        "/conversationId",
        "/data/id",
    ];
    let id = paths.iter().find_map(|path| parsed.pointer(path)).unwrap();
    let other = Uuid::new_v4().to_string();
    (body.replace(id.as_str().unwrap(), &other), other)
}

#[tokio::test(flavor = "multi_thread")]
async fn real_bodies_cut_anywhere_are_recorded_in_part_or_become_dead_letters() {
    let app = TestApp::spawn().await;
    let (mut recorded, mut dead, mut ignored) = (Vec::new(), 0, 0);

    for name in SAMPLES {
        let length = sample(name).len();
        for end in (SHORTEST..length - 1).step_by(STRIDE) {
            let (body, id) = another(name);
            let answer = app.post(body[..end].to_owned()).await;
            assert_eq!(answer.status, 200, "{name} cut at {end}: {answer:?}");
            if answer.body["status"] == "ignored" {
                ignored += 1;
                continue;
            }
            answer.assert_accepted();
            assert_eq!(answer.body["partial"], true, "{name} cut at {end}");
            if answer.body["deadLettered"] == true {
                dead += 1;
            } else {
                assert_eq!(answer.body["interactionId"], *id, "{name} cut at {end}");
                recorded.push(id);
            }
        }
    }

    assert!(recorded.len() > 100 && dead > 100 && ignored > 0);
    let activities = app.wait_for_exactly(recorded.len()).await;
    for letter in app.wait_for_dead_letters(dead).await {
        assert_eq!(letter.header("x-failure-reason").unwrap(), "unrecognised");
        assert_eq!(letter.header("x-partial").unwrap(), "truncated");
    }
    for id in recorded {
        let marker = format!("Genesys interaction {id}");
        let notes = activities
            .iter()
            .filter_map(|activity| activity.note.as_deref());
        let notes: Vec<&str> = notes.filter(|note| note.contains(&marker)).collect();
        assert_eq!(notes.len(), 1, "{id}");
        assert!(notes[0].contains("Incomplete:"), "{}", notes[0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_event_replaces_its_part_whichever_comes_first() {
    let app = TestApp::spawn().await;
    let mut notes = Vec::new();
    for is_part_first in [true, false] {
        let (whole, id) = another("eventbridge-customer-end-voice-inbound");
        let end = whole.find("\"ani\"").unwrap();
        let mut bodies = [whole[..end].to_owned(), whole.clone()];
        if !is_part_first {
            bodies.reverse();
        }

        for body in bodies {
            app.post(body).await.assert_accepted();
            app.wait_until_idle().await;
        }

        let activities = app.pipedrive.activities();
        let notes_of_id = activities
            .iter()
            .filter_map(|activity| activity.note.clone());
        let found: Vec<String> = notes_of_id.filter(|note| note.contains(&id)).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(!found[0].contains("Incomplete:"), "{}", found[0]);
        notes.push(found[0].replace(&id, ""));
    }
    assert_eq!(notes[0], notes[1]);
    assert!(notes[0].contains("+12025550143"), "{}", notes[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_of_a_part_says_what_is_known_and_keeps_the_bytes() {
    let app = TestApp::spawn().await;
    let (whole, id) = another("eventbridge-customer-end-webmessaging");
    let end = whole.find("\"messageType\"").unwrap();

    let answer = app.post(whole[..end].to_owned()).await;

    assert_eq!(answer.body["deadLettered"], true, "{answer:?}");
    assert_eq!(answer.body["interactionId"], *id);
    let letter = &app.wait_for_dead_letters(1).await[0];
    assert_eq!(letter.payload, &whole[..end]);
    assert_eq!(letter.property("message_id").unwrap(), &*id);
    assert_eq!(letter.header("x-failure-class").unwrap(), "poison");
    let detail = letter.header("x-failure-detail").unwrap().as_str().unwrap();
    assert!(
        detail.contains(&format!("cut off after {end} bytes")),
        "{detail}"
    );
    assert!(detail.contains("messageType"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_huge_transcript_with_media_in_it_an_excerpt_reaches_pipedrive() {
    let app = TestApp::spawn().await;
    let media = "UklGRiQAAABXQVZF/+9k".repeat(10_000);
    let transcript = "Agent: how may I help? Customer: a quote for 20 seats. ".repeat(10_000);
    let data = json!({"id": "call-1", "channelType": "voice", "phoneNumber": "+12025550143",
        "duration": 61, "audio": media, "summary": format!("data:audio/wav;base64,{media} {transcript}")});
    let body = json!({ "data": data }).to_string();
    assert!(body.len() > 900_000, "{}", body.len());

    app.post(body).await.assert_accepted();

    let activities = app.wait_for_activities(1).await;
    let note = activities[0].note.as_deref().unwrap();
    assert!(note.contains("a quote for 20 seats") && note.contains("[…]"));
    assert!(note.contains("Genesys interaction call-1"));
    assert!(
        note.len() < 20_000 && !note.contains("UklGRiQAAABX"),
        "{note}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_body_over_the_limit_the_beginning_is_recorded_where_that_is_configured() {
    let app = TestApp::builder()
        .set("BRIDGE__INGEST__SALVAGE_OVERSIZED", "true")
        .spawn()
        .await;
    let transcript = "Agent: how may I help? ".repeat(100_000);
    let data = json!({"id": "call-1", "channelType": "voice", "phoneNumber": "+12025550143", "summary": transcript});

    let answer = app.post(json!({ "data": data }).to_string()).await;

    answer.assert_accepted();
    assert_eq!(answer.body["partial"], true);
    let activities = app.wait_for_activities(1).await;
    let note = activities[0].note.as_deref().unwrap();
    assert!(note.contains("Incomplete:"), "{note}");
}
