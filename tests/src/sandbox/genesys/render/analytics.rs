//! `AnalyticsConversation` of analytics.

use serde_json::{Value, json};

use super::super::model::{Conversation, Participant, Purpose, SegmentKind, Session};
use super::{compact, time};

/// A conversation. Attributes are given by jobs only.
pub(in super::super) fn conversation(of: &Conversation, with_attributes: bool) -> Value {
    let participants: Vec<Value> = of
        .participants
        .iter()
        .map(|participant| self::participant(participant, with_attributes))
        .collect();
    compact(json!({
        "conversationId": of.id,
        "conversationStart": time(of.start),
        "conversationEnd": end(of).map(time),
        "originatingDirection": of.direction.analytics(),
        "divisionIds": [of.division_id],
        "externalTag": of.external_tag,
        "participants": participants,
    }))
}

/// When a conversation ended, after-call work included.
pub(in super::super) fn end(of: &Conversation) -> Option<jiff::Timestamp> {
    let wrapups = of
        .participants
        .iter()
        .filter_map(|participant| participant.wrapup.as_ref());
    let last = wrapups.map(|wrapup| wrapup.end).max();
    of.end.map(|end| last.map_or(end, |last| last.max(end)))
}

fn participant(of: &Participant, with_attributes: bool) -> Value {
    let last = of.sessions.len().saturating_sub(1);
    let sessions: Vec<Value> = of
        .sessions
        .iter()
        .enumerate()
        .map(|(position, session)| self::session(of, session, position == last))
        .collect();
    json!({
        "participantId": of.id,
        "participantName": of.name,
        "purpose": of.purpose.as_str(),
        "userId": of.user_id,
        "externalContactId": of.contact_id,
        "attributes": with_attributes.then_some(&of.attributes),
        "sessions": sessions,
    })
}

fn session(owner: &Participant, of: &Session, is_last: bool) -> Value {
    json!({
        "sessionId": of.id,
        "mediaType": of.media.analytics(),
        "messageType": of.media.message_type().map(str::to_lowercase),
        "direction": of.direction.analytics(),
        "ani": of.ani,
        "dnis": of.dnis,
        "addressFrom": of.address_from,
        "addressTo": of.address_to,
        "callbackNumbers": (!of.callback_numbers.is_empty()).then_some(&of.callback_numbers),
        "callbackUserName": of.callback_name,
        "peerId": of.peer_id,
        "provider": of.media.provider(),
        "recording": of.is_recorded,
        "segments": segments(owner, of, is_last),
        "metrics": metrics(owner, of, is_last),
    })
}

fn segments(owner: &Participant, of: &Session, is_last: bool) -> Vec<Value> {
    let last = of.segments.len().saturating_sub(1);
    let segment = |(position, segment): (usize, &super::super::model::Segment)| {
        json!({
            "segmentStart": time(segment.start),
            "segmentEnd": time(segment.end),
            "segmentType": segment.kind.as_str(),
            "conference": false,
            "queueId": owner.queue_id,
            "disconnectType": (position == last).then(|| of.disconnect.analytics()),
        })
    };
    let mut segments: Vec<Value> = of.segments.iter().enumerate().map(segment).collect();
    if let Some(wrapup) = owner.wrapup.as_ref().filter(|_| is_last) {
        segments.push(json!({
            "segmentStart": time(wrapup.start),
            "segmentEnd": time(wrapup.end),
            "segmentType": "wrapup",
            "conference": false,
            "queueId": owner.queue_id,
            "wrapUpCode": wrapup.code_id,
            "wrapUpNote": wrapup.notes,
        }));
    }
    segments
}

/// Times in milliseconds: `tTalk` without `tHeld`, `tHandle` with both and after-call work.
fn metrics(owner: &Participant, of: &Session, is_last: bool) -> Vec<Value> {
    let Some(end) = of.end() else {
        return Vec::new();
    };
    let talk = of.time(SegmentKind::Interact).as_millis();
    let held = of.time(SegmentKind::Hold).as_millis();
    let metric = |name: &str, value: u128| json!({"emitDate": time(end), "name": name, "value": u64::try_from(value).unwrap_or(u64::MAX)});
    match owner.purpose {
        Purpose::Customer | Purpose::External if talk > 0 => {
            vec![metric("nConnected", 1), metric("tConnected", talk + held)]
        }
        Purpose::Acd => {
            let is_abandoned = !of
                .disconnect
                .analytics()
                .to_lowercase()
                .contains("transfer");
            let name = if is_abandoned { "tAbandon" } else { "tAcd" };
            vec![metric("nOffered", 1), metric(name, talk)]
        }
        Purpose::Agent | Purpose::User if talk > 0 => {
            let wrapup = owner.wrapup.as_ref().filter(|_| is_last);
            let acw = wrapup.map(|wrapup| {
                wrapup
                    .end
                    .duration_since(wrapup.start)
                    .unsigned_abs()
                    .as_millis()
            });
            let mut metrics = vec![metric("tTalk", talk), metric("tTalkComplete", talk)];
            if held > 0 {
                metrics.push(metric("tHeld", held));
            }
            metrics.extend(acw.map(|acw| metric("tAcw", acw)));
            metrics.push(metric("tHandle", talk + held + acw.unwrap_or(0)));
            metrics
        }
        Purpose::Agent | Purpose::User => {
            let alert = of.time(SegmentKind::Alert).as_millis();
            vec![metric("tAlert", alert), metric("tNotResponding", alert)]
        }
        Purpose::Customer
        | Purpose::External
        | Purpose::Ivr
        | Purpose::Voicemail
        | Purpose::Dialer => Vec::new(),
    }
}
