//! A conversation of analytics as the conversation API would have given it: old ones are in analytics alone.
//!
//! Names of queues and wrap-up codes are missing there, and what flows and forms have noted.

use jiff::Timestamp;

use super::analytics::{ConversationDetails, ParticipantDetails, Segment, SessionDetails};
use super::conversation::{Address, Communication, Conversation, Participant, Wrapup};

/// The segment of after-call work, in which nothing is said any more.
const WRAPUP: &str = "wrapup";
/// The segments in which both sides are connected.
const CONNECTED: [&str; 2] = ["interact", "hold"];

impl From<ConversationDetails> for Conversation {
    fn from(details: ConversationDetails) -> Self {
        Self {
            id: details.conversation_id,
            start_time: details.conversation_start,
            // That of analytics includes after-call work.
            end_time: details
                .conversation_end
                .and(details.participants.iter().filter_map(ended).max()),
            external_tag: details.external_tag,
            participants: details.participants.into_iter().map(participant).collect(),
        }
    }
}

fn participant(details: ParticipantDetails) -> Participant {
    let segments = || details.sessions.iter().flat_map(|one| &one.segments);
    let mut participant = Participant {
        start_time: segments().filter_map(|one| one.segment_start).min(),
        connected_time: details.sessions.iter().filter_map(connected).min(),
        end_time: ended(&details),
        queue_id: segments().find_map(|one| one.queue_id.clone()),
        wrapup: segments().find_map(wrapup),
        ani: details.sessions.iter().find_map(|one| one.ani.clone()),
        dnis: details.sessions.iter().find_map(|one| one.dnis.clone()),
        id: details.participant_id,
        purpose: details.purpose,
        name: details.participant_name,
        user_id: details.user_id,
        external_contact_id: details.external_contact_id,
        attributes: details.attributes,
        ..Participant::default()
    };
    for session in details.sessions {
        let of_kind = match session.media_type.as_deref() {
            Some("voice") => &mut participant.calls,
            Some("callback") => &mut participant.callbacks,
            Some("chat") => &mut participant.chats,
            Some("message") => &mut participant.messages,
            Some("email") => &mut participant.emails,
            Some(_) | None => continue,
        };
        of_kind.push(communication(session));
    }
    participant
}

fn communication(session: SessionDetails) -> Communication {
    let address = |text: Option<String>| {
        let address_normalized = Some(text?);
        Some(Address {
            address_normalized,
            ..Address::default()
        })
    };
    let last = spoken(&session).next_back();
    Communication {
        connected_time: connected(&session),
        disconnected_time: last.and_then(|one| one.segment_end),
        disconnect_type: last.and_then(|one| Some(snake_case(one.disconnect_type.as_deref()?))),
        id: session.session_id,
        direction: session.direction,
        recording: session.recording,
        message_type: session.message_type,
        from_address: address(session.address_from.or(session.ani)),
        to_address: address(session.address_to.or(session.dnis)),
        callback_numbers: session.callback_numbers,
        ..Communication::default()
    }
}

/// The segments before after-call work.
fn spoken(session: &SessionDetails) -> impl DoubleEndedIterator<Item = &Segment> {
    let segments = session.segments.iter();
    segments.filter(|one| one.segment_type.as_deref() != Some(WRAPUP))
}

fn connected(session: &SessionDetails) -> Option<Timestamp> {
    let is_connected = |one: &&Segment| {
        let kind = one.segment_type.as_deref();
        kind.is_some_and(|kind| CONNECTED.contains(&kind))
    };
    spoken(session).find(is_connected)?.segment_start
}

/// When a participant left.
fn ended(details: &ParticipantDetails) -> Option<Timestamp> {
    let spoken = details.sessions.iter().flat_map(spoken);
    spoken.filter_map(|one| one.segment_end).max()
}

fn wrapup(segment: &Segment) -> Option<Wrapup> {
    let code = segment.wrap_up_code.clone();
    if segment.segment_type.as_deref() != Some(WRAPUP)
        || code.is_none() && segment.wrap_up_note.is_none()
    {
        return None;
    }
    let lasted = segment.segment_start.zip(segment.segment_end);
    let lasted = lasted.map(|(start, end)| end.duration_since(start).unsigned_abs());
    Some(Wrapup {
        code,
        name: None,
        notes: segment.wrap_up_note.clone(),
        duration_seconds: lasted.map(|lasted| lasted.as_secs()),
        end_time: segment.segment_end,
    })
}

/// `consultTransfer` as `consult_transfer`.
fn snake_case(text: &str) -> String {
    let mut snake = String::new();
    for character in text.chars() {
        if character.is_uppercase() {
            snake.push('_');
        }
        snake.extend(character.to_lowercase());
    }
    snake
}
