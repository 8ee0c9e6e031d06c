//! What is remembered of long bodies, and how old an interaction may be.

use super::*;
use crate::domain::event::TEXT_MAX_CHARS;
use crate::domain::event::{Filter, Recognised, recognise};

fn facts_of(members: &serde_json::Value) -> Facts {
    let mut data = serde_json::json!({"id": "call-1", "channelType": "voice"});
    for (name, value) in members.as_object().unwrap() {
        data[name] = value.clone();
    }
    let body = serde_json::json!({ "data": data }).to_string();
    match recognise(body.as_bytes(), None, &Filter::everything()) {
        Ok(Recognised::Event(event)) => Facts::of(&event, Timestamp::UNIX_EPOCH),
        other => panic!("no event: {other:?}"),
    }
}

#[test]
fn of_a_transcript_of_megabytes_an_excerpt_is_remembered() {
    let transcript = "Agent: où en êtes-vous? ".repeat(50_000);

    let summary = facts_of(&serde_json::json!({ "summary": transcript }))
        .details
        .summary
        .unwrap();

    assert_eq!(summary.chars().count(), TEXT_MAX_CHARS);
    assert!(transcript.starts_with(&summary));
}

#[test]
fn encoded_media_are_left_out_of_texts_and_are_no_name_or_address() {
    let media = "UklGRiQAAABXQVZF/+9k".repeat(1000);
    let summary = format!("Heard: data:audio/wav;base64,{media}== and hung up.");

    let facts = facts_of(&serde_json::json!({
        "summary": summary,
        "participantName": media,
        "recordingUrl": format!("https://recordings.example.invalid/{media}"),
    }));

    assert_eq!(
        facts.details.summary.as_deref(),
        Some("Heard: data:audio/wav;base64,[media left out] and hung up.")
    );
    assert_eq!(
        (facts.details.customer, facts.details.recording_url),
        (None, None)
    );
}

#[test]
fn words_and_texts_of_other_scripts_are_kept_whole() {
    let summary = format!(
        "{} 彼は二十席の見積もりを求めた{}",
        "word ".repeat(60),
        "。長い文".repeat(90)
    );

    let facts = facts_of(&serde_json::json!({ "summary": summary }));

    assert_eq!(facts.details.summary.as_deref(), Some(summary.as_str()));
}

#[test]
fn only_a_stated_begin_is_evidence_of_one() {
    let received = Timestamp::from_second(1_800_000_000).unwrap();
    let earliest = |event_time: Option<i64>| {
        let topic = "v2.detail.events.conversation.call-1.customer.end";
        let body = serde_json::json!({
            "conversationId": "call-1", "mediaType": "VOICE", "interactingDurationMs": 60_000,
            "eventTime": event_time,
        });
        let event = serde_json::json!({"detail": {"topicName": topic, "eventBody": body}});
        match recognise(event.to_string().as_bytes(), None, &Filter::everything()) {
            Ok(Recognised::Event(event)) => Facts::of(&event, received).earliest(),
            other => panic!("no event: {other:?}"),
        }
    };

    let ended = received - SignedDuration::from_secs(5);
    assert_eq!(
        earliest(Some(ended.as_millisecond())),
        ended - LOOK_BACK,
        "an agent may have left the call before"
    );
    assert_eq!(
        earliest(None),
        received - LOOK_BACK,
        "received is not ended"
    );
    let ahead = received.as_millisecond() + 7_200_000;
    assert_eq!(
        earliest(Some(ahead)),
        received - LOOK_BACK,
        "nothing ends after it was reported"
    );
}

#[test]
fn a_clock_that_is_ahead_gives_no_times() {
    let received: Timestamp = "2026-03-10T14:00:00Z".parse().unwrap();
    let of = |start: &str, end: &str| {
        let data = serde_json::json!({
            "id": "call-1", "channelType": "voice", "duration": 60, "startTime": start, "endTime": end,
        });
        let event = serde_json::json!({ "data": data });
        match recognise(event.to_string().as_bytes(), None, &Filter::everything()) {
            Ok(Recognised::Event(event)) => Facts::of(&event, received),
            other => panic!("no event: {other:?}"),
        }
    };

    let a_minute = of("2026-03-10T14:00:00Z", "2026-03-10T14:01:00Z");
    assert_eq!(a_minute.earliest(), received);
    assert!(!a_minute.at_receipt);

    let a_time_zone = of("2026-03-10T13:58:00Z", "2026-03-10T14:59:00Z");
    assert_eq!(
        (a_time_zone.details.started, a_time_zone.at),
        (None, received)
    );
    assert!(a_time_zone.at_receipt);
    assert_eq!(a_time_zone.details.duration_ms, Some(60_000));
}
