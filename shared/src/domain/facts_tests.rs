//! What is remembered of long bodies.

use super::*;
use crate::domain::event::{Filter, Recognised, recognise};

fn told(members: &serde_json::Value) -> Facts {
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

    let summary = told(&serde_json::json!({ "summary": transcript }))
        .summary
        .unwrap();

    assert_eq!(summary.chars().count(), TEXT_MAX_CHARS);
    assert!(transcript.starts_with(&summary));
}

#[test]
fn encoded_media_are_left_out_of_texts_and_are_no_name_or_address() {
    let media = "UklGRiQAAABXQVZF/+9k".repeat(1000);
    let summary = format!("Heard: data:audio/wav;base64,{media}== and hung up.");

    let told = told(&serde_json::json!({
        "summary": summary,
        "participantName": media,
        "recordingUrl": format!("https://recordings.example.invalid/{media}"),
    }));

    assert_eq!(
        told.summary.as_deref(),
        Some("Heard: data:audio/wav;base64,[media left out] and hung up.")
    );
    assert_eq!((told.customer, told.recording_url), (None, None));
}

#[test]
fn words_and_texts_of_other_scripts_are_kept_whole() {
    let summary = format!(
        "{} 彼は二十席の見積もりを求めた{}",
        "word ".repeat(60),
        "。長い文".repeat(90)
    );

    let told = told(&serde_json::json!({ "summary": summary }));

    assert_eq!(told.summary.as_deref(), Some(summary.as_str()));
}
