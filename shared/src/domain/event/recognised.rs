//! What a body turned out to be: an event, one that is not recorded, or none at all.

use std::fmt;

use jiff::Timestamp;

use super::channel::Channel;
use super::details::Details;
use super::json::nesting;
use super::kind::Kind;
use super::part::Part;
use super::source::Source;
use crate::domain::ids::{EventKey, InteractionId};

/// A recognised event that belongs into the CRM.
#[derive(Clone, Debug)]
pub struct Event {
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
    /// When it happened, if the event says so.
    pub at: Option<Timestamp>,
    /// What it says of the interaction.
    pub details: Details,
    /// Set when the body was cut off; see [`crate::domain::truncated`].
    pub part: Option<Part>,
    /// Whether the kind was inferred from the members that are there, since no topic was given.
    pub(super) is_inferred: bool,
}

impl Event {
    /// The digest of the key of the whole event, for a part of it that holds everything the key is made of. The guide's
    /// key depends on the whole body, so that no part of it knows the key.
    pub(super) fn whole_key(&self) -> Option<String> {
        let details = &self.details;
        let is_whole = self.kind != Kind::Completed
            && details.participant.is_some()
            && details.session.is_some()
            && self.at.is_some();
        is_whole.then(|| self.key.digest())
    }

    /// The key without what depends on the body's content.
    pub(super) fn base_key(&self) -> EventKey {
        if self.kind == Kind::Completed {
            EventKey::legacy_of_guide(&self.interaction)
        } else {
            self.key.clone()
        }
    }
}

/// What a well-formed body turned out to be.
#[derive(Debug)]
pub enum Recognised {
    /// To be recorded. In a box: an event has many members.
    Event(Box<Event>),
    /// Authentic, but not recorded.
    Ignored(Ignored),
}

/// Why an event is not recorded. The text is part of the answer to the sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// Another topic or event type.
    Topic(String),
    /// Not in a state that is configured as final.
    Status(String),
    /// A channel that is not configured.
    Channel(String),
    /// The test body of Genesys' documentation of triggers: every member holds its own name.
    Test,
}

impl Ignored {
    /// The reason in metrics.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Topic(_) => "topic",
            Self::Status(_) => "status",
            Self::Channel(_) => "channel",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(topic) => write!(f, "topic {topic} is not recorded"),
            Self::Status(status) => write!(f, "status {status} is not final"),
            Self::Channel(channel) => write!(f, "channel {channel} is not recorded"),
            Self::Test => f.write_str("a test body that holds placeholders is not recorded"),
        }
    }
}

/// A body that cannot be recognised.
#[derive(Debug, thiserror::Error)]
pub enum Unrecognised {
    /// The body is not valid JSON.
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
    /// A member holds the variable of a template that was not filled.
    #[error("`{member}` is `{text}`: the sender's template was not filled")]
    Unfilled {
        /// Path of the member of the body that was expected.
        member: &'static str,
        /// The beginning of what it holds.
        text: String,
    },
    /// A member that cannot be used.
    #[error("`{member}` is invalid: {reason}")]
    Invalid {
        /// Path of the member of the body that was expected.
        member: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}
