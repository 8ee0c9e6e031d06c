//! How customer and company spoke.

use serde::{Deserialize, Serialize};

/// How customer and company spoke.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// Conversations by telephone.
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
    pub(super) fn parse(media: &str, message: Option<&str>) -> Self {
        let is_web_message = message.is_some_and(|kind| kind.eq_ignore_ascii_case("WEBMESSAGING"));
        match media.to_ascii_lowercase().as_str() {
            "voice" | "call" => Self::Voice,
            "chat" | "webchat" | "webmessaging" | "web-messaging" | "web messaging" => Self::Chat,
            "message" if is_web_message => Self::Chat,
            other => Self::Other(other.to_owned()),
        }
    }
}
