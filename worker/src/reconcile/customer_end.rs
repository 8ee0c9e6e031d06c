//! The `customer.end` event of a session, made from Genesys' own record of the conversation. Pure.
//!
//! Its key is that of the event that Genesys raises: conversation, participant, session and the millisecond of the end. So
//! an event that arrives after all is a duplicate of the one made here.

use genesys::model::{ConversationDetails, ParticipantDetails, Segment, SessionDetails};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// Purposes of those who are not of the company. Source: `purpose` of `AnalyticsParticipant`.
const CUSTOMERS: [&str; 2] = ["customer", "external"];
/// What follows the conversation, or is no part of the customer's time in it.
const AFTER_CALL: &str = "wrapup";
/// Speaking, or the exchange of messages.
const INTERACT: &str = "interact";

/// The end of a customer's session.
#[derive(Debug)]
pub(super) struct CustomerEnd<'d> {
    conversation: &'d str,
    participant: &'d ParticipantDetails,
    session: &'d SessionDetails,
    at: Timestamp,
}

/// The ends of all customers' sessions, in order. A session without segments, or one that goes on, has none.
pub(super) fn of(details: &ConversationDetails) -> Vec<CustomerEnd<'_>> {
    let Some(conversation) = details.conversation_id.as_deref() else {
        return Vec::new();
    };
    let mut ends: Vec<CustomerEnd<'_>> = Vec::new();
    for participant in details.participants.iter().filter(|one| is_customer(one)) {
        ends.extend(participant.sessions.iter().filter_map(|session| {
            Some(CustomerEnd {
                conversation,
                participant,
                session,
                at: end(session)?,
            })
        }));
    }
    ends.sort_by_key(|end| end.at);
    ends
}

fn is_customer(participant: &ParticipantDetails) -> bool {
    let purpose = participant.purpose.as_deref().unwrap_or_default();
    CUSTOMERS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(purpose))
}

/// The segments of the conversation itself.
fn segments(session: &SessionDetails) -> impl Iterator<Item = &Segment> {
    let of_conversation = |segment: &&Segment| segment.segment_type.as_deref() != Some(AFTER_CALL);
    session.segments.iter().filter(of_conversation)
}

fn end(session: &SessionDetails) -> Option<Timestamp> {
    let ends: Option<Vec<Timestamp>> = segments(session).map(|one| one.segment_end).collect();
    ends?.into_iter().max()
}

impl CustomerEnd<'_> {
    /// Lower-case name of the channel.
    pub fn channel(&self) -> String {
        let session = self.session;
        let kind = session
            .message_type
            .as_ref()
            .or(session.media_type.as_ref());
        kind.map_or_else(|| "unknown".to_owned(), |kind| kind.to_lowercase())
    }

    /// The body, in the form of EventBridge.
    pub fn body(&self) -> Vec<u8> {
        let topic = format!(
            "v2.detail.events.conversation.{}.customer.end",
            self.conversation
        );
        let detail = json!({"topicName": topic, "eventBody": self.members()});
        let body = json!({"detail-type": topic, "detail": detail});
        body.to_string().into_bytes()
    }

    fn members(&self) -> Map<String, Value> {
        let (participant, session) = (self.participant, self.session);
        let last = segments(session).last();
        let upper = |text: &Option<String>| text.as_deref().map(upper_snake);
        let numbers = &session.callback_numbers;
        let members = json!({
            "eventTime": self.at.as_millisecond(),
            "conversationId": self.conversation,
            "participantId": participant.participant_id,
            "sessionId": session.session_id,
            "mediaType": upper(&session.media_type),
            "messageType": upper(&session.message_type),
            "direction": upper(&session.direction),
            "disconnectType": last.and_then(|segment| upper(&segment.disconnect_type)),
            "ani": session.ani,
            "dnis": session.dnis,
            "addressFrom": session.address_from,
            "addressTo": session.address_to,
            "callbackNumbers": (!numbers.is_empty()).then_some(numbers),
            "externalContactId": participant.external_contact_id,
            "interactingDurationMs": self.interacting(),
        });
        let Value::Object(members) = members else {
            unreachable!("a JSON object was written")
        };
        let is_known = |(_, value): &(String, Value)| !value.is_null();
        members.into_iter().filter(is_known).collect()
    }

    /// How long it lasted, in milliseconds.
    fn interacting(&self) -> i64 {
        let length = |segment: &Segment| {
            let (from, to) = (segment.segment_start?, segment.segment_end?);
            Some(to.as_millisecond() - from.as_millisecond())
        };
        let spoken = |segment: &&Segment| segment.segment_type.as_deref() == Some(INTERACT);
        segments(self.session)
            .filter(spoken)
            .filter_map(length)
            .sum()
    }
}

/// `conferenceTransfer` of analytics is `CONFERENCE_TRANSFER` in events.
fn upper_snake(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + 2);
    let mut after_lower = false;
    for letter in text.chars() {
        if letter.is_uppercase() && after_lower {
            written.push('_');
        }
        after_lower = letter.is_lowercase() || letter.is_ascii_digit();
        written.extend(letter.to_uppercase());
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_analytics_become_those_of_events() {
        for (analytics, event) in [
            ("inbound", "INBOUND"),
            ("conferenceTransfer", "CONFERENCE_TRANSFER"),
            ("dndEndpoint", "DND_ENDPOINT"),
            ("webmessaging", "WEBMESSAGING"),
            ("CONSULT_TRANSFER", "CONSULT_TRANSFER"),
            ("", ""),
        ] {
            assert_eq!(upper_snake(analytics), event);
        }
    }
}
