//! An EventBridge envelope, or anything else with a `detail`.

use super::super::filter::Filter;
use super::super::json::Node;
use super::super::recognised::{Recognised, Unrecognised};
use super::super::source::Source;
use super::event_body;

/// Recognises the event in an envelope. Its `detail-type` says which topic it is.
pub(super) fn recognise(
    envelope: &Node<'_>,
    topic: Option<&str>,
    filter: &Filter,
) -> Result<Recognised, Unrecognised> {
    let topic = envelope.detail_type.as_deref().or(topic);
    let detail = envelope.detail.0.as_deref();
    let detail = detail.ok_or(Unrecognised::Missing("detail"))?;
    event_body::recognise_as(detail, Source::EventBridge, topic, filter)
}
