//! Recordings and summaries.

use jiff::Timestamp;
use serde::Deserialize;

use super::directory::Reference;
use super::tolerant::{list, maybe};

/// Whether the recordings of a conversation are prepared.
#[derive(Clone, Debug, PartialEq)]
pub enum Recordings {
    /// Genesys prepares them; ask again later.
    Pending,
    /// They are ready. An empty list: there are none.
    Ready(Vec<Recording>),
}

/// A recording, without its media.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Recording {
    /// Id assigned by Genesys.
    #[serde(default, deserialize_with = "maybe")]
    pub id: Option<String>,
    /// Id of the conversation that this belongs to.
    #[serde(default, deserialize_with = "maybe")]
    pub conversation_id: Option<String>,
    /// Id of the communication within its conversation.
    #[serde(default, deserialize_with = "maybe")]
    pub session_id: Option<String>,
    /// `audio`, `chat`, `message`, `screen` and others.
    #[serde(default, deserialize_with = "maybe")]
    pub media: Option<String>,
    /// `AVAILABLE`, `ARCHIVED`, `DELETED`, `ERROR`, `RESTORED`, `RESTORING` or `UPLOADING`.
    #[serde(default, deserialize_with = "maybe")]
    pub file_state: Option<String>,
    /// When it will be deleted.
    #[serde(default, deserialize_with = "maybe")]
    pub delete_date: Option<Timestamp>,
}

impl Recording {
    /// Whether it can be heard or read, or could be after it is fetched from the archive.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        let state = self.file_state.as_deref().unwrap_or("AVAILABLE");
        !matches!(state, "DELETED" | "ERROR" | "UPLOADING")
    }
}

/// Agent Copilot's summaries of a conversation.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Summaries {
    /// Reference to the conversation.
    #[serde(default, deserialize_with = "maybe")]
    pub conversation: Option<Reference>,
    /// The summary of all.
    #[serde(default, deserialize_with = "maybe")]
    pub summary: Option<Summary>,
    /// Summaries of agents' parts.
    #[serde(default, deserialize_with = "list")]
    pub session_summaries: Vec<Summary>,
}

impl Summaries {
    /// The one to show: of the whole conversation, else of its last part; completed, and with text.
    #[must_use]
    pub fn best(&self) -> Option<&Summary> {
        let parts = self.session_summaries.iter().rev();
        let mut all = self.summary.iter().chain(parts);
        all.find(|summary| summary.is_completed() && summary.best_text().is_some())
    }

    /// Whether one is still being written.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        let mut all = self.summary.iter().chain(&self.session_summaries);
        all.any(Summary::is_pending)
    }
}

/// A summary that a model wrote of a conversation.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Id assigned by Genesys.
    #[serde(default, deserialize_with = "maybe")]
    pub id: Option<String>,
    /// Text that the model wrote.
    #[serde(default, deserialize_with = "maybe")]
    pub text: Option<String>,
    /// `Pending`, `Queued`, `Started`, `Processing`, `Completed` or `Error`.
    #[serde(default, deserialize_with = "maybe")]
    pub status: Option<String>,
    /// Language of the text, such as `en-us`.
    #[serde(default, deserialize_with = "maybe")]
    pub language: Option<String>,
    /// What the agent made of it.
    #[serde(default, deserialize_with = "maybe")]
    pub edited_summary: Option<EditedSummary>,
    /// Why the customer called.
    #[serde(default, deserialize_with = "maybe")]
    pub reason: Option<Reason>,
    /// What is to be done.
    #[serde(default, deserialize_with = "maybe")]
    pub followup: Option<Followup>,
    /// Outcome that the summary names.
    #[serde(default, deserialize_with = "maybe")]
    pub resolution: Option<Resolution>,
    /// The communication that it is about.
    #[serde(default, deserialize_with = "maybe")]
    pub communication: Option<Reference>,
    /// When it was written.
    #[serde(default, deserialize_with = "maybe")]
    pub date_created: Option<Timestamp>,
}

impl Summary {
    /// The agent's own words where there are any, else what was generated. Never empty.
    #[must_use]
    pub fn best_text(&self) -> Option<&str> {
        let edited = self
            .edited_summary
            .as_ref()
            .and_then(|edited| edited.text.as_deref());
        let texts = [edited, self.text.as_deref()];
        texts
            .into_iter()
            .flatten()
            .find(|text| !text.trim().is_empty())
    }

    /// Whether it is written to the end.
    #[must_use]
    pub fn is_completed(&self) -> bool {
        self.status.as_deref() == Some("Completed")
    }

    /// Whether it is being written.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        let status = self.status.as_deref();
        matches!(
            status,
            Some("Pending" | "Queued" | "Started" | "Processing")
        )
    }
}

/// A summary as an agent changed it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub struct EditedSummary {
    /// Text of this section of the summary.
    #[serde(default, deserialize_with = "maybe")]
    pub text: Option<String>,
}

/// Why a customer called.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub struct Reason {
    /// Text of this section of the summary.
    #[serde(default, deserialize_with = "maybe")]
    pub text: Option<String>,
}

/// What is to be done.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub struct Followup {
    /// Text of this section of the summary.
    #[serde(default, deserialize_with = "maybe")]
    pub text: Option<String>,
}

/// How a conversation ended.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub struct Resolution {
    /// Text of this section of the summary.
    #[serde(default, deserialize_with = "maybe")]
    pub text: Option<String>,
    /// One word, such as `Pending`.
    #[serde(default, deserialize_with = "maybe")]
    pub outcome: Option<String>,
}

/// Speech and Text Analytics' summaries.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub struct AnalyticsSummaries {
    /// All summaries of the conversation, one a communication.
    #[serde(default, deserialize_with = "list")]
    pub entities: Vec<AnalyticsSummary>,
}

/// One summary of Speech and Text Analytics.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AnalyticsSummary {
    /// Id of the AI summary, as Genesys gives it.
    #[serde(default, deserialize_with = "maybe")]
    pub summary_id: Option<String>,
    /// `Conversation`, `Agent` or `VirtualAgent`.
    #[serde(default, deserialize_with = "maybe")]
    pub summary_type: Option<String>,
    /// Text of this section of the summary.
    #[serde(default, deserialize_with = "maybe")]
    pub summary: Option<String>,
    /// The agent whose part it is about.
    #[serde(default, deserialize_with = "maybe")]
    pub agent_id: Option<String>,
    /// Whether it was generated rather than written.
    #[serde(default, deserialize_with = "maybe")]
    pub generated: Option<bool>,
    /// Language of the text, such as `en-us`.
    #[serde(default, deserialize_with = "maybe")]
    pub language: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agents_own_words_come_before_generated_ones() {
        let summaries: Summaries = serde_json::from_str(
            r#"{"summary":{"status":"Processing","text":"Not yet."},
                "sessionSummaries":[{"status":"Completed","text":"Generated."},
                    {"status":"Completed","text":"Generated.","editedSummary":{"text":"My words."}},
                    {"status":"Completed","text":" "}]}"#,
        )
        .unwrap();

        assert_eq!(summaries.best().unwrap().best_text(), Some("My words."));
        assert!(summaries.is_pending());
    }

    #[test]
    fn a_deleted_recording_is_not_kept() {
        let kept = |state: &str| {
            let text = format!(r#"{{"fileState":{state}}}"#);
            serde_json::from_str::<Recording>(&text).unwrap().is_kept()
        };

        assert!(kept(r#""AVAILABLE""#) && kept(r#""ARCHIVED""#) && kept("null"));
        assert!(!kept(r#""DELETED""#) && !kept(r#""ERROR""#) && !kept(r#""UPLOADING""#));
    }
}
