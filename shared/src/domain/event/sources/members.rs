//! Members that every form has.

use super::super::channel::Channel;
use super::super::filter::Filter;
use super::super::json::{Number, Text};
use super::super::recognised::{Ignored, Unrecognised};
use super::super::texts;
use crate::domain::ids::{EventKey, InteractionId, sha256_hex_of};
use crate::domain::times;

/// How much of an unfilled template an error repeats, in characters.
const SHOWN_MAX_CHARS: usize = 40;
/// How many digits of the content's digest are part of a key.
const CONTENT_DIGITS: usize = 16;

/// A text that the event needs.
pub(super) fn needed<'n>(
    text: &'n Text<'_>,
    member: &'static str,
) -> Result<&'n str, Unrecognised> {
    let text = text.as_deref().ok_or(Unrecognised::Missing(member))?;
    if texts::is_unfilled(text) {
        return Err(unfilled(text, member));
    }
    Ok(text)
}

fn unfilled(text: &str, member: &'static str) -> Unrecognised {
    let text = text.chars().filter(|c| !c.is_control());
    let text = text.take(SHOWN_MAX_CHARS).collect();
    Unrecognised::Unfilled { member, text }
}

/// Reads the interaction id and rejects what a template did not fill.
pub(super) fn interaction_id(
    text: &Text<'_>,
    member: &'static str,
) -> Result<InteractionId, Unrecognised> {
    let text = needed(text, member)?;
    if texts::is_unfilled_id(text) {
        return Err(unfilled(text, member));
    }
    InteractionId::parse(text).map_err(|error| Unrecognised::Invalid {
        member,
        reason: error.to_string(),
    })
}

/// Why events of `channel` are not recorded, if they are not.
pub(super) fn ignored_channel(channel: &Channel, filter: &Filter) -> Option<Ignored> {
    let name = channel.as_str();
    (!Filter::admits(&filter.channels, name)).then(|| Ignored::Channel(name.to_owned()))
}

/// The key of an event that is whole by itself and has no time: a body that differs is another event.
///
/// With the interaction alone as key, a second body that says more would be taken for a duplicate. Keys without the
/// content, which older versions wrote, are still known: see `docs/adr/0002-event-key-and-interaction-key.md`.
pub(super) fn content_key(kind: &str, interaction: &InteractionId, body: &[u8]) -> EventKey {
    let content = sha256_hex_of(body.trim_ascii());
    EventKey::from_parts(&[kind, interaction.as_str(), &content[..CONTENT_DIGITS]])
}

/// A duration in milliseconds.
pub(super) fn milliseconds(number: &Number) -> Option<u64> {
    number.0.and_then(times::milliseconds)
}

/// A duration that is given in seconds, in milliseconds.
pub(super) fn seconds(number: &Number) -> Option<u64> {
    let ms = number.0.map(|seconds| seconds * 1000.0);
    ms.and_then(times::milliseconds)
}
