//! What is written into Pipedrive for an interaction: one activity.

use pipedrive::{DealId, OrganizationId, Participant, UserId};
use serde::Serialize;
use shared::domain::event::Channel;
use shared::domain::interaction::Interaction;
use shared::domain::phone::Party;

use crate::activity::durations::hours_and_minutes;
use crate::activity::note::note;
use crate::activity::style::Style;
use crate::activity::subject::subject;
use crate::person::attachment::Attachment;

/// Body of `POST /api/v2/activities`.
///
/// `person_id` is refused by Pipedrive though its document lists it: a person is attached as primary participant.
/// Times are UTC; `duration` has no seconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Activity {
    pub subject: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub done: bool,
    pub due_date: String,
    pub due_time: String,
    pub duration: String,
    pub note: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub participants: Vec<Participant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deal_id: Option<DealId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org_id: Option<OrganizationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<UserId>,
}

/// Channels beside that of calls in which people speak by telephone.
const TELEPHONE: [&str; 2] = ["callback", "voicemail"];

/// Writes the activity of an interaction. The same arguments give the same activity.
#[must_use]
pub fn activity(
    interaction: &Interaction,
    party: &Party,
    attachment: &Attachment,
    deal: Option<DealId>,
    style: &Style,
) -> Activity {
    let started = interaction.started;
    let is_call =
        interaction.channel == Channel::Voice || TELEPHONE.contains(&interaction.channel.as_str());
    let kind = if is_call {
        &style.call_type
    } else {
        &style.chat_type
    };
    let is_attached = attachment.person().is_some() || attachment.organization().is_some();
    Activity {
        subject: subject(interaction, party),
        kind: kind.clone(),
        done: true,
        due_date: started.strftime("%Y-%m-%d").to_string(),
        due_time: started.strftime("%H:%M").to_string(),
        duration: hours_and_minutes(interaction.duration_ms.unwrap_or(0)),
        note: note(interaction, party, attachment, style),
        participants: attachment.participants(),
        deal_id: deal,
        org_id: attachment.organization(),
        owner_id: style.fallback_owner.filter(|_| !is_attached),
    }
}

#[cfg(test)]
#[path = "content_tests/mod.rs"]
mod tests;
