//! What is posted, in the words of whoever looks on, and what should come of it.
//!
//! The people are those of the sandbox's demonstration data; the numbers are reserved for fiction.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::outcome::{AttachedTo, Expected};
use crate::bridge::sample;
use crate::sandbox::pipedrive::{Fault, FaultRule};

/// One thing that happens to a bridge.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Title of the scene, for the table.
    pub title: &'static str,
    /// The interaction's id; none where the body has none.
    pub interaction: &'static str,
    /// The bodies, in the order in which they are posted.
    pub bodies: Vec<Vec<u8>>,
    /// Whether whoever posts knows the token.
    pub is_authentic: bool,
    /// How Pipedrive misbehaves meanwhile.
    pub trouble: Option<FaultRule>,
    /// What should come of it.
    pub expected: Expected,
}

/// A scene of one body.
fn scene(
    title: &'static str,
    interaction: &'static str,
    body: Vec<u8>,
    expected: Expected,
) -> Scene {
    Scene {
        title,
        interaction,
        bodies: vec![body],
        is_authentic: true,
        trouble: None,
        expected,
    }
}

/// What is posted while all is well.
#[must_use]
pub fn undisturbed(now: Timestamp) -> Vec<Scene> {
    let mut scenes = calls(now);
    scenes.extend(without_a_person(now));
    scenes.extend(not_taken(now));
    scenes
}

fn calls(now: Timestamp) -> Vec<Scene> {
    let guide = "d0000000-0000-4000-8000-000000000001";
    let repeated = "d0000000-0000-4000-8000-000000000002";
    let told_in_parts = "d0000000-0000-4000-8000-000000000003";
    let unknown = "d0000000-0000-4000-8000-000000000004";
    let parts = [
        "eventbridge-customer-end-voice-inbound",
        "eventbridge-user-end-voice-inbound",
        "eventbridge-acw-voice-inbound",
    ];
    let parts =
        parts.map(|name| event(name, told_in_parts, Some("tel:+12025550123"), ago(now, 12)));
    let thrice = guide_call(repeated, "+12025550187", "Unknown", 95);
    let unchanged = vec![thrice.clone(), thrice.clone(), thrice];
    vec![
        scene(
            "Guide: a call from +15550123456",
            guide,
            guide_call(guide, "+15550123456", "Guide Example", 441),
            Expected::once(AttachedTo::Known("Guide Example"))
                .with_deal("Guide Example: yearly contract"),
        ),
        Scene {
            bodies: unchanged,
            ..scene(
                "Guide: one call, sent three times",
                repeated,
                Vec::new(),
                Expected::once(AttachedTo::Known("Plain Digits")),
            )
        },
        Scene {
            bodies: parts.to_vec(),
            ..scene(
                "EventBridge: three events of one call",
                told_in_parts,
                Vec::new(),
                Expected::once(AttachedTo::Known("National Format")).with_note("Asked for a quote"),
            )
        },
        scene(
            "Guide: a call from an unknown number",
            unknown,
            guide_call(unknown, "+447700900456", "Casey Customer", 38),
            Expected::once(AttachedTo::New("Casey Customer")),
        ),
    ]
}

fn without_a_person(now: Timestamp) -> Vec<Scene> {
    let chat = "d0000000-0000-4000-8000-000000000005";
    let anonymous = "d0000000-0000-4000-8000-000000000006";
    let shared = "d0000000-0000-4000-8000-000000000007";
    vec![
        scene(
            "EventBridge: a chat without a number",
            chat,
            event(
                "eventbridge-customer-end-webmessaging",
                chat,
                None,
                ago(now, 9),
            ),
            Expected::once(AttachedTo::Nothing),
        ),
        scene(
            "EventBridge: an anonymous call",
            anonymous,
            event(
                "eventbridge-customer-end-anonymous-abandoned",
                anonymous,
                None,
                ago(now, 7),
            ),
            Expected::once(AttachedTo::Nothing),
        ),
        scene(
            "Guide: a number that two people share",
            shared,
            guide_call(shared, "+12025550142", "Unknown", 121),
            Expected::once(AttachedTo::Nothing).with_note("several people share this number"),
        ),
    ]
}

fn not_taken(now: Timestamp) -> Vec<Scene> {
    let text_message = "d0000000-0000-4000-8000-000000000008";
    let strange = "d0000000-0000-4000-8000-000000000009";
    vec![
        scene(
            "EventBridge: a text message",
            text_message,
            event(
                "eventbridge-customer-end-sms",
                text_message,
                None,
                ago(now, 5),
            ),
            Expected::Ignored,
        ),
        scene(
            "A body cut off in the middle",
            "",
            br#"{"data":{"id":"d0000000-0000-4000-8000-0000000"#.to_vec(),
            Expected::Refused(400),
        ),
        Scene {
            is_authentic: false,
            ..scene(
                "A call with a wrong token",
                strange,
                guide_call(strange, "+15550123456", "Guide Example", 60),
                Expected::Refused(401),
            )
        },
    ]
}

/// What is posted while Pipedrive misbehaves: one after the other, so that the fault meets the right one.
#[must_use]
pub fn troubled() -> Vec<Scene> {
    let cut = "d0000000-0000-4000-8000-00000000000a";
    let refused = "d0000000-0000-4000-8000-00000000000b";
    let create = |fault| Some(FaultRule::once("POST", "/api/v2/activities", fault));
    vec![
        Scene {
            trouble: create(Fault::CutAfterEffect),
            ..scene(
                "A create whose answer is lost; retried",
                cut,
                guide_call(cut, "+447700900123", "International Format", 305),
                Expected::once(AttachedTo::Known("International Format")),
            )
        },
        Scene {
            trouble: create(Fault::forbidden()),
            ..scene(
                "A create forbidden once; tried again",
                refused,
                guide_call(refused, "+15550123456", "Guide Example", 77),
                Expected::once(AttachedTo::Known("Guide Example"))
                    .with_deal("Guide Example: yearly contract"),
            )
        },
    ]
}

/// A call as the guide's payload.
fn guide_call(interaction: &str, number: &str, name: &str, seconds: u32) -> Vec<u8> {
    let data = json!({
        "id": interaction,
        "channelType": "voice",
        "phoneNumber": number,
        "participantName": name,
        "duration": seconds,
        "recordingUrl": format!("https://recordings.example.invalid/{interaction}"),
    });
    json!({"eventType": "interaction.completed", "data": data})
        .to_string()
        .into_bytes()
}

/// A sample of an `EventBridge` event, as if it were of this conversation and had just happened.
fn event(name: &str, interaction: &str, from: Option<&str>, at: Timestamp) -> Vec<u8> {
    let text = String::from_utf8(sample(name)).expect("samples are text");
    let parse = |text: &str| -> Value { serde_json::from_str(text).expect("samples are JSON") };
    let original = parse(&text);
    let id = original["detail"]["eventBody"]["conversationId"].as_str();
    let mut event = parse(&text.replace(id.expect("samples name a conversation"), interaction));
    let body = &mut event["detail"]["eventBody"];
    body["eventTime"] = json!(at.as_millisecond());
    if let Some(number) = from {
        body["ani"] = json!(number);
    }
    event.to_string().into_bytes()
}

fn ago(now: Timestamp, minutes: i64) -> Timestamp {
    now - SignedDuration::from_mins(minutes)
}
