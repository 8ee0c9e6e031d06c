//! Whether the bridge kept its promise, decided from what was asked of it and what became of it.
//!
//! The promise: for every interaction answered 200 there is exactly one activity, or a dead letter with its reason, or a
//! decision not to record it; never none, never two; and never two persons for one number.
//!
//! Nothing here runs the bridge or shares a line with it: a defect in how the bridge reads a marker or compares two
//! numbers must not hide itself from its own check.

mod check;
mod verdict;

use jiff::{SignedDuration, Timestamp};

pub use check::check;
pub use verdict::{Counts, Verdict, Violation};

/// What the line in a note begins with that names the interaction.
const MARKER: &str = "Genesys interaction ";

/// All that is known from outside about one run.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Every event that was sent, once, however often it was repeated.
    pub posted: Vec<Posted>,
    /// Every activity that Pipedrive ever held.
    pub activities: Vec<Activity>,
    /// Every person that Pipedrive ever held.
    pub persons: Vec<Person>,
    /// The open deals that were there before the bridge. They are never closed.
    pub deals: Vec<Deal>,
    /// Every message in the dead letter queue at the end.
    pub dead_letters: Vec<DeadLetter>,
}

/// One event of an interaction, and the answer to its sender.
#[derive(Clone, Debug)]
pub struct Posted {
    /// The id of its interaction.
    pub interaction: String,
    /// Its own key, as dead letters name it.
    pub event: String,
    /// Whether it is of a kind that is to be recorded.
    pub is_recordable: bool,
    /// The customer's number in any form; `None` where it is withheld.
    pub number: Option<String>,
    /// The number of a party who took part and is not the customer, where the event is of that party's side.
    pub third_party: Option<String>,
    /// Texts that only this event states, and that the record must hold in the end.
    pub facts: Vec<String>,
    /// What the record looks like that this event leads; `None` where it is not to be recorded.
    pub head: Option<Head>,
    /// When it was sent first, if it was.
    pub sent: Option<Timestamp>,
    /// Answer to its sender.
    pub answer: Answer,
}

/// What a list of activities shows of an interaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Whether it is of the customer's own side, which outranks a head of an agent's side.
    pub is_customers: bool,
    /// Headline of the activity, shown on timelines.
    pub subject: String,
    /// The key of the type.
    pub kind: String,
    /// When the interaction began.
    pub began: Began,
    /// The duration as Pipedrive has it, `HH:MM`.
    pub duration: String,
}

/// When an interaction began, as an event states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Began {
    /// Began at this time.
    At(Timestamp),
    /// So long before the event was received.
    BeforeReceipt(SignedDuration),
}

/// The best answer that an event ever got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 200 `accepted`: it is owed a record.
    Accepted,
    /// 200 `ignored`, with this reason: the decision not to record it.
    Ignored(String),
    /// No 200. It may be recorded all the same: a message that was stored and never confirmed.
    None,
}

/// An activity in Pipedrive.
#[derive(Clone, Debug)]
pub struct Activity {
    /// Id of the activity in Pipedrive.
    pub id: i64,
    /// Subject of the activity.
    pub subject: String,
    /// The key of its type.
    pub kind: String,
    /// When it is due, `YYYY-MM-DD HH:MM`, UTC.
    pub due: String,
    /// How long it takes, `HH:MM`.
    pub duration: String,
    /// Whether it is done.
    pub is_done: bool,
    /// The deal it is linked to.
    pub deal: Option<i64>,
    /// Note of the activity, as HTML.
    pub note: String,
    /// The person it is attached to.
    pub person: Option<i64>,
    /// The organisation it is linked to.
    pub organization: Option<i64>,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last written.
    pub written: Timestamp,
}

impl Activity {
    /// The interaction that its note says it is of.
    #[must_use]
    pub fn interaction(&self) -> Option<&str> {
        let mut pieces = self.note.split(['\n', '<', '>']);
        pieces.find_map(|piece| piece.trim().strip_prefix(MARKER))
    }
}

/// A person in Pipedrive.
#[derive(Clone, Debug)]
pub struct Person {
    /// Id of the person in Pipedrive.
    pub id: i64,
    /// Name of the person.
    pub name: String,
    /// Organisation of the person.
    pub organization: Option<i64>,
    /// Its numbers in any form.
    pub phones: Vec<String>,
    /// Whether it was there before the bridge.
    pub was_there_before: bool,
    /// When it was created.
    pub created: Timestamp,
    /// Whether it was deleted or merged. A person into which others were merged is never deleted.
    pub gone: Option<Gone>,
}

/// How a person went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// It lives on in this one, who has its numbers and activities.
    MergedInto(i64),
    /// It was deleted; what was attached to it before stays so.
    DeletedAt(Timestamp),
}

/// An open deal of a person.
#[derive(Clone, Copy, Debug)]
pub struct Deal {
    /// Id of the deal in Pipedrive.
    pub id: i64,
    /// Whose it was at first: where people are merged it goes along.
    pub person: i64,
}

/// A message in the dead letter queue.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// The id of its interaction.
    pub interaction: String,
    /// The key of its event.
    pub event: String,
    /// Reason of the dead letter.
    pub reason: Option<String>,
    /// When it died, where it says so.
    pub died: Option<Timestamp>,
}

/// The digits by which two forms of one number are the same: the last ten. Both ranges that are reserved for examples
/// and used here, +1-202-555-01xx and +44 7700 900xxx, have ten digits after the country code.
#[must_use]
pub fn comparable(number: &str) -> String {
    let digits: Vec<char> = number.chars().filter(char::is_ascii_digit).collect();
    digits[digits.len().saturating_sub(10)..].iter().collect()
}
