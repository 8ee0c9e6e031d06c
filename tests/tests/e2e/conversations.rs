//! Conversations that are made up: chats, and calls of several parties.

use serde_json::{Value, json};

pub(crate) const CUSTOMER: &str = "+12025550143";
pub(crate) const SUPPLIER: &str = "+12025550177";
const COMPANY: &str = "tel:+12025550100";
/// When calls begin here, in seconds since 1970.
const BEGIN: i64 = 1_773_151_200;

/// The guide's payload of a chat with an e-mail address.
pub(crate) fn chat(id: &str, email: &str) -> String {
    let data = json!({"id": id, "channelType": "chat", "email": email, "duration": 61,
        "participantName": "Casey Customer"});
    json!({"eventType": "interaction.completed", "data": data}).to_string()
}

/// The guide's payload of a call with an e-mail address.
pub(crate) fn call_with_email(id: &str, number: &str, email: &str) -> String {
    let data = json!({"id": id, "channelType": "voice", "phoneNumber": number, "email": email, "duration": 61,
        "participantName": "Casey Customer"});
    json!({"eventType": "interaction.completed", "data": data}).to_string()
}

/// The session of someone outside the company: it ends so many seconds after the call began.
pub(crate) fn session(who: &str, end: i64, seconds: i64, direction: &str, number: &str) -> String {
    let (ani, dnis) = sides(direction, number, COMPANY);
    let members = json!({"direction": direction, "ani": ani, "dnis": dnis,
        "interactingDurationMs": seconds * 1000, "disconnectType": "ENDPOINT"});
    ended("customer.end", who, end, &members)
}

/// [`session`] with Genesys' ids of the participant's external contact and of all those of the conversation.
pub(crate) fn with_contacts(session: &str, own: Option<&str>, all: &[&str]) -> String {
    let mut event: Value = serde_json::from_str(session).expect("an event is JSON");
    event["eventBody"]["externalContactId"] = json!(own);
    event["eventBody"]["conversationExternalContactIds"] = json!(all);
    event.to_string()
}

/// An event of an agent's leg of a conversation.
pub(crate) fn leg(
    who: &str,
    end: i64,
    seconds: i64,
    direction: &str,
    far: &str,
    why: &str,
) -> String {
    let near = format!("sip:{who}+example.orgspan.com@localhost");
    let (ani, dnis) = sides(direction, far, &near);
    let members = json!({"direction": direction, "ani": ani, "dnis": dnis, "userId": who, "queueId": "sales",
        "interactingDurationMs": seconds * 1000, "alertingDurationMs": 5_000, "disconnectType": why});
    ended("user.end", who, end, &members)
}

/// What an agent wrote after the call.
pub(crate) fn notes(who: &str, end: i64, text: &str) -> String {
    let members = json!({"direction": "INBOUND", "userId": who, "queueId": "sales", "wrapupNotes": text,
        "wrapupDurationMs": 20_000});
    ended("acw", who, end, &members)
}

/// An agent's leg that rang and was not answered.
pub(crate) fn declined(who: &str, end: i64, far: &str) -> String {
    let members = json!({"direction": "INBOUND", "ani": format!("tel:{far}"), "userId": who, "queueId": "sales",
        "interactingDurationMs": 0, "alertingDurationMs": 8_000, "disconnectType": "NOT_AVAILABLE_TRANSFER"});
    ended("user.end", who, end, &members)
}

fn sides(direction: &str, far: &str, near: &str) -> (String, String) {
    let (far, near) = (format!("tel:{far}"), near.to_owned());
    if direction == "OUTBOUND" {
        (near, far)
    } else {
        (far, near)
    }
}

fn ended(leaf: &str, participant: &str, end: i64, members: &Value) -> String {
    let mut body = json!({"conversationId": "call-1", "participantId": participant, "sessionId": participant,
        "mediaType": "VOICE", "eventTime": (BEGIN + end) * 1000});
    for (name, value) in members.as_object().expect("members of an event") {
        body[name] = value.clone();
    }
    let topic = format!("v2.detail.events.conversation.call-1.{leaf}");
    json!({"topicName": topic, "eventBody": body}).to_string()
}
