//! The note, as the person reads it who calls the customer next: what came of it, which agent, when and how long, what was
//! agreed, who took part, and links last.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use shared::domain::event::{Direction, is_signed};
use shared::domain::interaction::{Interaction, Leg, Outcome, Session};
use shared::domain::phone::Party;
use uuid::Uuid;

use crate::activity::durations::minutes_and_seconds;
use crate::activity::html::Lines;
use crate::activity::style::Style;
use crate::activity::{attachment_lines, labels, marker, subject, zone};
use crate::person::attachment::Attachment;

/// Less than this is written as 0 s, which says nothing: it is left out.
const SHOWN_MIN_MS: u64 = 500;
/// What a note says of an interaction of which an event came cut off.
const CUT_OFF: &str = "part of this record was lost on its way here; details may be missing";

/// The note of an interaction, in HTML. The marker is its last line.
#[must_use]
pub(crate) fn note(
    interaction: &Interaction,
    party: &Party,
    attachment: &Attachment,
    style: &Style,
) -> String {
    let mut lines = Lines::default();
    lines.text(labels::OUTCOME, &outcome(interaction));
    if interaction.is_partial {
        lines.text(labels::INCOMPLETE, CUT_OFF);
    }
    let person_url = style.person_url.as_deref();
    attachment_lines::add(&mut lines, interaction, party, attachment, person_url);
    times(&mut lines, interaction, style);
    lines.excerpt(
        "Wrap-up notes",
        joined(&interaction.wrapup_notes, "\n").as_deref(),
    );
    lines.excerpt("Summary", interaction.summary.as_deref());
    lines.excerpt("Reason", interaction.reason.as_deref());
    lines.excerpt("Follow-up", interaction.follow_up.as_deref());
    lines.excerpt("Transcript", interaction.transcript.as_deref());
    let agents = named(&interaction.agents);
    match &*agents {
        [] => {}
        [agent] => lines.text("Agent", agent),
        [_, _, ..] => lines.text("Agents", &with_talk(&agents, &interaction.legs)),
    }
    lines.optional(
        "Queue",
        joined(&named(&interaction.queues), ", ").as_deref(),
    );
    lines.optional(
        "Wrap-up code",
        joined(&named(&interaction.wrapup_codes), ", ").as_deref(),
    );
    let after_call = interaction.after_call_ms.filter(|ms| *ms >= SHOWN_MIN_MS);
    let after_call = after_call.map(minutes_and_seconds);
    lines.optional("After-call work", after_call.as_deref());
    links(&mut lines, interaction, style);
    lines.end_with(&marker::of(&interaction.id))
}

/// The recording and the interaction. Facts of older versions may hold a signed address, which is never written.
fn links(lines: &mut Lines, interaction: &Interaction, style: &Style) {
    let own = interaction.recording_url.as_ref();
    let lasting = own.filter(|url| !is_signed(url));
    let id = percent_encode(interaction.id.as_str());
    let page = style.interaction_url.replace("{id}", &id);
    match lasting {
        Some(url) => lines.link("Recording", url, url),
        None if (interaction.has_recording || own.is_some()) && !page.is_empty() => {
            lines.link("Recording", &page, "Listen in Genesys Cloud");
        }
        None => {}
    }
    if !page.is_empty() {
        lines.link("Interaction", &page, "Open in Genesys Cloud");
    }
}

fn outcome(interaction: &Interaction) -> String {
    let mut title = subject::title(&interaction.channel, interaction.direction);
    if subject::is_called_back(interaction) {
        title.push_str(", called back");
    }
    let came = match interaction.outcome {
        Outcome::Connected => "connected",
        Outcome::Abandoned { after_ms } => {
            let after = after_ms.map(|ms| format!(" after {}", minutes_and_seconds(ms)));
            let after = after.unwrap_or_default();
            return format!("{title}, given up by the customer{after} before an agent answered");
        }
        Outcome::NoAnswer => "not answered",
        Outcome::Busy => "not answered: busy",
        Outcome::Voicemail => "the customer left a voicemail",
        Outcome::Callback => "the customer asks to be called back",
        Outcome::Failed => "the connection failed",
        Outcome::Unknown => return title,
    };
    format!("{title}, {came}")
}

/// A line for each time: what one event says must not depend on what others said that Redis forgot.
fn times(lines: &mut Lines, interaction: &Interaction, style: &Style) {
    let begun = zone::written(interaction.started, &style.time_zone);
    lines.text(labels::WHEN, &begun);
    let lasted = interaction.duration_ms.map(minutes_and_seconds);
    let lasted = lasted.map(|lasted| match &*interaction.sessions {
        [] | [_] => lasted,
        [_, _, ..] => format!("{lasted} (from the first session to the last)"),
    });
    lines.optional(labels::DURATION, lasted.as_deref());
    for (label, ms) in [("Talk", interaction.talk_ms), ("Hold", interaction.hold_ms)] {
        let some = ms.filter(|ms| *ms >= SHOWN_MIN_MS);
        lines.optional(label, some.map(minutes_and_seconds).as_deref());
    }
    if let sessions @ [_, _, ..] = &*interaction.sessions {
        let sessions: Vec<String> = sessions
            .iter()
            .map(|session| session_line(session, style))
            .collect();
        lines.excerpt("Sessions", joined(&sessions, "\n").as_deref());
    }
}

fn session_line(session: &Session, style: &Style) -> String {
    let lasted = minutes_and_seconds(session.lasted_ms());
    let begun = zone::written_without_zone(session.started, &style.time_zone);
    match session.direction {
        Some(Direction::Inbound) => format!("{begun}, inbound, {lasted}"),
        Some(Direction::Outbound) => format!("{begun}, outbound, {lasted}"),
        None => format!("{begun}, {lasted}"),
    }
}

/// Several agents, with the talk of each as far as it is known.
fn with_talk(agents: &[String], legs: &[Leg]) -> String {
    let with_talk = |agent: &String| {
        let own = legs.iter().filter(|leg| leg.agent.as_ref() == Some(agent));
        match own
            .filter_map(|leg| leg.talk_ms)
            .reduce(u64::saturating_add)
        {
            Some(ms) => format!("{agent} ({})", minutes_and_seconds(ms)),
            None => agent.clone(),
        }
    };
    let agents: Vec<String> = agents.iter().map(with_talk).collect();
    agents.join(", ")
}

/// The values without ids, where there is a name for each of them: an event of one source names what that of another
/// gives the id of.
fn named(values: &[String]) -> Vec<String> {
    let is_id = |value: &&String| Uuid::try_parse(value).is_ok();
    let (ids, names): (Vec<&String>, Vec<&String>) = values.iter().partition(is_id);
    if names.len() < ids.len() || names.is_empty() {
        return values.to_vec();
    }
    names.into_iter().cloned().collect()
}

fn joined(values: &[String], separator: &str) -> Option<String> {
    (!values.is_empty()).then(|| values.join(separator))
}

/// All but what RFC 3986 leaves as it is (section 2.3, unreserved).
const NOT_IN_A_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Encodes an id for a place in an address, as a whole segment of its path: a blank is `%20` there, as `+` is itself. Ids
/// of Genesys are UUIDs, but the guide's payload may hold any.
fn percent_encode(text: &str) -> String {
    utf8_percent_encode(text, NOT_IN_A_SEGMENT).to_string()
}
