//! The second webhook that generated guides invent: `conversation.ended` with `conversationId`, `callerId`, `calleeId`,
//! `durationSeconds`, `recordingId`, `agentName` and `queueName`, at the top level or in `data`.
//!
//! Genesys Cloud sends no such event; a sender of one's own can.

use super::super::channel::Channel;
use super::super::details::{Details, Direction};
use super::super::filter::Filter;
use super::super::json::Node;
use super::super::kind::Kind;
use super::super::names::person_name;
use super::super::recognised::{Event, Recognised, Unrecognised};
use super::super::source::Source;
use super::super::texts::value;
use super::{guide, members};
use crate::domain::times::timestamp;

/// What the event is called.
const NAME: &str = "conversation.ended";

/// The object that holds such an event, if `node` is or has one.
pub(super) fn find<'n, 'a>(node: &'n Node<'a>) -> Option<&'n Node<'a>> {
    let names = [&node.event_type, &node.event, &node.topic_name];
    let is_named = names.iter().any(|name| name.as_deref() == Some(NAME));
    let inner = node.data.0.as_deref().unwrap_or(node);
    let has_its_members = inner.caller_id.as_deref().is_some()
        || inner.callee_id.as_deref().is_some()
        || inner.duration_seconds.0.is_some();
    let is_one = inner.id.as_deref().is_none()
        && (is_named || has_its_members && inner.conversation_id.as_deref().is_some());
    is_one.then_some(inner)
}

/// Recognises the event in `node`, which was read from `body`.
pub(super) fn recognise(
    node: &Node<'_>,
    body: &[u8],
    filter: &Filter,
) -> Result<Recognised, Unrecognised> {
    let kind = Kind::Completed;
    let interaction = members::interaction_id(&node.conversation_id, "conversationId")?;
    // It has callers: without a channel it is a call.
    let media = [&node.channel_type, &node.media_type];
    let media = media.into_iter().find_map(|text| text.as_deref());
    let channel = Channel::parse(media.unwrap_or("voice"), node.message_type.as_deref());
    if let Some(ignored) = members::ignored_channel(&channel, filter) {
        return Ok(Recognised::Ignored(ignored));
    }
    Ok(Recognised::Event(Box::new(Event {
        source: Source::ConversationEnded,
        kind,
        key: members::content_key(kind.as_str(), &interaction, body),
        interaction,
        channel,
        at: timestamp(node.end_time.as_deref()),
        details: details(node),
        part: None,
        is_inferred: false,
    })))
}

/// Which of caller and callee is the customer depends on the direction; without one, neither is.
fn details(node: &Node<'_>) -> Details {
    let direction = Direction::parse(node.direction.as_deref());
    let from = value(node.caller_id.as_deref());
    let to = value(node.callee_id.as_deref());
    let side = match direction {
        Some(Direction::Inbound) => from.clone(),
        Some(Direction::Outbound) => to.clone(),
        None => None,
    };
    let shared = guide::shared_details(node);
    let caller = person_name(node.caller_name.as_deref());
    Details {
        direction,
        number: value(node.phone_number.as_deref()).or(side),
        customer: shared
            .customer
            .or(if direction == Some(Direction::Outbound) {
                None
            } else {
                caller
            }),
        email: node.any_email(),
        from,
        to,
        duration_ms: members::seconds(&node.duration_seconds).or(shared.duration_ms),
        ..shared
    }
}
