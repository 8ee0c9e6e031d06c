//! The subject: what came of the interaction, with which party, and how long it lasted.

use shared::domain::event::{Channel, Direction};
use shared::domain::interaction::{Interaction, Outcome, Session};
use shared::domain::phone::Party;

use crate::activity::durations::{self, minutes_and_seconds};
use crate::text::one_line;

/// What follows the customer's name after a callback.
const CALLED_BACK: &str = ", called back";
/// What stands around the number of sessions: `6 min 8 s in 2 sessions`.
const SESSIONS_BEFORE: &str = " in ";
const SESSIONS_AFTER: &str = " sessions";
/// Longest subject, in characters.
const MAX_CHARS: usize = 250;
/// Names of customers who have neither a name nor a number.
const UNNAMED: [&str; 5] = [
    "a withheld number",
    "an internal number",
    "one of our own numbers",
    "a short code",
    "an unknown customer",
];
const DIRECTIONS: [Option<Direction>; 3] =
    [Some(Direction::Inbound), Some(Direction::Outbound), None];
/// An outcome of each form of a subject.
const OUTCOMES: [Outcome; 6] = [
    Outcome::Connected,
    Outcome::NoAnswer,
    Outcome::Busy,
    Outcome::Voicemail,
    Outcome::Callback,
    Outcome::Failed,
];

/// The subject of an interaction. A call that was not answered never reads like one that was.
#[must_use]
pub(crate) fn subject(interaction: &Interaction, party: &Party) -> String {
    let named = interaction.customer.clone().or_else(|| number(party));
    let named = named.or_else(|| interaction.email.clone());
    let who = named.unwrap_or_else(|| unnamed(party).to_owned());
    let (channel, direction) = (&interaction.channel, interaction.direction);
    let text = headline(interaction.outcome, channel, direction, &one_line(&who));
    let back = if is_called_back(interaction) {
        CALLED_BACK
    } else {
        ""
    };
    cut(&format!("{text}{back}{}", lasted(interaction)))
}

/// Whether the customer called, and was called after that.
#[must_use]
pub(crate) fn is_called_back(interaction: &Interaction) -> bool {
    let mut directions = interaction.sessions.iter().map(|session| session.direction);
    directions.next() == Some(Some(Direction::Inbound))
        && directions.any(|direction| direction == Some(Direction::Outbound))
}

/// Whether a subject is one of those that events of this interaction lead to, whichever of them are known.
#[must_use]
pub(crate) fn is_of(subject: &str, interaction: &Interaction, party: &Party) -> bool {
    let bare = without_duration(subject);
    let bare = bare.strip_suffix(CALLED_BACK).unwrap_or(bare);
    let names = [
        interaction.customer.clone(),
        number(party),
        interaction.email.clone(),
    ];
    let names = names.into_iter().flatten().map(|name| one_line(&name));
    let names: Vec<String> = names.chain(UNNAMED.map(str::to_owned)).collect();
    let channel = &interaction.channel;
    OUTCOMES.iter().any(|outcome| {
        DIRECTIONS.iter().any(|direction| {
            let form = |name: &String| headline(*outcome, channel, *direction, name);
            names.iter().any(|name| cut(&form(name)) == bare)
        })
    })
}

/// `Inbound call`, or `Call` where the direction is unknown.
#[must_use]
pub(crate) fn title(channel: &Channel, direction: Option<Direction>) -> String {
    let noun = noun(channel);
    match direction {
        Some(Direction::Inbound) if !is_callback(channel) => format!("Inbound {noun}"),
        Some(Direction::Outbound) if !is_callback(channel) => format!("Outbound {noun}"),
        // Whose call it returns says more than who dialled.
        Some(_) | None => {
            let mut letters = noun.chars();
            let first = letters.next().into_iter().flat_map(char::to_uppercase);
            first.chain(letters).collect()
        }
    }
}

fn headline(
    outcome: Outcome,
    channel: &Channel,
    direction: Option<Direction>,
    who: &str,
) -> String {
    let noun = noun(channel);
    let preposition = match direction {
        _ if is_callback(channel) => "to",
        Some(Direction::Inbound) => "from",
        Some(Direction::Outbound) => "to",
        None => "with",
    };
    let missed = match direction {
        Some(Direction::Outbound) => "Unanswered",
        Some(Direction::Inbound) | None => "Missed",
    };
    match outcome {
        Outcome::Connected | Outcome::Unknown => {
            format!("{} {preposition} {who}", title(channel, direction))
        }
        Outcome::Abandoned { .. } | Outcome::NoAnswer => {
            format!("{missed} {noun} {preposition} {who}")
        }
        Outcome::Busy => format!("{missed} {noun} {preposition} {who}, busy"),
        Outcome::Voicemail => format!("Voicemail {preposition} {who}"),
        Outcome::Callback => format!("Callback requested by {who}"),
        Outcome::Failed => format!("Failed {noun} {preposition} {who}"),
    }
}

/// How long it lasted, or after how long the customer gave up.
fn lasted(interaction: &Interaction) -> String {
    let (words, ms) = match interaction.outcome {
        Outcome::Abandoned { after_ms } => ("gave up after ", after_ms),
        Outcome::NoAnswer | Outcome::Busy | Outcome::Failed | Outcome::Callback => ("", None),
        Outcome::Connected | Outcome::Voicemail | Outcome::Unknown => {
            match &*interaction.sessions {
                [] | [_] => ("", interaction.duration_ms),
                // From the first start to the last end may be days.
                sessions @ [_, _, ..] => {
                    let all = minutes_and_seconds(sessions.iter().map(Session::lasted_ms).sum());
                    return format!(
                        " ({all}{SESSIONS_BEFORE}{}{SESSIONS_AFTER})",
                        sessions.len()
                    );
                }
            }
        }
    };
    ms.map(|ms| format!(" ({words}{})", minutes_and_seconds(ms)))
        .unwrap_or_default()
}

fn without_duration(subject: &str) -> &str {
    let Some((bare, rest)) = subject.rsplit_once(" (") else {
        return subject;
    };
    let rest = rest.strip_prefix("gave up after ").unwrap_or(rest);
    let rest = rest.strip_suffix(')').map(|rest| {
        let sessions = rest.strip_suffix(SESSIONS_AFTER);
        let all = sessions.and_then(|rest| rest.rsplit_once(SESSIONS_BEFORE));
        all.map_or(rest, |(all, _)| all)
    });
    match rest.and_then(durations::parse) {
        Some(_) => bare,
        None => subject,
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_CHARS).collect()
}

fn number(party: &Party) -> Option<String> {
    match party {
        Party::Number(number) | Party::Foreign(number) => Some(number.as_str().to_owned()),
        Party::Withheld
        | Party::Internal
        | Party::Own
        | Party::ShortCode
        | Party::Impossible
        | Party::Address
        | Party::Absent => None,
    }
}

fn unnamed(party: &Party) -> &'static str {
    let [withheld, internal, own, short_code, unknown] = UNNAMED;
    match party {
        Party::Withheld => withheld,
        Party::Internal => internal,
        Party::Own => own,
        Party::ShortCode => short_code,
        Party::Number(_)
        | Party::Foreign(_)
        | Party::Impossible
        | Party::Address
        | Party::Absent => unknown,
    }
}

fn is_callback(channel: &Channel) -> bool {
    channel.as_str() == "callback"
}

fn noun(channel: &Channel) -> &str {
    match channel {
        Channel::Voice => "call",
        Channel::Chat => "chat",
        Channel::Other(name) => name,
    }
}

#[cfg(test)]
#[path = "subject_tests.rs"]
mod tests;
