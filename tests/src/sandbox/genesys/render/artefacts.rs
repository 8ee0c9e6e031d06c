//! Recordings, summaries and transcripts.

use serde_json::{Value, json};

use super::super::held::{Held, Summary, Transcript};
use super::super::model::{Conversation, Session};
use super::{compact, time};

/// The sessions of a conversation that are recorded, or the first one.
pub(in super::super) fn recorded(of: &Conversation) -> Option<&Session> {
    let sessions = || {
        of.participants
            .iter()
            .flat_map(|participant| &participant.sessions)
    };
    sessions()
        .find(|session| session.is_recorded)
        .or(sessions().next())
}

/// The one recording, with or without links to its media.
pub(in super::super) fn recordings(held: &Held, state: &str, with_media: bool) -> Value {
    let conversation = &held.conversation;
    let Some(session) = recorded(conversation) else {
        return json!([]);
    };
    let id = format!("{}-recording", session.id);
    let media = json!({"0": {"mediaUri": format!("https://recordings.example.invalid/{id}.mp3?X-Amz-Expires=3600&X-Amz-Signature=example")}});
    compact(json!([{
        "id": id,
        "conversationId": conversation.id,
        "sessionId": session.id,
        "startTime": session.start().map(time),
        "endTime": session.end().map(time),
        "media": if session.media.message_type().is_some() { "message" } else { "audio" },
        "annotations": [],
        "fileState": state,
        "mediaUris": (with_media && state == "AVAILABLE").then_some(media),
    }]))
}

/// The summaries of Agent Copilot, as its API lists them.
pub(in super::super) fn summaries(
    held: &Held,
    summary: Option<&Summary>,
    is_completed: bool,
) -> Value {
    let conversation = &held.conversation;
    let written = |summary: &Summary| {
        json!({
            "id": format!("{}-summary", conversation.id),
            "text": is_completed.then_some(&summary.text),
            "status": if is_completed { "Completed" } else { "Processing" },
            "mediaType": "Call",
            "language": "en-us",
            "editedSummary": summary.edited.as_ref().map(|text| json!({"text": text})),
            "reason": {"text": summary.reason, "confidence": 0.9},
            "followup": summary.followup.as_ref().map(|text| json!({"text": text, "confidence": 0.9})),
            "resolution": {"text": summary.resolution, "outcome": "Resolved", "confidence": 0.9},
        })
    };
    let summary = summary.map(written);
    compact(json!({
        "conversation": {"id": conversation.id},
        "sessionSummaries": summary.iter().collect::<Vec<_>>(),
        "summary": summary,
    }))
}

/// Speech and Text Analytics' summaries.
pub(in super::super) fn analytics_summaries(held: &Held, summary: Option<&Summary>) -> Value {
    let written = |summary: &Summary| {
        json!({
            "summaryType": "Conversation",
            "mediaType": "Call",
            "language": "en-us",
            "summaryId": format!("{}-summary", held.conversation.id),
            "summary": summary.text,
            "generated": true,
            "insights": [],
        })
    };
    json!({"entities": summary.map(written).into_iter().collect::<Vec<_>>()})
}

/// The document behind a transcript's address.
pub(in super::super) fn transcript(held: &Held, communication: &str, of: &Transcript) -> Value {
    let start = held.conversation.start.as_millisecond();
    let phrases: Vec<Value> = of
        .phrases
        .iter()
        .zip(1_i64..)
        .map(|((is_customer, text), position)| {
            json!({
                "text": text.to_lowercase(),
                "decoratedText": text,
                "startTimeMs": start + position * 4_000,
                "participantPurpose": if *is_customer { "external" } else { "internal" },
            })
        })
        .collect();
    json!({
        "conversationId": held.conversation.id,
        "communicationId": communication,
        "mediaType": "voice",
        "conversationStartTime": start,
        "transcripts": [{"transcriptId": format!("{communication}-transcript"), "phrases": phrases}],
    })
}
