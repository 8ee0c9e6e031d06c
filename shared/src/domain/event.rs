//! Recognises what a webhook body tells, whichever of the known forms it has.
//!
//! Forms: the guide's payload (`data`), an EventBridge envelope (`detail`), a bare `detail` and both templates of a
//! trigger's data action (`eventBody`, or its members at the top level), and a bare `eventBody`. `ingest` recognises to
//! answer the sender, `worker` recognises the same bytes again: the body is the message.
//!
//! Source of the field names: Genesys' analytics detail event schemas (`CustomerEndDetailEventTopicCustomerEndEvent` and
//! its siblings) and Genesys' own EventBridge samples.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::facts::Part;
use super::ids::{EventKey, InteractionId};
use super::lenient::{First, Number, Object, Text};
use super::nesting;

/// What topic names of analytics detail events begin with; then the conversation id, a dot and the leaf.
const DETAIL_TOPIC: &str = "v2.detail.events.conversation.";

/// What some editors and systems put before UTF-8. It is no JSON, but does no harm.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A JSON object of any level of any form. All members are optional.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Node<'a> {
    // Wrappers: EventBridge, detail, trigger template, the guide.
    #[serde(borrow)]
    pub detail: Object<'a>,
    pub event_body: Object<'a>,
    pub data: Object<'a>,
    #[serde(rename = "detail-type")]
    pub detail_type: Text<'a>,
    pub account: Text<'a>,
    pub source: Text<'a>,
    pub time: Text<'a>,
    pub topic_name: Text<'a>,
    pub event_type: Text<'a>,
    pub status: Text<'a>,
    // Analytics detail event.
    pub conversation_id: Text<'a>,
    pub participant_id: Text<'a>,
    pub session_id: Text<'a>,
    pub event_time: Number,
    pub media_type: Text<'a>,
    pub message_type: Text<'a>,
    pub direction: Text<'a>,
    pub disconnect_type: Text<'a>,
    pub ani: Text<'a>,
    pub dnis: Text<'a>,
    pub address_from: Text<'a>,
    pub address_to: Text<'a>,
    pub callback_numbers: First<'a>,
    pub callback_user_name: Text<'a>,
    pub user_id: Text<'a>,
    pub queue_id: Text<'a>,
    pub interacting_duration_ms: Number,
    pub held_duration_ms: Number,
    pub wrapup_code: Text<'a>,
    pub wrapup_notes: Text<'a>,
    pub wrapup_duration_ms: Number,
    // The guide's `data`; the last ones are what its text promises and its snippet leaves out.
    pub id: Text<'a>,
    pub channel_type: Text<'a>,
    pub phone_number: Text<'a>,
    pub participant_name: Text<'a>,
    pub duration: Number,
    pub recording_url: Text<'a>,
    pub agent_name: Text<'a>,
    pub queue_name: Text<'a>,
    pub start_time: Text<'a>,
    pub end_time: Text<'a>,
    pub transcript_summary: Text<'a>,
    pub summary: Text<'a>,
}

impl<'a> Node<'a> {
    /// The analytics detail event, in whatever it is wrapped.
    pub(super) fn event_body(&self) -> &Self {
        let detail = self.detail.0.as_deref().unwrap_or(self);
        detail.event_body.0.as_deref().unwrap_or(detail)
    }

    /// Reads a body that is known to be JSON; nothing where it is nested too deep to be read.
    pub(super) fn read(body: &'a [u8]) -> Option<Box<Self>> {
        let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
        if nesting::is_too_deep(body) {
            return None;
        }
        serde_json::from_slice::<Object<'a>>(body).ok()?.0
    }
}

/// Which form a body had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The guide's `{"data":{…}}`.
    Guide,
    /// An EventBridge envelope, whole.
    EventBridge,
    /// An envelope's `detail`, or the JSON template of a trigger's data action.
    EventBody,
    /// An event body by itself, or the flat template of a trigger's data action.
    Flat,
}

impl Source {
    /// The name in headers, metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Guide => "guide",
            Self::EventBridge => "eventbridge",
            Self::EventBody => "event-body",
            Self::Flat => "flat",
        }
    }
}

/// Which event it is. The order is the order of authority: what an earlier kind says of the customer wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The guide's `interaction.completed`.
    Completed,
    /// The customer's session ended: the best single sign that an interaction is over.
    CustomerEnd,
    /// An agent's leg ended.
    UserEnd,
    /// An agent finished after-call work.
    Acw,
    /// A wrap-up code was given.
    Wrapup,
}

impl Kind {
    /// The topic's leaf; also the name in headers, metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "interaction.completed",
            Self::CustomerEnd => "customer.end",
            Self::UserEnd => "user.end",
            Self::Acw => "acw",
            Self::Wrapup => "wrapup",
        }
    }

    /// Whether it only adds to what another event of the same interaction tells.
    #[must_use]
    pub fn enriches(self) -> bool {
        matches!(self, Self::UserEnd | Self::Acw | Self::Wrapup)
    }

    /// The kind that a full topic name, or its leaf, stands for.
    fn from_topic(topic: &str) -> Option<Self> {
        let leaf = match topic.strip_prefix(DETAIL_TOPIC) {
            Some(rest) => rest.split_once('.')?.1,
            None => topic,
        };
        [
            Self::Completed,
            Self::CustomerEnd,
            Self::UserEnd,
            Self::Acw,
            Self::Wrapup,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == leaf)
    }
}

/// How customer and company spoke.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// A telephone call.
    Voice,
    /// Web messaging, or the web chat that it replaced.
    Chat,
    /// Any other, by its lower-case name: `message` (SMS and the like), `email`, `callback`, …
    #[serde(untagged)]
    Other(String),
}

impl Channel {
    /// Lower-case name, as in the setting `ingest.channels`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Voice => "voice",
            Self::Chat => "chat",
            Self::Other(name) => name,
        }
    }

    /// Reads `mediaType` with `messageType`, or the guide's `channelType`.
    fn parse(media: &str, message: Option<&str>) -> Self {
        let is_web_message = message.is_some_and(|kind| kind.eq_ignore_ascii_case("WEBMESSAGING"));
        match media.to_ascii_lowercase().as_str() {
            "voice" | "call" => Self::Voice,
            "chat" | "webchat" | "webmessaging" | "web-messaging" | "web messaging" => Self::Chat,
            "message" if is_web_message => Self::Chat,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// A recognised event that belongs into the CRM.
#[derive(Debug)]
pub struct Event<'a> {
    /// The form of the body.
    pub source: Source,
    /// Which event it is.
    pub kind: Kind,
    /// Which interaction it belongs to.
    pub interaction: InteractionId,
    /// What makes it a duplicate of another.
    pub key: EventKey,
    /// How customer and company spoke.
    pub channel: Channel,
    /// Set when the body was cut off; see [`super::salvage`].
    pub part: Option<Part>,
    /// Whether the kind was not told, and is a guess from the members that are there.
    pub(super) is_inferred: bool,
    pub(super) body: Node<'a>,
}

impl Event<'_> {
    /// Whether all parts of the key were told: those that Genesys always tells.
    pub(super) fn has_whole_key(&self) -> bool {
        let body = &self.body;
        self.source == Source::Guide
            || (body.participant_id.as_deref().is_some()
                && body.session_id.as_deref().is_some()
                && body.event_time.0.is_some())
    }
}

/// What a well-formed body turned out to be.
#[derive(Debug)]
pub enum Recognised<'a> {
    /// To be recorded. In a box: an event has many members.
    Event(Box<Event<'a>>),
    /// Authentic, but not ours to record.
    Ignored(Ignored),
}

/// Why an event is none of ours. The text is part of the answer to the sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// Another topic or event type.
    Topic(String),
    /// Not in a state that is configured as final.
    Status(String),
    /// A channel that is not configured.
    Channel(String),
    /// An agent's leg ended by a transfer: the interaction goes on.
    Transferred,
}

impl Ignored {
    /// The reason in metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Topic(_) => "topic",
            Self::Status(_) => "status",
            Self::Channel(_) => "channel",
            Self::Transferred => "transferred",
        }
    }
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(topic) => write!(f, "topic {topic} is not recorded"),
            Self::Status(status) => write!(f, "status {status} is not final"),
            Self::Channel(channel) => write!(f, "channel {channel} is not recorded"),
            Self::Transferred => {
                f.write_str("the agent's leg ended by a transfer, the interaction goes on")
            }
        }
    }
}

/// A body that cannot be recognised.
#[derive(Debug, thiserror::Error)]
pub enum Unrecognised {
    /// Not JSON.
    #[error("the body is not JSON: {0}")]
    Syntax(serde_json::Error),
    /// Objects and lists in one another, more of them than any event has.
    #[error("the body is nested deeper than {} levels", nesting::MAX_DEPTH)]
    Nesting,
    /// JSON, but with a member twice.
    #[error("the body is no event: {0}")]
    Shape(serde_json::Error),
    /// JSON of no known form.
    #[error(
        "no known event: expected `data` (guide), `detail` (EventBridge), `eventBody` (trigger) or `conversationId`"
    )]
    Form,
    /// A known form with a member missing.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A member that cannot be used.
    #[error("`{member}` is invalid: {reason}")]
    Invalid {
        /// The member's path.
        member: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

/// Which events are recorded; from the settings.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Channels by lower-case name.
    pub channels: Vec<String>,
    /// Values of the guide's `status` that are final, lower case.
    pub statuses: Vec<String>,
}

impl Filter {
    /// Records every channel and status: for what was accepted once already.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            channels: Vec::new(),
            statuses: Vec::new(),
        }
    }

    fn admits(list: &[String], value: &str) -> bool {
        list.is_empty() || list.iter().any(|entry| entry.eq_ignore_ascii_case(value))
    }
}

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

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
