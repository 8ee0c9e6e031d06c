//! An event body by itself, or the flat template of a trigger's data action: `topicName` among the event's members.

use super::super::filter::Filter;
use super::super::json::Node;
use super::super::recognised::{Recognised, Unrecognised};
use super::super::source::Source;
use super::detail_event;

/// Recognises the event in `body`.
pub(super) fn recognise(
    body: &Node<'_>,
    topic: Option<&str>,
    filter: &Filter,
) -> Result<Recognised, Unrecognised> {
    let topic = body.topic_name.as_deref().or(topic);
    detail_event::recognise(body, Source::Flat, topic, "conversationId", filter)
}
