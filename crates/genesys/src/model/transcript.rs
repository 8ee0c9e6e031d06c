//! The document behind a transcript's address. Genesys publishes no schema of it; this is the form that clients read.

use jiff::Timestamp;
use serde::Deserialize;

use super::tolerant::{list, maybe};

/// Milliseconds from here on are a time since 1970, not an offset: 2001, or 11 days into a conversation.
const EPOCH_FROM: i64 = 1_000_000_000_000;

/// A transcript of one communication.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Transcript {
    /// Id of the conversation that this belongs to.
    #[serde(default, deserialize_with = "maybe")]
    pub conversation_id: Option<String>,
    /// Id of the communication within its conversation.
    #[serde(default, deserialize_with = "maybe")]
    pub communication_id: Option<String>,
    /// When the conversation began, in milliseconds since 1970.
    #[serde(default, deserialize_with = "maybe")]
    pub conversation_start_time: Option<i64>,
    /// Its parts: one for each language, or for each time that transcription was switched on.
    #[serde(default, deserialize_with = "list")]
    pub transcripts: Vec<TranscriptPart>,
}

/// A part of a transcript.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TranscriptPart {
    /// What was said, one phrase after the other.
    #[serde(default, deserialize_with = "list")]
    pub phrases: Vec<Phrase>,
}

/// What one side said.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Phrase {
    /// In lower case, without marks.
    #[serde(default, deserialize_with = "maybe")]
    pub text: Option<String>,
    /// With capitals, marks and figures.
    #[serde(default, deserialize_with = "maybe")]
    pub decorated_text: Option<String>,
    /// `internal` (agent) or `external` (customer).
    #[serde(default, deserialize_with = "maybe")]
    pub participant_purpose: Option<String>,
    /// Milliseconds, since 1970 or since the start: see [`Transcript::time`].
    #[serde(default, deserialize_with = "maybe")]
    pub start_time_ms: Option<i64>,
}

impl Phrase {
    /// What was said, in the better of its forms.
    #[must_use]
    pub fn best_text(&self) -> Option<&str> {
        let texts = [self.decorated_text.as_deref(), self.text.as_deref()];
        texts
            .into_iter()
            .flatten()
            .find(|text| !text.trim().is_empty())
    }

    /// Whether the customer said it.
    #[must_use]
    pub fn is_customer(&self) -> bool {
        self.participant_purpose.as_deref() == Some("external")
    }
}

impl Transcript {
    /// All phrases, in the order of their parts.
    pub fn phrases(&self) -> impl Iterator<Item = &Phrase> {
        self.transcripts.iter().flat_map(|part| &part.phrases)
    }

    /// When a phrase began. Documents give milliseconds since 1970 or since the start of the conversation.
    #[must_use]
    pub fn time(&self, phrase: &Phrase) -> Option<Timestamp> {
        let given = phrase.start_time_ms?;
        let since_epoch = if given >= EPOCH_FROM {
            given
        } else {
            self.conversation_start_time?.checked_add(given)?
        };
        Timestamp::from_millisecond(since_epoch).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_count_milliseconds_are_read() {
        let transcript: Transcript = serde_json::from_str(
            r#"{"conversationStartTime":1773151524998,"transcripts":[{"phrases":[
                {"startTimeMs":1773151616000},{"startTimeMs":91002},{"startTimeMs":null}]}]}"#,
        )
        .unwrap();

        let times: Vec<_> = transcript
            .phrases()
            .map(|phrase| transcript.time(phrase))
            .collect();

        let time = "2026-03-10T14:06:56Z".parse().ok();
        assert_eq!(times, [time, time, None]);
    }
}
