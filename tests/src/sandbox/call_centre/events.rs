//! The events that a conversation raises: analytics detail events, with ids and no names.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::genesys::model::{
    Conversation, Participant, Purpose, SegmentKind, Session, Wrapup,
};

/// Event of a conversation, with its topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The last part of its topic: `customer.end`, `user.end` or `acw`.
    pub leaf: &'static str,
    /// Time of the event.
    pub at: Timestamp,
    /// Body of the event.
    pub body: Value,
}

/// The events of a conversation, by their times.
pub(super) fn of(conversation: &Conversation) -> Vec<Event> {
    let mut events = Vec::new();
    for participant in &conversation.participants {
        let is_customer = matches!(participant.purpose, Purpose::Customer | Purpose::External);
        let is_agent = matches!(participant.purpose, Purpose::Agent | Purpose::User);
        for session in &participant.sessions {
            if is_customer {
                events.extend(customer_end(conversation, participant, session));
            } else if is_agent {
                events.extend(user_end(conversation, participant, session));
            }
        }
        if let (Some(wrapup), Some(session)) = (&participant.wrapup, participant.sessions.last()) {
            events.push(after_call_work(conversation, participant, session, wrapup));
        }
    }
    events.sort_by_key(|event| event.at);
    events
}

/// What all events say.
fn common(
    of: &Conversation,
    owner: &Participant,
    session: &Session,
    at: Timestamp,
) -> Map<String, Value> {
    let contacts: Vec<&str> = of
        .participants
        .iter()
        .filter_map(|participant| participant.contact_id.as_deref())
        .take(1)
        .collect();
    let members = json!({
        "eventTime": at.as_millisecond(),
        "conversationId": of.id,
        "participantId": owner.id,
        "sessionId": session.id,
        "mediaType": session.media.event(),
        "messageType": session.media.message_type(),
        "provider": session.media.provider(),
        "direction": session.direction.event(),
        "ani": session.ani,
        "dnis": session.dnis,
        "addressFrom": session.address_from,
        "addressTo": session.address_to,
        "callbackNumbers": (!session.callback_numbers.is_empty()).then_some(&session.callback_numbers),
        "conversationExternalContactIds": contacts,
        "userId": owner.user_id,
        "queueId": owner.queue_id,
    });
    match members {
        Value::Object(members) => members
            .into_iter()
            .filter(|(_, member)| !member.is_null())
            .collect(),
        _ => Map::new(),
    }
}

fn customer_end(of: &Conversation, owner: &Participant, session: &Session) -> Option<Event> {
    let at = session.end()?;
    let mut body = common(of, owner, session, at);
    // Only agents' events name a queue.
    body.remove("queueId");
    body.insert(
        "disconnectType".to_owned(),
        session.disconnect.event().into(),
    );
    body.insert("divisionId".to_owned(), of.division_id.clone().into());
    body.insert(
        "interactingDurationMs".to_owned(),
        millis(session, &[SegmentKind::Interact]),
    );
    if let Some(contact) = &owner.contact_id {
        body.insert("externalContactId".to_owned(), contact.clone().into());
    }
    Some(Event {
        leaf: "customer.end",
        at,
        body: body.into(),
    })
}

fn user_end(of: &Conversation, owner: &Participant, session: &Session) -> Option<Event> {
    let at = session.end()?;
    let mut body = common(of, owner, session, at);
    body.insert(
        "disconnectType".to_owned(),
        session.disconnect.event().into(),
    );
    body.insert("divisionId".to_owned(), of.division_id.clone().into());
    for (name, kinds) in [
        (
            "interactingDurationMs",
            &[SegmentKind::Interact, SegmentKind::Hold][..],
        ),
        ("heldDurationMs", &[SegmentKind::Hold]),
        ("alertingDurationMs", &[SegmentKind::Alert]),
        ("contactingDurationMs", &[SegmentKind::Contacting]),
        ("dialingDurationMs", &[SegmentKind::Dialing]),
        ("callbackDurationMs", &[SegmentKind::Callback]),
    ] {
        body.insert(name.to_owned(), millis(session, kinds));
    }
    Some(Event {
        leaf: "user.end",
        at,
        body: body.into(),
    })
}

fn after_call_work(
    of: &Conversation,
    owner: &Participant,
    session: &Session,
    wrapup: &Wrapup,
) -> Event {
    let at = wrapup.end;
    let mut body = common(of, owner, session, at);
    body.insert("wrapupCode".to_owned(), wrapup.code_id.clone().into());
    let length = at.duration_since(wrapup.start).unsigned_abs().as_millis();
    body.insert(
        "wrapupDurationMs".to_owned(),
        u64::try_from(length).unwrap_or(0).into(),
    );
    if let Some(notes) = &wrapup.notes {
        body.insert("wrapupNotes".to_owned(), notes.clone().into());
    }
    Event {
        leaf: "acw",
        at,
        body: body.into(),
    }
}

fn millis(session: &Session, kinds: &[SegmentKind]) -> Value {
    let time: std::time::Duration = kinds.iter().map(|kind| session.time(*kind)).sum();
    u64::try_from(time.as_millis()).unwrap_or(0).into()
}
