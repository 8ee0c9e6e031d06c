//! What a conversation leaves behind: recording, summary, transcript.

use genesys::GenesysError;
use genesys::model::{AnalyticsSummary, Recording, Summaries, Transcript};
use genesys::operations::{ANALYTICS_SUMMARIES, RECORDING_METADATA, SUMMARIES, TRANSCRIPT_URL};
use shared::domain::event::excerpt;

use crate::enrichment::ask::{Asked, Genesys};
use crate::enrichment::known::{Artefact, Summary};

/// How many communications of a conversation are asked for their transcript: the customer's, then an agent's.
const TRANSCRIBED_MAX: usize = 2;
/// Longest excerpt of a transcript, in characters.
const TRANSCRIPT_MAX_CHARS: usize = 1_500;

impl Genesys {
    /// Whether there is a recording that can be heard.
    pub async fn recording(&self, id: &str, before: &Artefact<()>) -> Artefact<()> {
        let request = self.client.recording_metadata(id);
        match self.ask(&RECORDING_METADATA, request).await {
            Asked::Found(recordings) if recordings.iter().any(Recording::is_kept) => {
                Artefact::Attached { value: () }
            }
            Asked::Found(recordings) if recordings.iter().any(is_deleted) => {
                Artefact::unavailable("deleted")
            }
            Asked::Found(_) | Asked::NotFound => before.not_yet(),
            Asked::Refused(reason) => Artefact::unavailable(reason),
            Asked::Away => before.clone(),
        }
    }

    /// The summary of Agent Copilot; where the organization does not have those, that of Speech and Text Analytics.
    pub async fn summary(&self, id: &str, before: &Artefact<Summary>) -> Artefact<Summary> {
        match self.feature(&SUMMARIES, self.client.summaries(id)).await {
            Asked::Found(summaries) => {
                let best = of_copilot(&summaries);
                best.map_or_else(|| before.not_yet(), |value| Artefact::Attached { value })
            }
            Asked::Away => before.clone(),
            Asked::NotFound | Asked::Refused(_) => self.analytics_summary(id, before).await,
        }
    }

    async fn analytics_summary(&self, id: &str, before: &Artefact<Summary>) -> Artefact<Summary> {
        let request = self.client.analytics_summaries(id);
        match self.feature(&ANALYTICS_SUMMARIES, request).await {
            Asked::Found(summaries) => {
                let best = of_analytics(&summaries);
                best.map_or_else(|| before.not_yet(), |value| Artefact::Attached { value })
            }
            Asked::NotFound => Artefact::unavailable("genesys_not_found"),
            Asked::Refused(reason) => Artefact::unavailable(reason),
            Asked::Away => before.clone(),
        }
    }

    /// Asks for what a whole organization has or not: a 404 is an answer for all of its conversations.
    async fn feature<T>(
        &self,
        operation: &'static genesys::Operation,
        request: impl Future<Output = Result<T, GenesysError>>,
    ) -> Asked<T> {
        let asked = self.ask(operation, request).await;
        if let Asked::NotFound = asked {
            self.note_absent(operation).await;
        }
        asked
    }

    /// The beginning of the transcript. Genesys answers 404 both while it is written and where calls are not transcribed:
    /// when it never came for one conversation, others are not asked for it for an hour.
    pub async fn transcript(
        &self,
        id: &str,
        communications: &[String],
        before: &Artefact<String>,
    ) -> Artefact<String> {
        for communication in communications.iter().take(TRANSCRIBED_MAX) {
            let request = self.client.transcript(id, communication);
            match self.ask(&TRANSCRIPT_URL, request).await {
                Asked::Found(transcript) => {
                    if let Some(value) = beginning(&transcript) {
                        return Artefact::Attached { value };
                    }
                }
                Asked::NotFound => {}
                Asked::Refused(reason) => return Artefact::unavailable(reason),
                Asked::Away => return before.clone(),
            }
        }
        let after = before.not_yet();
        if !after.is_pending() {
            self.note_absent(&TRANSCRIPT_URL).await;
        }
        after
    }
}

fn is_deleted(recording: &Recording) -> bool {
    recording.file_state.as_deref() == Some("DELETED")
}

fn of_copilot(summaries: &Summaries) -> Option<Summary> {
    let best = summaries.best()?;
    let text = |text: Option<&String>| excerpt(text.map(String::as_str));
    Some(Summary {
        text: excerpt(best.best_text())?,
        reason: text(best.reason.as_ref().and_then(|reason| reason.text.as_ref())),
        follow_up: text(
            best.followup
                .as_ref()
                .and_then(|followup| followup.text.as_ref()),
        ),
    })
}

/// That of the whole conversation, else the last one of a part.
fn of_analytics(summaries: &[AnalyticsSummary]) -> Option<Summary> {
    let is_whole = |one: &&AnalyticsSummary| one.summary_type.as_deref() == Some("Conversation");
    let whole = summaries.iter().filter(is_whole);
    let parts = summaries.iter().rev();
    let text = whole
        .chain(parts)
        .find_map(|one| excerpt(one.summary.as_deref()))?;
    Some(Summary {
        text,
        ..Summary::default()
    })
}

/// The first phrases, a line each, with who said it.
fn beginning(transcript: &Transcript) -> Option<String> {
    let mut text = String::new();
    let mut room = TRANSCRIPT_MAX_CHARS;
    for phrase in transcript.phrases() {
        let Some(said) = excerpt(phrase.best_text()) else {
            continue;
        };
        let who = if phrase.is_customer() {
            "Customer"
        } else {
            "Agent"
        };
        let line = format!("{who}: {}\n", said.trim());
        let length = line.chars().count();
        if length > room {
            text.push('…');
            break;
        }
        room -= length;
        text.push_str(&line);
    }
    let text = text.trim_end();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_begins_with_who_said_what_and_is_cut_between_phrases() {
        let phrase =
            |text: &str, who: &str| format!(r#"{{"text":"{text}","participantPurpose":"{who}"}}"#);
        let long = "word ".repeat(300);
        let phrases = [
            phrase("Hello", "internal"),
            phrase("Hi", "external"),
            phrase(&long, "internal"),
        ];
        let json = format!(
            r#"{{"transcripts":[{{"phrases":[{}]}}]}}"#,
            phrases.join(",")
        );
        let transcript: Transcript = serde_json::from_str(&json).unwrap();

        let text = beginning(&transcript).unwrap();

        assert_eq!(text, "Agent: Hello\nCustomer: Hi\n…");
    }
}
