//! Which form a body has, and what it tells.

use super::super::ids::{EventKey, InteractionId};
use super::json::{BYTE_ORDER_MARK, Object, Text, nesting};
use super::{Channel, Event, Filter, Ignored, Kind, Node, Recognised, Source, Unrecognised};

/// Recognises `body`. `topic` is the topic name or leaf that came beside the body, for forms that do not hold it.
///
/// # Errors
///
/// When the body is not JSON, has no known form, or lacks what every event needs.
pub fn recognise<'a>(
    body: &'a [u8],
    topic: Option<&str>,
    filter: &Filter,
) -> Result<Recognised<'a>, Unrecognised> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    if nesting::is_too_deep(body) {
        return Err(Unrecognised::Nesting);
    }
    let object: Object<'a> =
        serde_json::from_slice(body).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => Unrecognised::Shape(error),
            _ => Unrecognised::Syntax(error),
        })?;
    let node = *object.0.ok_or(Unrecognised::Form)?;
    if node.detail.0.is_some() {
        recognise_envelope(node, topic, filter)
    } else if node.event_body.0.is_some() {
        recognise_detail(node, Source::EventBody, topic, filter)
    } else if node.data.0.is_some() {
        recognise_guide(node, filter)
    } else if node.conversation_id.as_deref().is_some() {
        let topic = node.topic_name.as_deref().or(topic).map(str::to_owned);
        recognise_body(
            node,
            Source::Flat,
            topic.as_deref(),
            "conversationId",
            filter,
        )
    } else if let Some(topic) = node
        .topic_name
        .as_deref()
        .filter(|topic| Kind::from_topic(topic).is_none())
    {
        Ok(Recognised::Ignored(Ignored::Topic(topic.to_owned())))
    } else {
        Err(Unrecognised::Form)
    }
}

fn recognise_envelope<'a>(
    envelope: Node<'a>,
    topic: Option<&str>,
    filter: &Filter,
) -> Result<Recognised<'a>, Unrecognised> {
    let topic = envelope.detail_type.as_deref().or(topic).map(str::to_owned);
    let detail = *envelope.detail.0.ok_or(Unrecognised::Missing("detail"))?;
    recognise_detail(detail, Source::EventBridge, topic.as_deref(), filter)
}

fn recognise_detail<'a>(
    detail: Node<'a>,
    source: Source,
    topic: Option<&str>,
    filter: &Filter,
) -> Result<Recognised<'a>, Unrecognised> {
    let topic = topic.or(detail.topic_name.as_deref()).map(str::to_owned);
    if let Some(topic) = topic
        .as_deref()
        .filter(|topic| Kind::from_topic(topic).is_none())
    {
        return Ok(Recognised::Ignored(Ignored::Topic(topic.to_owned())));
    }
    let body = *detail
        .event_body
        .0
        .ok_or(Unrecognised::Missing("detail.eventBody"))?;
    recognise_body(
        body,
        source,
        topic.as_deref(),
        "eventBody.conversationId",
        filter,
    )
}

/// An analytics detail event.
fn recognise_body<'a>(
    body: Node<'a>,
    source: Source,
    topic: Option<&str>,
    id_member: &'static str,
    filter: &Filter,
) -> Result<Recognised<'a>, Unrecognised> {
    let kind = match topic {
        Some(topic) => Kind::from_topic(topic).ok_or_else(|| topic.to_owned()),
        None => Ok(infer_kind(&body).ok_or(Unrecognised::Missing("topicName"))?),
    };
    let kind = match kind {
        Ok(kind) => kind,
        Err(topic) => return Ok(Recognised::Ignored(Ignored::Topic(topic))),
    };
    let interaction = interaction_id(body.conversation_id.as_deref(), id_member)?;
    let media = body
        .media_type
        .as_deref()
        .ok_or(Unrecognised::Missing("eventBody.mediaType"))?;
    let channel = Channel::parse(media, body.message_type.as_deref());
    if !Filter::admits(&filter.channels, channel.as_str()) {
        return Ok(Recognised::Ignored(Ignored::Channel(
            channel.as_str().to_owned(),
        )));
    }
    let disconnect = body.disconnect_type.as_deref().unwrap_or_default();
    if kind == Kind::UserEnd && (disconnect == "TRANSFER" || disconnect.ends_with("_TRANSFER")) {
        return Ok(Recognised::Ignored(Ignored::Transferred));
    }
    let part = |text: &Text<'_>| text.as_deref().unwrap_or_default().to_owned();
    let key = EventKey::from_parts(&[
        kind.as_str(),
        interaction.as_str(),
        &part(&body.participant_id),
        &part(&body.session_id),
        &body
            .event_time
            .0
            .map(|time| time.to_string())
            .unwrap_or_default(),
    ]);
    Ok(Recognised::Event(Box::new(Event {
        source,
        kind,
        interaction,
        key,
        channel,
        part: None,
        is_inferred: topic.is_none(),
        body,
    })))
}

/// The kind of a body that came without a topic, from the members that only that kind has.
fn infer_kind(body: &Node<'_>) -> Option<Kind> {
    let ended =
        body.disconnect_type.as_deref().is_some() || body.interacting_duration_ms.0.is_some();
    if body.wrapup_code.as_deref().is_some() || body.wrapup_duration_ms.0.is_some() {
        Some(Kind::Acw)
    } else if ended && body.user_id.as_deref().is_some() {
        Some(Kind::UserEnd)
    } else if ended {
        Some(Kind::CustomerEnd)
    } else {
        None
    }
}

fn recognise_guide<'a>(wrapper: Node<'a>, filter: &Filter) -> Result<Recognised<'a>, Unrecognised> {
    if let Some(other) = wrapper
        .event_type
        .as_deref()
        .filter(|kind| *kind != Kind::Completed.as_str())
    {
        return Ok(Recognised::Ignored(Ignored::Topic(other.to_owned())));
    }
    let outer_status = wrapper.status.as_deref().map(str::to_owned);
    let body = *wrapper.data.0.ok_or(Unrecognised::Missing("data"))?;
    let interaction = interaction_id(body.id.as_deref(), "data.id")?;
    let status = body.status.as_deref().map(str::to_owned).or(outer_status);
    if let Some(status) = status.filter(|status| !Filter::admits(&filter.statuses, status)) {
        return Ok(Recognised::Ignored(Ignored::Status(status)));
    }
    let media = body
        .channel_type
        .as_deref()
        .ok_or(Unrecognised::Missing("data.channelType"))?;
    let channel = Channel::parse(media, None);
    if !Filter::admits(&filter.channels, channel.as_str()) {
        return Ok(Recognised::Ignored(Ignored::Channel(
            channel.as_str().to_owned(),
        )));
    }
    let kind = Kind::Completed;
    let key = EventKey::from_parts(&[kind.as_str(), interaction.as_str()]);
    Ok(Recognised::Event(Box::new(Event {
        source: Source::Guide,
        kind,
        interaction,
        key,
        channel,
        part: None,
        is_inferred: false,
        body,
    })))
}

fn interaction_id(text: Option<&str>, member: &'static str) -> Result<InteractionId, Unrecognised> {
    let text = text.ok_or(Unrecognised::Missing(member))?;
    InteractionId::parse(text).map_err(|error| Unrecognised::Invalid {
        member,
        reason: error.to_string(),
    })
}
