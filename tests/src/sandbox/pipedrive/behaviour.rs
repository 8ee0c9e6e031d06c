//! The answers to questions that Pipedrive's documents leave open. A test chooses which one it meets.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How the search compares a term with a stored number. Nothing is published; shipped connectors
/// contradict each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchMode {
    /// The term's digits are a part of the number's digits.
    #[default]
    DigitsAnywhere,
    /// The number's digits begin with the term's.
    Prefix,
    /// The number's digits end with the term's.
    Suffix,
    /// The term, as it is written, is a part of the stored text.
    Literal,
    /// Each word of the term equals a word of the stored text; words are runs of letters and digits.
    ByWord,
    /// The search finds no person, whatever the term.
    Blind,
}

/// How the cursors of lists and searches misbehave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cursors {
    /// Each leads to the next page, and the last page has none.
    #[default]
    Advance,
    /// From the second page on, each answer repeats the cursor that it was asked with.
    Repeat,
    /// An empty text stands where a cursor should be, although more follows.
    Empty,
    /// The last page has an empty text in place of `null`.
    EmptyAtEnd,
}

/// What Pipedrive's sanitiser does to a note beyond taking comments out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteStyle {
    /// Notes are kept as they are from now on.
    #[default]
    Kept,
    /// Writes the HTML again: `<br>` for `<br/>`, quotes as themselves, no `style` and `class`, `rel`
    /// and `target` on links. Lists, headings and blank lines stay.
    Tidied,
    /// Tidied, `<b>` and `<i>` as `<strong>` and `<em>`, and each line in a `<div>` of its own, as the
    /// editor does it.
    Rewrapped,
}

/// What a running sandbox answers where public sources disagree or say nothing.
///
/// As JSON, for `PUT /_sandbox/behaviour`, it has the same names; durations are whole milliseconds.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an open question of its own"
)]
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Behaviour {
    /// How the search reads numbers.
    pub search_mode: SearchMode,
    /// How long a change takes to show up in searches.
    #[serde(with = "millis")]
    pub search_lag: Duration,
    /// How long a change of a person or activity takes to show up in lists. Until then a list holds
    /// what was there before, as from a replica that is behind; `GET` of one item is never behind.
    #[serde(with = "millis")]
    pub list_lag: Duration,
    /// What cursors of lists do wrong.
    pub cursors: Cursors,
    /// How long a cursor can be used; without end if `None`.
    #[serde(with = "optional_millis")]
    pub cursor_life: Option<Duration>,
    /// The status for a cursor that has expired: 400 or 422.
    pub expired_cursor_status: u16,
    /// Whether lists show deleted and merged items with `is_deleted`, rather than leaving them out.
    pub lists_deleted: bool,
    /// Whether a merge counts as a change of the survivor, so that `updated_since` shows it.
    pub merge_touches_survivor: bool,
    /// Whether the search finds people who are hidden from the token's user.
    pub search_finds_hidden: bool,
    /// Whether lists hold people who are hidden from the token's user.
    pub lists_hidden: bool,
    /// The status of a read or change of a hidden person: 403 or 404.
    pub hidden_status: u16,
    /// The status of a create that names a hidden person; `None` if it goes through.
    pub hidden_reference_status: Option<u16>,
    /// Whether the counts that `include_fields` asks for are answered.
    pub answers_counts: bool,
    /// Whether a record for another owner than the token's user is refused with 403.
    pub refuses_owner: bool,
    /// Whether an activity gets the organization of its primary participant where none was sent.
    pub fills_organization: bool,
    /// Whether `null` clears deal and organization of an activity, rather than being refused.
    pub clears_links: bool,
    /// What the sanitiser makes of notes of activities.
    pub note_style: NoteStyle,
    /// `POST` and `PUT` by the API token in a day, 10,000 in the documents of 2019; without limit if `None`.
    pub daily_writes: Option<u32>,
    /// The status of a successful `POST` in v2: 200 in the documents, 201 in test doubles of others.
    pub created_status: u16,
    /// The status when a body refers to a person, deal or user that does not exist: 400 or 404.
    pub missing_reference_status: u16,
    /// Whether `GET /persons/{id}` shows a deleted or merged person with `is_deleted`, rather than answering 404.
    pub shows_deleted_persons: bool,
    /// Whether times of day are answered as `HH:MM:SS` (the documents) rather than `HH:MM` (the migration guide).
    pub answers_seconds: bool,
    /// Whether the headers on the daily budget are sent. Staff say that they can be missing.
    pub sends_daily_headers: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            search_mode: SearchMode::default(),
            search_lag: Duration::ZERO,
            list_lag: Duration::ZERO,
            cursors: Cursors::default(),
            cursor_life: None,
            expired_cursor_status: 400,
            lists_deleted: false,
            merge_touches_survivor: true,
            search_finds_hidden: true,
            lists_hidden: false,
            hidden_status: 403,
            hidden_reference_status: Some(403),
            answers_counts: true,
            refuses_owner: false,
            fills_organization: false,
            clears_links: true,
            note_style: NoteStyle::default(),
            daily_writes: None,
            created_status: 200,
            missing_reference_status: 400,
            shows_deleted_persons: true,
            answers_seconds: true,
            sends_daily_headers: true,
        }
    }
}

impl Behaviour {
    /// The same behaviour but for the fields that `changes` holds.
    ///
    /// # Errors
    ///
    /// Returns an error if `changes` is no object, or has an unknown field or a value of the wrong sort.
    pub fn with(self, changes: &serde_json::Value) -> Result<Self, serde_json::Error> {
        let mut fields = serde_json::to_value(self)?;
        let changes: serde_json::Map<_, _> = serde::Deserialize::deserialize(changes)?;
        for (name, value) in changes {
            fields[name] = value;
        }
        serde_json::from_value(fields)
    }
}

/// A duration as whole milliseconds.
mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        duration.as_millis().serialize(serializer)
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

/// A duration as whole milliseconds, or `null`.
mod optional_millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "the signature that serde calls")]
    pub(super) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        duration
            .map(|duration| duration.as_millis())
            .serialize(serializer)
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let millis = Option::<u64>::deserialize(deserializer)?;
        Ok(millis.map(Duration::from_millis))
    }
}
