//! Records of Genesys, as far as they are read. Members that are not listed are ignored.
//!
//! Times are UTC. Text is as Genesys sent it: not trimmed, and not free of control characters.

mod analytics;
mod artefacts;
mod conversation;
mod directory;
mod of_analytics;
mod query;
pub mod tolerant;
mod transcript;

pub use analytics::{
    ConversationDetails, DetailsJob, DetailsPage, JobAvailability, JobState, Metric,
    ParticipantDetails, Segment, SessionDetails,
};
pub use artefacts::{
    AnalyticsSummaries, AnalyticsSummary, EditedSummary, Followup, Reason, Recording, Recordings,
    Resolution, Summaries, Summary,
};
pub use conversation::{Address, Communication, Conversation, Participant, Wrapup};
pub use directory::{ExternalContact, PhoneNumber, Queue, Reference, User, WrapupCode};
pub use query::{DetailsQuery, Filter, Order, Paging, Predicate};
pub use transcript::{Phrase, Transcript, TranscriptPart};
