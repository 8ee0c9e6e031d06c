//! How far the directory is: fields of one hash.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use pipedrive::PersonId;

/// How far the directory is, as all workers see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DirectoryState {
    /// Whether it is of the form, the key and the region of this worker.
    pub is_ours: bool,
    /// Number of people in the directory.
    pub people: u64,
    /// The full pass that ran last, or runs; they are counted.
    pub pass: u16,
    /// When the pass that runs began; `None` while none runs.
    pub pass_began: Option<Timestamp>,
    /// Where the pass goes on.
    pub cursor: Option<String>,
    /// The latest change that the pass has listed: where it goes on if the cursor has expired.
    pub listed_to: Option<Timestamp>,
    /// From which change on the pass lists since its cursor expired.
    pub pass_since: Option<Timestamp>,
    /// Tokens that the pass has cost.
    pub pass_tokens: u64,
    /// The highest id of those who were ever in it.
    pub highest: PersonId,
    /// Bound of the number of people when the pass began.
    pub expected: u64,
    /// Since when it is complete.
    pub complete_since: Option<Timestamp>,
    /// When the last full pass ended.
    pub passed: Option<Timestamp>,
    /// The time up to which changes are known.
    pub fresh_to: Option<Timestamp>,
    /// When changes were read last.
    pub polled: Option<Timestamp>,
    /// The present pause between two polls.
    pub interval: Option<Duration>,
    /// Why the pass does not go on.
    pub stopped: Option<String>,
}

impl DirectoryState {
    /// Reads the fields that [`super::DirectoryStore`] keeps for `format`.
    pub fn parse(fields: &HashMap<String, String>, format: &str) -> Self {
        let number = |name: &str| fields.get(name).and_then(|text| text.parse::<u64>().ok());
        let time = |name: &str| {
            let ms = fields.get(name).and_then(|text| text.parse().ok())?;
            Timestamp::from_millisecond(ms).ok()
        };
        if fields.get("format").map(String::as_str) != Some(format) {
            return Self::default();
        }
        Self {
            is_ours: true,
            people: number("people").unwrap_or(0),
            pass: number("pass")
                .and_then(|pass| u16::try_from(pass).ok())
                .unwrap_or(0),
            pass_began: time("pass_began"),
            cursor: fields.get("cursor").cloned(),
            listed_to: time("listed_to"),
            pass_since: time("pass_since"),
            pass_tokens: number("pass_tokens").unwrap_or(0),
            highest: PersonId(number("highest").unwrap_or(0)),
            expected: number("expected").unwrap_or(0),
            complete_since: time("complete_since"),
            passed: time("passed"),
            fresh_to: time("fresh_to"),
            polled: time("polled"),
            interval: number("interval").map(Duration::from_millis),
            stopped: fields.get("stopped").cloned(),
        }
    }

    /// Whether whoever is not in it was not in Pipedrive's list up to `fresh_to`.
    pub fn is_complete(&self) -> bool {
        self.complete_since.is_some()
    }
}

/// A moment as a field holds it.
pub(crate) fn at(moment: Timestamp) -> String {
    moment.as_millisecond().to_string()
}
