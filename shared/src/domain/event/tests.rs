//! Recognition, by the committed samples of every form.

use std::borrow::Cow;

use super::*;
use crate::domain::facts::{Direction, Facts};
use crate::domain::truncated::without_lone_surrogates;

fn filter() -> Filter {
    Filter {
        channels: vec!["voice".into(), "chat".into()],
        statuses: vec!["completed".into()],
    }
}

fn event<'a>(body: &'a [u8], topic: Option<&str>) -> Box<Event<'a>> {
    match recognise(body, topic, &filter()) {
        Ok(Recognised::Event(event)) => event,
        other => panic!("no event: {other:?}"),
    }
}

fn ignored(body: &[u8]) -> Ignored {
    match recognise(body, None, &filter()) {
        Ok(Recognised::Ignored(reason)) => reason,
        other => panic!("not ignored: {other:?}"),
    }
}

fn refused(body: &[u8]) -> String {
    recognise(body, None, &filter())
        .expect_err("recognised")
        .to_string()
}

fn facts(body: &[u8]) -> Facts {
    Facts::of(&event(body, None), "2026-03-10T14:20:00Z".parse().unwrap())
}

macro_rules! sample {
    ($name:literal) => {
        include_bytes!(concat!("../../../fixtures/events/", $name, ".json"))
    };
}

#[test]
fn every_form_of_one_event_is_the_same_event() {
    let envelope = sample!("eventbridge-customer-end-voice-inbound");
    let parsed: serde_json::Value = serde_json::from_slice(envelope).unwrap();
    let detail = parsed["detail"].to_string();
    let bare = parsed["detail"]["eventBody"].to_string();

    let whole = event(envelope, None);
    let forms = [
        event(detail.as_bytes(), None),
        event(bare.as_bytes(), Some("customer.end")),
        event(
            bare.as_bytes(),
            Some("v2.detail.events.conversation.{id}.customer.end"),
        ),
        event(bare.as_bytes(), None),
        event(sample!("trigger-data-action-post-primitives"), None),
    ];

    assert_eq!(
        (whole.source, whole.kind),
        (Source::EventBridge, Kind::CustomerEnd)
    );
    for form in forms {
        assert_eq!(
            (&form.key, form.kind, &form.channel),
            (&whole.key, whole.kind, &whole.channel)
        );
    }
}

#[test]
fn both_templates_of_a_trigger_are_recognised() {
    let json = event(sample!("trigger-data-action-post-json"), None);
    assert_eq!((json.source, json.kind), (Source::EventBody, Kind::Acw));

    let flat = event(sample!("trigger-data-action-post-primitives"), None);
    assert_eq!((flat.source, flat.kind), (Source::Flat, Kind::CustomerEnd));
}

#[test]
fn the_guides_payload_is_recognised_with_and_without_its_wrapper() {
    let full = event(sample!("guide-interaction-completed"), None);
    let minimal = event(sample!("guide-interaction-completed-minimal"), None);

    assert_eq!(
        (full.kind, full.channel.clone()),
        (Kind::Completed, Channel::Voice)
    );
    assert_eq!(
        full.interaction.as_str(),
        "e2b1a3c4-5d6f-4e7a-8b9c-0d1e2f3a4b5c"
    );
    assert_eq!(minimal.channel, Channel::Chat);
}

#[test]
fn web_messaging_and_the_old_web_chat_are_chats_and_sms_is_not_recorded_by_default() {
    assert_eq!(
        event(sample!("eventbridge-customer-end-webmessaging"), None).channel,
        Channel::Chat
    );
    assert_eq!(
        event(sample!("eventbridge-customer-end-chat-legacy"), None).channel,
        Channel::Chat
    );
    assert_eq!(
        ignored(sample!("eventbridge-customer-end-sms")),
        Ignored::Channel("message".into())
    );
}

#[test]
fn what_is_not_final_or_of_another_topic_is_ignored() {
    assert_eq!(
        ignored(sample!("eventbridge-user-end-voice-transfer-not-final")),
        Ignored::Transferred
    );
    let cases: [(&[u8], &str); 5] = [
        (br#"{"eventType":"interaction.created","data":{"id":"a","channelType":"voice"}}"#, "topic"),
        (br#"{"status":"queued","data":{"id":"a","channelType":"voice"}}"#, "status"),
        (br#"{"data":{"id":"a","channelType":"voice","status":"alerting"}}"#, "status"),
        (br#"{"topicName":"channel.metadata","eventBody":{"message":"WebSocket Heartbeat"}}"#, "topic"),
        (
            br#"{"detail-type":"v2.detail.events.conversation.{id}.acd.start","detail":{"eventBody":{"conversationId":"a"}}}"#,
            "topic",
        ),
    ];
    for (body, label) in cases {
        assert_eq!(
            ignored(body).label(),
            label,
            "{}",
            String::from_utf8_lossy(body)
        );
    }
}

#[test]
fn a_refusal_names_what_is_missing() {
    for (body, part) in [
        (
            r#"{"data":{"channelType":"voice"}}"#,
            "`data.id` is missing",
        ),
        (
            r#"{"data":{"id":"  ","channelType":"voice"}}"#,
            "`data.id` is missing",
        ),
        (r#"{"data":{"id":"a"}}"#, "`data.channelType` is missing"),
        (
            r#"{"data":{"id":"a\nb","channelType":"voice"}}"#,
            "`data.id` is invalid",
        ),
        (
            r#"{"topicName":"acw","eventBody":{"mediaType":"VOICE"}}"#,
            "`eventBody.conversationId` is missing",
        ),
        (
            r#"{"conversationId":"a","mediaType":"VOICE"}"#,
            "`topicName` is missing",
        ),
        (r#"{"hello":"world"}"#, "no known event"),
        ("[]", "no known event"),
        ("[1,{\"data\":2}]", "no known event"),
        (r#"{"data":{"id":"a","id":"b"}}"#, "duplicate field"),
        ("{\"data\":", "line 1 column 8"),
        ("", "not JSON"),
    ] {
        let text = refused(body.as_bytes());
        assert!(text.contains(part), "{body}: {text}");
    }
}

#[test]
fn values_of_another_type_never_lose_an_event() {
    let told = facts(br#"{"data":{"id":42,"channelType":"Voice","duration":"61","phoneNumber":12025550143,"recordingUrl":null,"participantName":["x"]}}"#);

    assert_eq!(told.duration_ms, Some(61_000));
    assert_eq!(told.number.as_deref(), Some("12025550143"));
    assert_eq!(told.customer, None);
}

#[test]
fn the_customers_number_is_taken_by_medium_and_direction() {
    assert_eq!(
        facts(sample!("eventbridge-customer-end-voice-inbound"))
            .number
            .as_deref(),
        Some("tel:+12025550143")
    );
    let outbound = facts(sample!("eventbridge-user-end-voice-outbound"));
    assert_eq!(
        (outbound.direction, outbound.number.as_deref()),
        (Some(Direction::Outbound), Some("tel:+447700900123"))
    );
}

#[test]
fn facts_survive_their_stored_form() {
    let told = facts(sample!("eventbridge-acw-voice-inbound"));

    let stored = serde_json::to_string(&told).unwrap();

    assert_eq!(serde_json::from_str::<Facts>(&stored).unwrap(), told);
    assert_eq!(
        told.wrapup_notes.as_deref(),
        Some("Asked for a quote for 20 seats; call back on Friday.")
    );
}

#[test]
fn ids_of_many_digits_stay_apart() {
    let body = br#"{"data":{"id":9007199254740993,"channelType":"voice"}}"#;

    assert_eq!(event(body, None).interaction.as_str(), "9007199254740993");
}

#[test]
fn what_strict_parsers_stumble_over_is_taken_all_the_same() {
    let told = facts(b"\xef\xbb\xbf{\"data\":{\"id\":\"a\",\"channelType\":\"web-messaging\",\"summary\":\"x\",\"transcriptSummary\":\"y\"}}");
    assert_eq!(
        (told.channel, told.summary.as_deref()),
        (Channel::Chat, Some("y"))
    );

    let body = br#"{"data":{"id":"a","channelType":"voice","participantName":"C\\\ud83d \ud83d\ude00 \ud83dx"}}"#;
    let mended = without_lone_surrogates(body);
    assert_eq!(
        facts(&mended).customer.as_deref(),
        Some("C\\\u{fffd} \u{1f600} \u{fffd}x")
    );
    let escaped_backslash = br#"{"a":"\\ud83d"}"#;
    assert!(matches!(
        without_lone_surrogates(escaped_backslash),
        Cow::Borrowed(_)
    ));
}
