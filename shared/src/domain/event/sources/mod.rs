//! Which form a body has. Each form is read by a module of its own; all of them give the same [`Details`].
//!
//! [`Details`]: super::details::Details

mod conversation_ended;
mod detail_event;
mod event_body;
mod eventbridge;
mod flat;
mod guide;
mod members;

use super::filter::Filter;
use super::json::{BYTE_ORDER_MARK, Node, Object, nesting};
use super::kind::Kind;
use super::recognised::{Ignored, Recognised, Unrecognised};

/// Recognises `body`. `topic` is the topic name or leaf that came beside the body, for forms that do not hold it.
///
/// # Errors
///
/// When the body is not JSON, has no known form, or lacks what every event needs.
pub fn recognise(
    body: &[u8],
    topic: Option<&str>,
    filter: &Filter,
) -> Result<Recognised, Unrecognised> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    if nesting::is_too_deep(body) {
        return Err(Unrecognised::Nesting);
    }
    let object: Object<Node<'_>> =
        serde_json::from_slice(body).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => Unrecognised::Shape(error),
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof => Unrecognised::Syntax(error),
        })?;
    let node = *object.0.ok_or(Unrecognised::Form)?;
    if node.detail.0.is_some() {
        eventbridge::recognise(&node, topic, filter)
    } else if node.event_body.0.is_some() {
        event_body::recognise(&node, topic, filter)
    } else if let Some(ended) = conversation_ended::find(&node) {
        conversation_ended::recognise(ended, body, filter)
    } else if node.data.0.is_some() {
        guide::recognise(&node, body, filter)
    } else if node.conversation_id.as_deref().is_some() {
        flat::recognise(&node, topic, filter)
    } else {
        let other_topic = node.topic_name.as_deref();
        match other_topic.filter(|topic| Kind::from_topic(topic).is_none()) {
            Some(topic) => Ok(Recognised::Ignored(Ignored::Topic(topic.to_owned()))),
            None => Err(Unrecognised::Form),
        }
    }
}
