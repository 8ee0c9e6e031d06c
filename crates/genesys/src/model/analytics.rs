//! A conversation as analytics has it: `AnalyticsConversation` of the API description.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::tolerant::{list, maybe, texts};

/// A page of conversations.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DetailsPage {
    /// The conversations. Genesys leaves the member out where there are none.
    #[serde(default, deserialize_with = "list")]
    pub conversations: Vec<ConversationDetails>,
    /// How many there are on all pages of a query.
    #[serde(default, deserialize_with = "maybe")]
    pub total_hits: Option<u64>,
    /// Where the next page of a job's results begins. Absent on the last page.
    #[serde(default, deserialize_with = "maybe")]
    pub cursor: Option<String>,
}

/// A conversation with its participants and their communications.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ConversationDetails {
    /// Id that Genesys gave the conversation.
    #[serde(default, deserialize_with = "maybe")]
    pub conversation_id: Option<String>,
    /// Begin of the conversation.
    #[serde(default, deserialize_with = "maybe")]
    pub conversation_start: Option<Timestamp>,
    /// When it ended, after-call work included. Absent while it goes on.
    #[serde(default, deserialize_with = "maybe")]
    pub conversation_end: Option<Timestamp>,
    /// Which side began: `inbound` or `outbound`.
    #[serde(default, deserialize_with = "maybe")]
    pub originating_direction: Option<String>,
    /// A mark that other software has set.
    #[serde(default, deserialize_with = "maybe")]
    pub external_tag: Option<String>,
    /// Everyone and everything that took part.
    #[serde(default, deserialize_with = "list")]
    pub participants: Vec<ParticipantDetails>,
}

/// One who took part.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ParticipantDetails {
    /// Id of the participant within the conversation.
    #[serde(default, deserialize_with = "maybe")]
    pub participant_id: Option<String>,
    /// A display name; of a customer often a place.
    #[serde(default, deserialize_with = "maybe")]
    pub participant_name: Option<String>,
    /// `customer`, `external`, `agent`, `user`, `acd`, `ivr`, `voicemail` and others.
    #[serde(default, deserialize_with = "maybe")]
    pub purpose: Option<String>,
    /// Id of the user, where the participant is an agent.
    #[serde(default, deserialize_with = "maybe")]
    pub user_id: Option<String>,
    /// Id of the external contact, where the participant is a customer.
    #[serde(default, deserialize_with = "maybe")]
    pub external_contact_id: Option<String>,
    /// What flows and forms have noted. Only jobs give it.
    #[serde(default, deserialize_with = "texts")]
    pub attributes: BTreeMap<String, String>,
    /// Communications of this participant.
    #[serde(default, deserialize_with = "list")]
    pub sessions: Vec<SessionDetails>,
}

/// One communication of a participant.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SessionDetails {
    /// Id of the communication.
    #[serde(default, deserialize_with = "maybe")]
    pub session_id: Option<String>,
    /// `voice`, `message`, `chat`, `callback`, `email` and others.
    #[serde(default, deserialize_with = "maybe")]
    pub media_type: Option<String>,
    /// `webmessaging`, `sms` and others.
    #[serde(default, deserialize_with = "maybe")]
    pub message_type: Option<String>,
    /// Which side began: `inbound` or `outbound`.
    #[serde(default, deserialize_with = "maybe")]
    pub direction: Option<String>,
    /// Number or address that the communication came from.
    #[serde(default, deserialize_with = "maybe")]
    pub ani: Option<String>,
    /// Number or address that the communication went to.
    #[serde(default, deserialize_with = "maybe")]
    pub dnis: Option<String>,
    /// Where a message came from.
    #[serde(default, deserialize_with = "maybe")]
    pub address_from: Option<String>,
    /// Where a message went.
    #[serde(default, deserialize_with = "maybe")]
    pub address_to: Option<String>,
    /// Numbers to call back.
    #[serde(default, deserialize_with = "list")]
    pub callback_numbers: Vec<String>,
    /// The session at the other end.
    #[serde(default, deserialize_with = "maybe")]
    pub peer_id: Option<String>,
    /// Whether it is recorded.
    #[serde(default, deserialize_with = "maybe")]
    pub recording: Option<bool>,
    /// What happened, in order.
    #[serde(default, deserialize_with = "list")]
    pub segments: Vec<Segment>,
    /// Measured durations and counts.
    #[serde(default, deserialize_with = "list")]
    pub metrics: Vec<Metric>,
}

impl SessionDetails {
    /// The sum of a metric in milliseconds, such as `tTalk`. A metric is emitted several times in a long session.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<u64> {
        let named = |metric: &&Metric| metric.name.as_deref() == Some(name);
        let values = self.metrics.iter().filter(named);
        values
            .filter_map(|metric| metric.value)
            .reduce(u64::saturating_add)
    }
}

/// A stretch of a session.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Segment {
    /// Begin of the segment.
    #[serde(default, deserialize_with = "maybe")]
    pub segment_start: Option<Timestamp>,
    /// End of the segment.
    #[serde(default, deserialize_with = "maybe")]
    pub segment_end: Option<Timestamp>,
    /// `alert`, `interact`, `hold`, `wrapup`, `voicemail` and others.
    #[serde(default, deserialize_with = "maybe")]
    pub segment_type: Option<String>,
    /// Id of the queue in which the segment was.
    #[serde(default, deserialize_with = "maybe")]
    pub queue_id: Option<String>,
    /// Why the session ended with it.
    #[serde(default, deserialize_with = "maybe")]
    pub disconnect_type: Option<String>,
    /// The wrap-up code's id.
    #[serde(default, deserialize_with = "maybe")]
    pub wrap_up_code: Option<String>,
    /// What the agent wrote.
    #[serde(default, deserialize_with = "maybe")]
    pub wrap_up_note: Option<String>,
}

/// A duration or a count of a session.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub struct Metric {
    /// `t…` is a time in milliseconds, `n…` a count.
    #[serde(default, deserialize_with = "maybe")]
    pub name: Option<String>,
    /// Measured value; durations in milliseconds.
    #[serde(default, deserialize_with = "maybe")]
    pub value: Option<u64>,
}

/// A job that was started.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DetailsJob {
    /// Id of the job.
    #[serde(default, deserialize_with = "maybe")]
    pub job_id: Option<String>,
}

/// How far a job is.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct JobState {
    /// `QUEUED`, `PENDING`, `FULFILLED`, `FAILED`, `CANCELLED` or `EXPIRED`.
    #[serde(default, deserialize_with = "maybe")]
    pub state: Option<String>,
}

impl JobState {
    /// Whether its results can be read.
    #[must_use]
    pub fn is_fulfilled(&self) -> bool {
        self.state.as_deref() == Some("FULFILLED")
    }

    /// Whether it ended without results.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        matches!(
            self.state.as_deref(),
            Some("FAILED" | "CANCELLED" | "EXPIRED")
        )
    }
}

/// Up to when jobs have data.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct JobAvailability {
    /// Time up to which data is available.
    #[serde(default, deserialize_with = "maybe")]
    pub data_availability_date: Option<Timestamp>,
}
