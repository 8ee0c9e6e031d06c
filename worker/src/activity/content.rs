//! What is written into Pipedrive: one activity that tells an interaction, and the marker by which it is found again.

use std::fmt::Write;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use pipedrive::{DealId, OrganizationId, Participant, UserId};
use serde::Serialize;
use shared::domain::event::{Channel, Direction};
use shared::domain::interaction::Interaction;
use shared::domain::phone::Party;

use crate::activity::marker;
use crate::activity::note_merge as note;
use crate::activity::target_line;
use crate::person::attachment::Attachment;
use crate::text::{escape, one_line};

/// Longest texts, in characters, that are copied into a note. A character takes six bytes at most when it is escaped, and
/// the whole note must stay under Pipedrive's 100 KB.
const EXCERPT_MAX_CHARS: usize = 6_000;
const NAME_MAX_CHARS: usize = 400;
/// Longest address that is linked.
const URL_MAX_BYTES: usize = 2_000;
/// What a note says of an interaction of which an event came cut off.
const CUT_OFF: &str =
    "an event of this interaction was cut off on its way here; what is missing below was not told";
/// Longest subject, in characters.
const SUBJECT_MAX_CHARS: usize = 250;

/// What does not come from the interaction.
#[derive(Clone, Debug)]
pub struct Style {
    /// Type of activities for calls.
    pub call_type: String,
    /// Type of activities for everything else.
    pub chat_type: String,
    /// Owner of activities that belong to nobody.
    pub fallback_owner: Option<UserId>,
    /// Address of a person's page, up to the id; absent where the company's host is not known.
    pub person_url: Option<String>,
    /// Link to an interaction; `{id}` is replaced.
    pub interaction_url: String,
}

/// Body of `POST /api/v2/activities`, and, less what is absent, of `PATCH /api/v2/activities/{id}`.
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
    let is_call = interaction.channel == Channel::Voice;
    Activity {
        subject: subject(interaction, party),
        kind: if is_call {
            &style.call_type
        } else {
            &style.chat_type
        }
        .clone(),
        done: true,
        due_date: started.strftime("%Y-%m-%d").to_string(),
        due_time: started.strftime("%H:%M").to_string(),
        duration: hours_and_minutes(interaction.duration_ms.unwrap_or(0)),
        note: tell(interaction, party, attachment, style),
        participants: attachment.participants(),
        deal_id: deal,
        org_id: attachment.organization(),
        owner_id: if attachment.person().is_none() && attachment.organization().is_none() {
            style.fallback_owner
        } else {
            None
        },
    }
}

fn subject(interaction: &Interaction, party: &Party) -> String {
    let preposition = match interaction.direction {
        Some(Direction::Inbound) => "from",
        Some(Direction::Outbound) => "to",
        None => "with",
    };
    let whom = match (&interaction.customer, party) {
        (Some(name), _) => name.clone(),
        (None, Party::Number(number) | Party::Foreign(number)) => number.as_str().to_owned(),
        (None, Party::Withheld) => "a withheld number".to_owned(),
        (None, Party::Internal) => "an internal number".to_owned(),
        (None, Party::Own) => "one of our own numbers".to_owned(),
        (None, Party::ShortCode) => "a short code".to_owned(),
        (None, Party::Impossible | Party::Address | Party::Absent) => {
            "an unknown customer".to_owned()
        }
    };
    let lasted = interaction
        .duration_ms
        .map(|ms| format!(" ({})", minutes_and_seconds(ms)))
        .unwrap_or_default();
    let text = format!(
        "{} {preposition} {}{lasted}",
        title(interaction),
        one_line(&whom)
    );
    text.chars().take(SUBJECT_MAX_CHARS).collect()
}

fn title(interaction: &Interaction) -> String {
    let noun = match &interaction.channel {
        Channel::Voice => "call",
        Channel::Chat => "chat",
        Channel::Other(name) => name,
    };
    match interaction.direction {
        Some(Direction::Inbound) => format!("Inbound {noun}"),
        Some(Direction::Outbound) => format!("Outbound {noun}"),
        None => {
            let mut letters = noun.chars();
            letters
                .next()
                .map(|first| first.to_uppercase().chain(letters).collect())
                .unwrap_or_default()
        }
    }
}

fn tell(
    interaction: &Interaction,
    party: &Party,
    attachment: &Attachment,
    style: &Style,
) -> String {
    let mut lines = Lines::default();
    if interaction.is_partial {
        lines.text(note::INCOMPLETE, CUT_OFF);
    }
    lines.text("Channel", interaction.channel.as_str());
    lines.text("Direction", direction(interaction.direction));
    lines.text(
        "When",
        &interaction
            .started
            .strftime("%Y-%m-%d %H:%M:%S UTC")
            .to_string(),
    );
    // A line each: what one event tells must not depend on what others told before they were forgotten.
    lines.optional("Duration", interaction.duration_ms.map(duration).as_deref());
    for (label, ms) in [
        ("Talk", interaction.talk_ms),
        ("Hold", interaction.hold_ms),
        ("After-call work", interaction.after_call_ms),
    ] {
        lines.optional(label, ms.map(minutes_and_seconds).as_deref());
    }
    lines.optional("Customer", interaction.customer.as_deref());
    lines.text("Number", &number(interaction, party));
    if let Some((label, html)) = target_line::of(&attachment.to, style.person_url.as_deref()) {
        lines.push(format_args!("<b>{label}:</b> {html}<br>"));
    }
    lines.optional("Also took part", third_parties(interaction).as_deref());
    lines.optional("Agent", joined(&interaction.agents, ", ").as_deref());
    lines.optional("Queue", joined(&interaction.queues, ", ").as_deref());
    lines.optional(
        "Wrap-up code",
        joined(&interaction.wrapup_codes, ", ").as_deref(),
    );
    lines.excerpt(
        "Wrap-up notes",
        joined(&interaction.wrapup_notes, "\n").as_deref(),
    );
    lines.excerpt("Summary", interaction.summary.as_deref());
    if let Some(url) = interaction
        .recording_url
        .as_ref()
        .filter(|url| url.len() <= URL_MAX_BYTES)
    {
        // Only what a browser opens safely is linked.
        if url.starts_with("https://") {
            lines.link("Recording", url, url);
        } else {
            lines.excerpt("Recording", Some(url));
        }
    }
    if !style.interaction_url.is_empty() {
        let url = style
            .interaction_url
            .replace("{id}", &percent_encode(interaction.id.as_str()));
        lines.link("Interaction", &url, "Open in Genesys Cloud");
    }
    lines.html.push_str(&escape(&marker::of(&interaction.id)));
    lines.html
}

/// Lines of a note in HTML.
#[derive(Default)]
struct Lines {
    html: String,
}

impl Lines {
    fn text(&mut self, label: &str, value: &str) {
        self.cut(label, value, NAME_MAX_CHARS);
    }

    fn optional(&mut self, label: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(label, value);
        }
    }

    fn excerpt(&mut self, label: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.cut(label, value, EXCERPT_MAX_CHARS);
        }
    }

    fn cut(&mut self, label: &str, value: &str, max_chars: usize) {
        let excerpt: String = value.chars().take(max_chars).collect();
        let cut = if excerpt.len() < value.len() {
            " […]"
        } else {
            ""
        };
        let excerpt = marker::defused(excerpt);
        let value = escape(&excerpt).replace('\n', "<br>");
        self.push(format_args!("<b>{label}:</b> {value}{cut}<br>"));
    }

    fn link(&mut self, label: &str, url: &str, text: &str) {
        self.push(format_args!(
            "<b>{label}:</b> <a href=\"{}\">{}</a><br>",
            escape(url),
            escape(text)
        ));
    }

    fn push(&mut self, line: std::fmt::Arguments<'_>) {
        self.html
            .write_fmt(line)
            .expect("writing to a String does not fail");
    }
}

fn direction(direction: Option<Direction>) -> &'static str {
    match direction {
        Some(Direction::Inbound) => "inbound",
        Some(Direction::Outbound) => "outbound",
        None => "not told",
    }
}

/// Everyone outside the company who took part beside the customer.
fn third_parties(interaction: &Interaction) -> Option<String> {
    let bare = |number: &str| number.strip_prefix("tel:").unwrap_or(number).to_owned();
    let parties = interaction.third_parties.iter();
    let parties = parties.filter_map(|party| match (&party.name, &party.number) {
        (Some(name), Some(number)) => Some(format!("{name} ({})", bare(number))),
        (Some(name), None) => Some(name.clone()),
        (None, Some(number)) => Some(bare(number)),
        (None, None) => None,
    });
    joined(&parties.collect::<Vec<_>>(), ", ")
}

fn number(interaction: &Interaction, party: &Party) -> String {
    let told = interaction.number.as_deref().unwrap_or_default();
    match party {
        Party::Number(number) => number.as_str().to_owned(),
        Party::Withheld => "withheld".to_owned(),
        Party::Internal => format!("internal ({told})"),
        Party::Foreign(number) => format!("{} (given as {told})", number.as_str()),
        Party::Own => format!("our own ({told})"),
        Party::ShortCode => format!("short code ({told})"),
        Party::Impossible => format!("no possible number ({told})"),
        Party::Address => format!("none ({told})"),
        Party::Absent => "none".to_owned(),
    }
}

fn duration(ms: u64) -> String {
    let seconds = (ms + 500) / 1000;
    format!("{} ({seconds} seconds)", minutes_and_seconds(ms))
}

fn minutes_and_seconds(ms: u64) -> String {
    let seconds = (ms + 500) / 1000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, seconds) => format!("{hours} h {minutes} min {seconds} s"),
    }
}

/// `HH:MM`, rounded up: a call of 20 seconds is shown as one minute, not as none. At most a day less a minute.
fn hours_and_minutes(ms: u64) -> String {
    let minutes = ms.div_ceil(60_000).min(24 * 60 - 1);
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

fn joined(values: &[String], separator: &str) -> Option<String> {
    if values.is_empty() {
        None
    } else {
        Some(values.join(separator))
    }
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

#[cfg(test)]
#[path = "content_tests.rs"]
mod tests;
