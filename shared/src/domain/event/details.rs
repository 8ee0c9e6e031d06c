//! What one event says of its interaction, the same for every source.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::disconnect::Disconnect;
use super::media_link::is_signed;
use super::names::person_name;
use super::texts;

/// Who began, as seen from the company.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The customer called or wrote first.
    Inbound,
    /// An agent called or wrote first.
    Outbound,
}

impl Direction {
    /// Reads `INBOUND` or `outbound`; anything else is unknown.
    #[must_use]
    pub fn parse(text: Option<&str>) -> Option<Self> {
        match text?.to_ascii_lowercase().as_str() {
            "inbound" => Some(Self::Inbound),
            "outbound" => Some(Self::Outbound),
            _ => None,
        }
    }
}

/// What one event says of its interaction. Members that the event does not have are absent.
///
/// Kept in Redis as JSON: members may be added, never renamed. Durations are in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// `inbound` or `outbound`, as seen from the company; of the session or leg that ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// The number or address on the customer's side, as it was given; absent when no side is known to be the customer's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Who called or wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Who was called or written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Name of the customer, where an event gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// The customer's e-mail address, in lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Genesys' id of the participant's external contact. Older versions kept the first one of the conversation here,
    /// where the participant had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// Genesys' ids of all external contacts of the conversation, sorted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
    /// Genesys' id of the participant whose session or leg it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub participant: Option<String>,
    /// Genesys' id of the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Why the session or leg ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disconnect: Option<Disconnect>,
    /// When the interaction began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// How long the customer's session, or the agent's talk, lasted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// How long the agent held the customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold_ms: Option<u64>,
    /// How long it rang, dialled or connected, or waited as a callback, before anyone spoke.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ringing_ms: Option<u64>,
    /// How long after-call work lasted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_call_ms: Option<u64>,
    /// The agent: name, else Genesys' user id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The queue: name, else Genesys' queue id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// The wrap-up code's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrapup_code: Option<String>,
    /// What the agent wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrapup_notes: Option<String>,
    /// Where the recording is: `https`, or `http`. Never a signed address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording_url: Option<String>,
    /// Whether the sender knows of a recording, whose signed address is left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub has_recording: bool,
    /// Genesys' id of the recording.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording: Option<String>,
    /// What was spoken of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
}

impl Details {
    /// Whether everything that older versions kept of the guide's event is the same in `other`. Names and texts are
    /// compared as they are cleaned today.
    pub(in crate::domain) fn repeats_what_was_kept(&self, other: &Self) -> bool {
        let is_same = |one: &Option<String>, other: &Option<String>| {
            texts::value(one.as_deref()) == texts::value(other.as_deref())
        };
        let name = |details: &Self| person_name(details.customer.as_deref());
        // Older versions kept signed addresses, too.
        let recording = |details: &Self| {
            let url = texts::value(details.recording_url.as_deref());
            url.filter(|url| !is_signed(url))
        };
        let summary = |details: &Self| texts::excerpt(details.summary.as_deref());
        self.direction == other.direction
            && self.started == other.started
            && self.duration_ms == other.duration_ms
            && is_same(&self.number, &other.number)
            && is_same(&self.agent, &other.agent)
            && is_same(&self.queue, &other.queue)
            && recording(self) == recording(other)
            && name(self) == name(other)
            && summary(self) == summary(other)
    }
}
