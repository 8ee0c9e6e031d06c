//! A conversation with what it left behind.

use super::model::Conversation;

/// A conversation with what it left behind.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// Conversation that the artefacts belong to.
    pub conversation: Conversation,
    /// Whether it was recorded, and may be heard.
    pub recording: Recording,
    /// Summary that a model wrote of it, if there is one.
    pub summary: Option<Summary>,
    /// What was said in it, if there is a transcript.
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

/// A recording of a conversation, or why there is none.
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

/// A summary that a model writes of a conversation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Text that the model wrote.
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

/// What was said in a conversation, phrase by phrase.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transcript {
    /// What was said, and whether the customer said it.
    pub phrases: Vec<(bool, String)>,
    /// How many requests find none.
    pub wait: u32,
}
