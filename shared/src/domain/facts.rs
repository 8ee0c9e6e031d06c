//! What one event tells, in the form that is remembered until all events of its interaction are known.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::event::{Channel, Event, Kind, Part, Source};
use super::times::{CLOCK_SKEW, from_epoch_ms, milliseconds, timestamp};

/// How long before an event something of its interaction may have been recorded, where the event does not tell when the
/// interaction began: an agent's leg can end hours before the call does, and a sender can repeat itself as late.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(24);
/// Longest text for people that is remembered, in characters; a record shows less of it. A body may hold a transcript of
/// a megabyte, which is Genesys' to keep.
const TEXT_MAX_CHARS: usize = 10_000;
/// Longest name, number or address that is remembered, in bytes. Longer ones are something else.
const VALUE_MAX_BYTES: usize = 4_000;
/// From how many characters on a word of letters, digits and `+/=-_` is encoded media, and no word.
const MEDIA_MIN_CHARS: usize = 256;
/// What stands in a text where media were.
const MEDIA_LEFT_OUT: &str = "[media left out]";

/// What one event tells of an interaction. Absent members were not told.
///
/// Kept in Redis as JSON: members may be added, never renamed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Which event told it.
    pub kind: Kind,
    /// When the event happened, as far as that was told and can be; else when it was received.
    pub at: Timestamp,
    /// Whether that is only when it was received.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_receipt: bool,
    /// How customer and company spoke.
    pub channel: Channel,
    /// `inbound` or `outbound`, as seen from the company.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// The customer's number or address as it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The customer's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// When the interaction began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// How long the customer's session, or the agent's talk, lasted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// How long the agent held the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_ms: Option<u64>,
    /// How long after-call work lasted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_call_ms: Option<u64>,
    /// The agent: name, else Genesys' user id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The queue: name, else Genesys' queue id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// The wrap-up code's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrapup_code: Option<String>,
    /// What the agent wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrapup_notes: Option<String>,
    /// Where the recording is: `https`, or `http`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording_url: Option<String>,
    /// What was spoken of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Set when the event came cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
}

/// Who began, as seen from the company.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The customer began.
    Inbound,
    /// The company began.
    Outbound,
}

impl Direction {
    fn parse(text: Option<&str>) -> Option<Self> {
        match text?.to_ascii_lowercase().as_str() {
            "inbound" => Some(Self::Inbound),
            "outbound" => Some(Self::Outbound),
            _ => None,
        }
    }
}

impl Facts {
    /// Takes the facts out of an event. `received` stands in for times that it does not tell, and for those of a clock that
    /// is ahead: what is over by then did not happen later.
    #[must_use]
    pub fn of(event: &Event<'_>, received: Timestamp) -> Self {
        let told = if event.source == Source::Guide {
            Self::of_guide(event, received)
        } else {
            Self::of_detail(event, received)
        };
        let latest = received.checked_add(CLOCK_SKEW).unwrap_or(Timestamp::MAX);
        if told.at <= latest && told.started.is_none_or(|started| started <= latest) {
            return told;
        }
        Self {
            at: received,
            at_receipt: true,
            started: None,
            ..told
        }
    }

    /// The earliest moment at which anything of the interaction can have been recorded, by this event's own evidence. How
    /// long the customer's session lasted is none: an agent's leg of the same conversation may have ended long before it.
    #[must_use]
    pub fn earliest(&self) -> Timestamp {
        let looking_back = || self.at.checked_sub(LOOK_BACK).unwrap_or(Timestamp::MIN);
        self.started.unwrap_or_else(looking_back)
    }

    fn of_guide(event: &Event<'_>, received: Timestamp) -> Self {
        let body = &event.body;
        let ended = timestamp(body.end_time.as_deref());
        Self {
            at: ended.unwrap_or(received),
            at_receipt: ended.is_none(),
            direction: Direction::parse(body.direction.as_deref()),
            number: owned(body.phone_number.as_deref()),
            customer: owned(body.participant_name.as_deref())
                .filter(|name| !name.eq_ignore_ascii_case("unknown")),
            started: timestamp(body.start_time.as_deref()),
            duration_ms: body
                .duration
                .0
                .and_then(|seconds| milliseconds(seconds * 1000.0)),
            agent: owned(body.agent_name.as_deref().or(body.user_id.as_deref())),
            queue: owned(body.queue_name.as_deref().or(body.queue_id.as_deref())),
            recording_url: owned(body.recording_url.as_deref())
                .filter(|url| url.starts_with("https://") || url.starts_with("http://")),
            summary: text(
                body.transcript_summary
                    .as_deref()
                    .or(body.summary.as_deref()),
            ),
            ..Self::empty(event, received)
        }
    }

    fn of_detail(event: &Event<'_>, received: Timestamp) -> Self {
        let body = &event.body;
        let direction = Direction::parse(body.direction.as_deref());
        let at = body.event_time.0.and_then(from_epoch_ms);
        Self {
            at: at.unwrap_or(received),
            at_receipt: at.is_none(),
            direction,
            number: owned(customer_address(event, direction)),
            customer: owned(body.callback_user_name.as_deref()),
            duration_ms: body.interacting_duration_ms.0.and_then(milliseconds),
            hold_ms: body.held_duration_ms.0.and_then(milliseconds),
            after_call_ms: body.wrapup_duration_ms.0.and_then(milliseconds),
            agent: owned(body.user_id.as_deref()),
            queue: owned(body.queue_id.as_deref()),
            wrapup_code: owned(body.wrapup_code.as_deref()),
            wrapup_notes: text(body.wrapup_notes.as_deref()),
            ..Self::empty(event, received)
        }
    }

    fn empty(event: &Event<'_>, at: Timestamp) -> Self {
        Self {
            kind: event.kind,
            at,
            at_receipt: true,
            channel: event.channel.clone(),
            direction: None,
            number: None,
            customer: None,
            started: None,
            duration_ms: None,
            hold_ms: None,
            after_call_ms: None,
            agent: None,
            queue: None,
            wrapup_code: None,
            wrapup_notes: None,
            recording_url: None,
            summary: None,
            part: event.part.clone(),
        }
    }
}

/// The member that holds the customer's address: by medium and direction, as in Genesys' schema.
fn customer_address<'e>(event: &'e Event<'_>, direction: Option<Direction>) -> Option<&'e str> {
    let body = &event.body;
    let is_outbound = direction == Some(Direction::Outbound);
    if let Some(number) = body.callback_numbers.as_deref() {
        return Some(number);
    }
    let (telephony, messaging) = if is_outbound {
        (&body.dnis, &body.address_to)
    } else {
        (&body.ani, &body.address_from)
    };
    let by_channel = match event.channel {
        Channel::Voice => [telephony, messaging],
        Channel::Chat | Channel::Other(_) => [messaging, telephony],
    };
    by_channel.into_iter().find_map(|text| text.as_deref())
}

fn owned(value: Option<&str>) -> Option<String> {
    value
        .filter(|value| value.len() <= VALUE_MAX_BYTES)
        .map(str::to_owned)
}

/// An excerpt of a text for people, without encoded media.
fn text(text: Option<&str>) -> Option<String> {
    let is_media = |c: char| c.is_ascii_alphanumeric() || "+/=-_".contains(c);
    let mut excerpt = String::new();
    let mut rest = text?;
    let mut room = TEXT_MAX_CHARS;
    while let Some(first) = rest.chars().next().filter(|_| room > 0) {
        let same = |c: char| is_media(c) == is_media(first);
        let (run, following) = rest.split_at(rest.find(|c| !same(c)).unwrap_or(rest.len()));
        let is_left_out = is_media(first) && run.len() >= MEDIA_MIN_CHARS;
        let run = if is_left_out { MEDIA_LEFT_OUT } else { run };
        excerpt.extend(run.chars().take(room));
        room -= run.chars().take(room).count();
        rest = following;
    }
    Some(excerpt)
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
