//! A conversation with what it left behind.

use super::model::Conversation;

/// A conversation with what it left behind.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// The conversation.
    pub conversation: Conversation,
    /// Whether it was recorded, and may be heard.
    pub recording: Recording,
    /// Its AI summary.
    pub summary: Option<Summary>,
    /// Its transcript.
    pub transcript: Option<Transcript>,
    /// How many requests for its analytics are answered with 404 first: analytics lags.
    pub details_wait: u32,
}

impl Held {
    /// A conversation that left nothing.
    #[must_use]
    pub fn new(conversation: Conversation) -> Self {
        Self {
            conversation,
            recording: Recording::None,
            summary: None,
            transcript: None,
            details_wait: 0,
        }
    }
}

/// A recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    /// The conversation has no recording.
    None,
    /// There is one, after so many requests that find none, or one in preparation.
    Ready {
        /// Number of requests until it is ready.
        after: u32,
    },
    /// The recording was deleted.
    Deleted,
}

/// An AI summary.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// What was generated.
    pub text: String,
    /// What the agent made of it.
    pub edited: Option<String>,
    /// Why the customer called.
    pub reason: String,
    /// What is to be done.
    pub followup: Option<String>,
    /// Outcome that the summary names.
    pub resolution: String,
    /// How many requests find it unfinished.
    pub wait: u32,
}

/// A transcript.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transcript {
    /// What was said, and whether the customer said it.
    pub phrases: Vec<(bool, String)>,
    /// How many requests find none.
    pub wait: u32,
}
