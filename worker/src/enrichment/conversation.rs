//! A conversation of Genesys' API as the facts that its events would have said. Pure functions.

use std::collections::BTreeMap;

use genesys::model::{self, Communication, Participant};
use jiff::Timestamp;
use shared::domain::event::{Channel, Details, Direction, Disconnect, Kind, excerpt};
use shared::domain::facts::Facts;

use crate::enrichment::customer;
use crate::enrichment::known::Conversation;

/// Reads a conversation.
pub(crate) fn read(conversation: &model::Conversation) -> Conversation {
    let participants = &conversation.participants;
    let customers = || participants.iter().filter(|one| is_customer(one));
    let mut facts: Vec<Facts> = participants.iter().flat_map(sessions).collect();
    facts.extend(participants.iter().filter_map(after_call_work));
    let communications = customers().chain(participants.iter().filter(|one| is_agent(one)));
    let communications = communications.flat_map(Participant::communications);
    let has_ended = participants
        .iter()
        .flat_map(Participant::communications)
        .all(|communication| communication.disconnected_time.is_some());
    Conversation {
        started: conversation.start_time,
        ended: conversation.end_time.filter(|_| has_ended),
        customer: customer::noted(customers()),
        contact: customers().find_map(|one| one.external_contact_id.clone()),
        facts,
        queues: queues(participants),
        queue_names: pairs(participants, |one| (&one.queue_id, &one.queue_name)),
        wrapup_names: participants
            .iter()
            .filter_map(wrapup)
            .filter_map(|wrapup| Some((wrapup.code.clone()?, named(wrapup.name.as_ref())?)))
            .collect(),
        queued_ms: queued(participants),
        has_voicemail: participants.iter().any(|one| {
            one.purpose.as_deref() == Some("voicemail")
                && one.connected_time.or(one.start_time).is_some()
        }),
        is_recorded: participants
            .iter()
            .flat_map(|one| &one.calls)
            .any(|call| call.recording == Some(true)),
        communications: communications.filter_map(|one| one.id.clone()).collect(),
    }
}

/// The queues by the time at which it entered them.
fn queues(participants: &[Participant]) -> Vec<String> {
    let mut through: Vec<(Option<Timestamp>, &String)> = participants
        .iter()
        .filter_map(|one| {
            Some((
                one.start_time.or(one.connected_time),
                one.queue_id.as_ref()?,
            ))
        })
        .collect();
    through.sort_by_key(|(start, _)| *start);
    let mut queues: Vec<String> = Vec::new();
    for (_, queue) in through {
        queues.retain(|known| known != queue);
        queues.push(queue.clone());
    }
    queues
}

/// Names by id.
fn pairs(
    participants: &[Participant],
    of: impl Fn(&Participant) -> (&Option<String>, &Option<String>),
) -> BTreeMap<String, String> {
    let pair = |participant: &Participant| {
        let (id, name) = of(participant);
        Some((id.clone()?, named(name.as_ref())?))
    };
    participants.iter().filter_map(pair).collect()
}

fn named(name: Option<&String>) -> Option<String> {
    let name = name?.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

fn wrapup(participant: &Participant) -> Option<&model::Wrapup> {
    let of_communication = || {
        participant
            .communications()
            .find_map(|one| one.wrapup.as_ref())
    };
    participant.wrapup.as_ref().or_else(of_communication)
}

fn is_customer(participant: &Participant) -> bool {
    matches!(
        participant.purpose.as_deref(),
        Some("customer" | "external")
    )
}

fn is_agent(participant: &Participant) -> bool {
    matches!(participant.purpose.as_deref(), Some("agent" | "user"))
}

/// The sessions of a participant that are over.
fn sessions(participant: &Participant) -> Vec<Facts> {
    let kind = if is_customer(participant) {
        Kind::CustomerEnd
    } else if is_agent(participant) && participant.user_id.is_some() {
        Kind::UserEnd
    } else {
        return Vec::new();
    };
    let by_channel = [
        (&participant.calls, Channel::Voice),
        (
            &participant.callbacks,
            Channel::Other("callback".to_owned()),
        ),
        (&participant.chats, Channel::Chat),
        (&participant.messages, Channel::Other("message".to_owned())),
        (&participant.emails, Channel::Other("email".to_owned())),
    ];
    let all = by_channel
        .into_iter()
        .flat_map(|(list, channel)| list.iter().map(move |one| (one, channel.clone())));
    all.filter_map(|(communication, channel)| session(participant, communication, kind, channel))
        .collect()
}

fn session(
    participant: &Participant,
    communication: &Communication,
    kind: Kind,
    channel: Channel,
) -> Option<Facts> {
    let ended = communication.disconnected_time?;
    let is_web = communication
        .message_type
        .as_deref()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("webmessaging"));
    let channel = if is_web { Channel::Chat } else { channel };
    let direction = Direction::parse(communication.direction.as_deref());
    let (from, to) = addresses(participant, communication);
    let side = match direction {
        Some(Direction::Inbound) => from.clone(),
        Some(Direction::Outbound) => to.clone(),
        None => None,
    };
    let connected = communication.connected_time;
    let began = participant.start_time.or(connected);
    let is_leg = kind == Kind::UserEnd;
    let details = Details {
        direction,
        number: communication.callback_numbers.first().cloned().or(side),
        from,
        to,
        customer: shared::domain::event::person_name(communication.callback_user_name.as_deref()),
        contact: participant.external_contact_id.clone().filter(|_| !is_leg),
        participant: participant.id.clone(),
        session: communication.id.clone(),
        disconnect: communication.disconnect_type.as_deref().map(disconnect),
        started: began.filter(|_| !is_leg),
        duration_ms: Some(connected.map_or(0, |connected| between(connected, ended))),
        ringing_ms: began.map(|began| between(began, connected.unwrap_or(ended))),
        agent: participant.user_id.clone().filter(|_| is_leg),
        queue: participant.queue_id.clone().filter(|_| is_leg),
        ..Details::default()
    };
    Some(facts(kind, ended, channel, details))
}

fn facts(kind: Kind, at: Timestamp, channel: Channel, details: Details) -> Facts {
    Facts {
        kind,
        at,
        at_receipt: false,
        channel,
        details,
        part: None,
    }
}

/// Who called or wrote, and who was called or written to.
fn addresses(
    participant: &Participant,
    communication: &Communication,
) -> (Option<String>, Option<String>) {
    let of = |address: &Option<model::Address>| {
        let address = address.as_ref()?;
        let either = address
            .address_normalized
            .as_ref()
            .or(address.address_raw.as_ref());
        either.cloned()
    };
    let from = of(&communication.from_address);
    let to = of(&communication.to_address);
    (
        from.or_else(|| participant.ani.clone())
            .or_else(|| participant.address.clone()),
        to.or_else(|| participant.dnis.clone()),
    )
}

/// What an agent noted after it.
fn after_call_work(participant: &Participant) -> Option<Facts> {
    let wrapup = wrapup(participant)?;
    let at = wrapup.end_time.or(participant.end_time)?;
    let last = sessions(participant).pop();
    let details = Details {
        participant: participant.id.clone(),
        session: last.as_ref().and_then(|last| last.details.session.clone()),
        agent: participant.user_id.clone(),
        queue: participant.queue_id.clone(),
        wrapup_code: wrapup.code.clone(),
        wrapup_notes: excerpt(wrapup.notes.as_deref()),
        after_call_ms: wrapup
            .duration_seconds
            .map(|seconds| seconds.saturating_mul(1000)),
        ..Details::default()
    };
    let channel = last.map_or(Channel::Voice, |last| last.channel);
    Some(facts(Kind::Acw, at, channel, details))
}

/// From the first entry into a queue to the last exit out of one.
fn queued(participants: &[Participant]) -> Option<u64> {
    let queues = || {
        let is_queue = |one: &&Participant| one.purpose.as_deref() == Some("acd");
        participants.iter().filter(is_queue)
    };
    let entered = queues()
        .filter_map(|one| one.start_time.or(one.connected_time))
        .min()?;
    let left = queues().filter_map(|one| one.end_time).max()?;
    Some(between(entered, left))
}

/// The conversation API's spelling as that of events: `transfer.consult` is `CONSULT_TRANSFER` there.
fn disconnect(text: &str) -> Disconnect {
    let (cause, how) = text.split_once('.').unwrap_or((text, ""));
    Disconnect::parse(&match (cause, how) {
        (cause, "donotdisturb" | "dnd") => format!("DND_{cause}"),
        ("transfer", "noanswer") => "NO_ANSWER_TRANSFER".to_owned(),
        ("transfer", "notavailable") => "NOT_AVAILABLE_TRANSFER".to_owned(),
        ("transport", "failure") => "TRANSPORT_FAILURE".to_owned(),
        ("transfer", how) if !how.is_empty() => format!("{how}_TRANSFER"),
        (_, _) => text.replace('.', "_"),
    })
}

fn between(start: Timestamp, end: Timestamp) -> u64 {
    u64::try_from(end.duration_since(start).as_millis()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_spelled_as_events_spell_them() {
        for (api, event) in [
            ("transfer.consult", "CONSULT_TRANSFER"),
            ("transfer.noanswer", "NO_ANSWER_TRANSFER"),
            ("endpoint.donotdisturb", "DND_ENDPOINT"),
            ("endpoint.dnd", "DND_ENDPOINT"),
            ("transfer", "TRANSFER"),
            ("endpoint", "ENDPOINT"),
            ("transport.failure", "TRANSPORT_FAILURE"),
        ] {
            assert_eq!(disconnect(api).as_str(), event, "{api}");
        }
    }

    #[test]
    fn a_conversation_says_what_its_events_would_have_said() {
        let conversation: model::Conversation = serde_json::from_str(
            r#"{"id":"c","startTime":"2026-03-10T14:00:00Z","endTime":"2026-03-10T14:05:00Z","participants":[
              {"id":"p1","purpose":"customer","ani":"tel:+12025550143","dnis":"tel:+442079460001","externalContactId":"x",
               "startTime":"2026-03-10T14:00:00Z","attributes":{"context.email":"Casey@Example.com"},
               "calls":[{"id":"s1","direction":"inbound","disconnectType":"endpoint","recording":true,
                 "connectedTime":"2026-03-10T14:00:01Z","disconnectedTime":"2026-03-10T14:05:00Z"}]},
              {"id":"p2","purpose":"acd","startTime":"2026-03-10T14:00:10Z","endTime":"2026-03-10T14:00:40Z"},
              {"id":"p3","purpose":"agent","userId":"u","queueId":"q","startTime":"2026-03-10T14:00:40Z",
               "wrapup":{"code":"w","notes":"n","durationSeconds":9,"endTime":"2026-03-10T14:05:09Z"},
               "calls":[{"id":"s3","direction":"inbound","disconnectType":"peer",
                 "connectedTime":"2026-03-10T14:00:45Z","disconnectedTime":"2026-03-10T14:05:00Z"}]}]}"#,
        )
        .unwrap();

        let read = read(&conversation);

        let kinds: Vec<Kind> = read.facts.iter().map(|facts| facts.kind).collect();
        assert_eq!(kinds, [Kind::CustomerEnd, Kind::UserEnd, Kind::Acw]);
        assert_eq!(
            read.facts[0].details.number.as_deref(),
            Some("tel:+12025550143")
        );
        assert_eq!(read.facts[1].details.duration_ms, Some(255_000));
        assert_eq!(read.facts[1].details.ringing_ms, Some(5_000));
        assert_eq!(read.customer.email.as_deref(), Some("casey@example.com"));
        assert_eq!((read.queued_ms, read.is_recorded), (Some(30_000), true));
        assert_eq!(read.contact.as_deref(), Some("x"));
        assert_eq!(read.communications, ["s1", "s3"]);
    }
}
