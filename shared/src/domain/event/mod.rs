//! Recognises what a webhook body tells, whichever of the known forms it has.
//!
//! Forms: the guide's payload (`data`), an EventBridge envelope (`detail`), a bare `detail` and both templates of a
//! trigger's data action (`eventBody`, or its members at the top level), and a bare `eventBody`. `ingest` recognises to
//! answer the sender, `worker` recognises the same bytes again: the body is the message.
//!
//! Source of the field names: Genesys' analytics detail event schemas (`CustomerEndDetailEventTopicCustomerEndEvent` and
//! its siblings) and Genesys' own EventBridge samples.

mod json;
mod part;
mod recognise;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::{EventKey, InteractionId};
use json::nesting;

pub(super) use json::Node;
pub use part::Part;
pub use recognise::recognise;

/// What topic names of analytics detail events begin with; then the conversation id, a dot and the leaf.
const DETAIL_TOPIC: &str = "v2.detail.events.conversation.";

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
    /// Set when the body was cut off; see [`super::truncated`].
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

#[cfg(test)]
mod tests;
