//! `Conversation` of the conversation API.

use serde_json::{Map, Value, json};

use super::super::model::{Conversation, Media, Participant, Purpose, Session};
use super::super::world::World;
use super::{compact, time};

/// A conversation, with names of queues and wrap-up codes.
pub(in super::super) fn conversation(world: &World, of: &Conversation) -> Value {
    let participants: Vec<Value> = of
        .participants
        .iter()
        .map(|participant| self::participant(world, participant))
        .collect();
    // Genesys' own end of a conversation does not wait for after-call work.
    compact(json!({
        "id": of.id,
        "startTime": time(of.start),
        "endTime": of.end.map(time),
        "externalTag": of.external_tag,
        "participants": participants,
        "recordingState": "NONE",
        "divisions": [{"division": {"id": of.division_id}, "entities": []}],
        "selfUri": format!("/api/v2/conversations/{}", of.id),
    }))
}

fn participant(world: &World, of: &Participant) -> Value {
    let first = of.sessions.first();
    let is_internal = matches!(of.purpose, Purpose::Agent | Purpose::User);
    let mut members = json!({
        "id": of.id,
        "purpose": of.purpose.as_str(),
        "name": of.name,
        "userId": of.user_id,
        "queueId": of.queue_id,
        "queueName": of.queue_id.as_deref().and_then(|id| world.queue(id)).map(|queue| &*queue.name),
        "externalContactId": of.contact_id,
        "participantType": if is_internal { "Internal" } else { "External" },
        "address": first.and_then(|session| session.ani.as_deref().or(session.address_from.as_deref())),
        "ani": first.and_then(|session| session.ani.as_deref()),
        "dnis": first.and_then(|session| session.dnis.as_deref()),
        "startTime": of.start().map(time),
        "connectedTime": of.sessions.iter().filter_map(Session::connected).min().map(time),
        "endTime": of.end().map(time),
        "attributes": of.attributes,
    });
    if let Some(wrapup) = &of.wrapup {
        let seconds = wrapup.end.duration_since(wrapup.start).as_secs();
        members["wrapup"] = json!({
            "code": wrapup.code_id,
            "name": world.wrapup_code(&wrapup.code_id).map(|code| &*code.name),
            "notes": wrapup.notes,
            "durationSeconds": seconds,
            "endTime": time(wrapup.end),
        });
        members["startAcwTime"] = time(wrapup.start).into();
        members["endAcwTime"] = time(wrapup.end).into();
    }
    let mut communications: Map<String, Value> = Map::new();
    for session in &of.sessions {
        let kind = communications
            .entry(session.media.api())
            .or_insert_with(|| json!([]));
        if let Some(list) = kind.as_array_mut() {
            list.push(communication(session));
        }
    }
    if let Some(members) = members.as_object_mut() {
        members.extend(communications);
    }
    members
}

fn communication(of: &Session) -> Value {
    let mut members = json!({
        "id": of.id,
        "state": if of.end().is_some() { "disconnected" } else { "connected" },
        "direction": of.direction.api(),
        "disconnectType": of.disconnect.api(),
        "connectedTime": of.connected().map(time),
        "disconnectedTime": of.end().map(time),
        "provider": of.media.provider(),
        "peerId": of.peer_id,
    });
    let address = |text: &Option<String>| {
        text.as_ref()
            .map(|text| json!({"addressNormalized": text, "addressRaw": text}))
    };
    match of.media {
        Media::Voice => {
            members["recording"] = of.is_recorded.into();
            members["self"] = address(&of.ani).into();
            members["other"] = address(&of.dnis).into();
        }
        Media::Callback => {
            members["callbackNumbers"] = json!(of.callback_numbers);
            members["callbackUserName"] = json!(of.callback_name);
        }
        Media::WebMessage | Media::Sms | Media::WhatsApp => {
            let kind = of.media.message_type().map(str::to_lowercase);
            members["type"] = json!(kind);
            members["fromAddress"] = address(&of.address_from).into();
            members["toAddress"] = address(&of.address_to).into();
        }
        Media::Email => {}
    }
    members
}
