//! An envelope's `detail` by itself, or the JSON template of a trigger's data action: `topicName` beside `eventBody`.

use super::super::filter::Filter;
use super::super::json::Node;
use super::super::kind::Kind;
use super::super::recognised::{Ignored, Recognised, Unrecognised};
use super::super::source::Source;
use super::detail_event;

/// Recognises the event in `detail`.
pub(super) fn recognise(
    detail: &Node<'_>,
    topic: Option<&str>,
    filter: &Filter,
) -> Result<Recognised, Unrecognised> {
    recognise_as(detail, Source::EventBody, topic, filter)
}

/// The same, inside of an envelope or not.
pub(super) fn recognise_as(
    detail: &Node<'_>,
    source: Source,
    topic: Option<&str>,
    filter: &Filter,
) -> Result<Recognised, Unrecognised> {
    let topic = topic.or(detail.topic_name.as_deref());
    if let Some(other) = topic.filter(|topic| Kind::from_topic(topic).is_none()) {
        return Ok(Recognised::Ignored(Ignored::Topic(other.to_owned())));
    }
    let body = detail.event_body.0.as_deref();
    let body = body.ok_or(Unrecognised::Missing("detail.eventBody"))?;
    detail_event::recognise(body, source, topic, "eventBody.conversationId", filter)
}
