//! Reads a body the way it came: recognised as it is, else repaired, else completed when it was cut off.
//!
//! `ingest` and `worker` both read with [`read_body`], so that they cannot disagree.

use std::borrow::Cow;

use super::filter::Filter;
use super::json::{self, Node};
use super::part::Part;
use super::recognised::{Event, Ignored, Recognised, Unrecognised};
use super::sources::recognise;
use super::texts::is_unfilled_id;
use crate::domain::ids::{EventKey, InteractionId, sha256_hex_of};
use crate::domain::truncated;

/// How many digits of a part's digest are part of its key.
const PART_DIGITS: usize = 16;

/// A body that could be read.
#[derive(Debug)]
pub struct ReadBody<'b> {
    /// The JSON that was read: the body, unless it had to be repaired or completed.
    pub json: Cow<'b, [u8]>,
    /// Result of reading the body.
    pub reading: Reading,
}

/// What a body says.
#[derive(Debug)]
pub enum Reading {
    /// An event, or enough of one to be recorded.
    Event(Box<Event>),
    /// Authentic, but not recorded.
    Ignored(Ignored),
    /// The beginning of something that was cut off too early to be recorded.
    Fragment {
        /// The interaction, if that arrived.
        interaction: Option<InteractionId>,
        /// Missing part of the event.
        why: Unrecognised,
    },
}

impl From<Recognised> for Reading {
    fn from(recognised: Recognised) -> Self {
        match recognised {
            Recognised::Event(event) => Self::Event(event),
            Recognised::Ignored(ignored) => Self::Ignored(ignored),
        }
    }
}

/// Reads `body`. `topic` came beside it. Where `may_be_truncated`, a body that could go on without an error is taken for
/// the beginning of one.
///
/// # Errors
///
/// When the body is not JSON, even repaired; has no known form; or lacks what every event needs.
pub fn read_body<'b>(
    body: &'b [u8],
    topic: Option<&str>,
    filter: &Filter,
    may_be_truncated: bool,
) -> Result<ReadBody<'b>, Unrecognised> {
    let (json, recognised) = match recognise(body, topic, filter) {
        Err(Unrecognised::Syntax(error)) => match json::repaired(body) {
            Cow::Borrowed(_) => (Cow::Borrowed(body), Err(Unrecognised::Syntax(error))),
            Cow::Owned(repaired) => {
                let recognised = recognise(&repaired, topic, filter);
                (Cow::Owned(repaired), recognised)
            }
        },
        recognised => (Cow::Borrowed(body), recognised),
    };
    match recognised {
        Ok(recognised) => Ok(ReadBody {
            json,
            reading: recognised.into(),
        }),
        Err(error @ Unrecognised::Syntax(_)) if may_be_truncated => {
            read_part(body, topic, filter).unwrap_or(Err(error))
        }
        Err(error @ (Unrecognised::Form | Unrecognised::Missing("detail.eventBody"))) => {
            read_unwrapped(&json, topic, filter).unwrap_or(Err(error))
        }
        Err(error) => Err(error),
    }
}

/// Reads an event that is a text inside of `json`; nothing when there is none.
fn read_unwrapped<'b>(
    json: &[u8],
    topic: Option<&str>,
    filter: &Filter,
) -> Option<Result<ReadBody<'b>, Unrecognised>> {
    let inner = json::unwrapped(json)?;
    let inner = json::repaired(&inner).into_owned();
    let read = recognise(&inner, topic, filter).map(|recognised| ReadBody {
        json: Cow::Owned(inner),
        reading: recognised.into(),
    });
    Some(read)
}

/// Reads what arrived of a body that was cut off; nothing when it was not.
fn read_part<'b>(
    body: &'b [u8],
    topic: Option<&str>,
    filter: &Filter,
) -> Option<Result<ReadBody<'b>, Unrecognised>> {
    let json = truncated::complete(&json::repaired(body))?;
    let reading = match recognise_part(body, &json, topic, filter) {
        Ok(recognised) => recognised.into(),
        Err(error @ Unrecognised::Syntax(_)) => return Some(Err(error)),
        Err(why) => Reading::Fragment {
            interaction: interaction_in(&json),
            why,
        },
    };
    let json = Cow::Owned(json);
    Some(Ok(ReadBody { json, reading }))
}

/// Recognises `json`, which is what could be read of `body`. An event knows that it is a part, and has a key of its own:
/// the whole one is no duplicate of it.
fn recognise_part(
    body: &[u8],
    json: &[u8],
    topic: Option<&str>,
    filter: &Filter,
) -> Result<Recognised, Unrecognised> {
    let mut recognised = recognise(json, topic, filter)?;
    let channel = match &recognised {
        Recognised::Event(event) => event.channel.as_str(),
        Recognised::Ignored(Ignored::Channel(channel)) => channel,
        Recognised::Ignored(Ignored::Topic(_) | Ignored::Status(_) | Ignored::Test) => {
            return Ok(recognised);
        }
    };
    // Web messaging is a chat, and a message only as long as its type is not known.
    if channel == "message" && !has_message_type(json) {
        return Err(Unrecognised::Missing("eventBody.messageType"));
    }
    if let Recognised::Event(event) = &mut recognised {
        // What is missing may distinguish an agent's leg from the customer's session.
        if event.is_inferred {
            return Err(Unrecognised::Missing("topicName"));
        }
        event.part = Some(Part {
            of: event.whole_key(),
            bytes: body.len() as u64,
        });
        let digest = sha256_hex_of(body);
        let base = event.base_key();
        event.key = EventKey::from_parts(&[base.as_str(), "part", &digest[..PART_DIGITS]]);
    }
    Ok(recognised)
}

/// The interaction of a body of which little more can be read.
fn interaction_in(json: &[u8]) -> Option<InteractionId> {
    let node = Node::read(json)?;
    let data = node.data.0.as_deref();
    let guide = data.and_then(|data| data.id.as_deref().or(data.conversation_id.as_deref()));
    let bare = node.id.as_deref();
    let id = node.event_body().conversation_id.as_deref();
    let id = id.or(guide).or(bare).filter(|id| !is_unfilled_id(id))?;
    InteractionId::parse(id).ok()
}

/// The interaction of a body that cannot be read as an event, where its id can be read all the same.
#[must_use]
pub fn interaction_of(body: &[u8]) -> Option<InteractionId> {
    let json = json::repaired(body);
    let whole = || interaction_in(&json);
    let inner = || interaction_in(&json::repaired(&json::unwrapped(&json)?));
    let part = || interaction_in(&truncated::complete(&json)?);
    whole().or_else(inner).or_else(part)
}

fn has_message_type(json: &[u8]) -> bool {
    Node::read(json).is_some_and(|node| node.event_body().message_type.as_deref().is_some())
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
