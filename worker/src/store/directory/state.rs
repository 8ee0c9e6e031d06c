//! How far the directory is: fields of one hash.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use pipedrive::PersonId;

/// What the directory holds of: people, or deals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// People, and who has which handle.
    People,
    /// Open deals, by their person.
    Deals,
}

impl Kind {
    /// The name of a field of the state.
    pub fn field(self, name: &str) -> String {
        match self {
            Self::People => name.to_owned(),
            Self::Deals => format!("deals_{name}"),
        }
    }
}

/// How far the polls of one kind are: they read what changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Polls {
    /// The time up to which changes are known.
    pub fresh_to: Option<Timestamp>,
    /// When changes were read last, to the end.
    pub polled: Option<Timestamp>,
    /// The present pause between two polls.
    pub interval: Option<Duration>,
    /// A poll that stopped before the end.
    pub stopped: Option<StoppedPoll>,
}

/// Where the next poll goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoppedPoll {
    /// When its first page was read.
    pub began: Timestamp,
    /// From which change on it lists.
    pub since: Timestamp,
    /// The latest change that it listed.
    pub listed_to: Timestamp,
    /// Leads to its next page.
    pub cursor: Option<String>,
}

/// How far the list of open deals is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Deals {
    /// When the listing that runs began; `None` while none runs.
    pub began: Option<Timestamp>,
    /// Where it goes on.
    pub cursor: Option<String>,
    /// The latest change that it has listed.
    pub listed_to: Option<Timestamp>,
    /// From which change on it lists since its cursor expired.
    pub since: Option<Timestamp>,
    /// The full pass of people after which deals were listed last, or Pipedrive refused that.
    pub pass: Option<u16>,
    /// Since when all open deals are known.
    pub complete_since: Option<Timestamp>,
    /// Polls of deals.
    pub polls: Polls,
}

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
    /// Whether the pass that runs has listed all, and reads those that it did not meet; from which bucket on.
    pub absent_from: Option<u64>,
    /// Polls of people.
    pub polls: Polls,
    /// Open deals.
    pub deals: Deals,
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
        let pass = |name: &str| number(name).and_then(|pass| u16::try_from(pass).ok());
        if fields.get("format").map(String::as_str) != Some(format) {
            return Self::default();
        }
        Self {
            is_ours: true,
            people: number("people").unwrap_or(0),
            pass: pass("pass").unwrap_or(0),
            pass_began: time("pass_began"),
            cursor: fields.get("cursor").cloned(),
            listed_to: time("listed_to"),
            pass_since: time("pass_since"),
            pass_tokens: number("pass_tokens").unwrap_or(0),
            highest: PersonId(number("highest").unwrap_or(0)),
            expected: number("expected").unwrap_or(0),
            complete_since: time("complete_since"),
            passed: time("passed"),
            absent_from: number("absent_from"),
            polls: Polls::parse(fields, Kind::People),
            deals: Deals {
                began: time("deals_began"),
                cursor: fields.get("deals_cursor").cloned(),
                listed_to: time("deals_listed_to"),
                since: time("deals_since"),
                pass: pass("deals_pass"),
                complete_since: time("deals_complete_since"),
                polls: Polls::parse(fields, Kind::Deals),
            },
            stopped: fields.get("stopped").cloned(),
        }
    }

    /// Whether whoever is not in it was not in Pipedrive's list up to `fresh_to`.
    pub fn is_complete(&self) -> bool {
        self.complete_since.is_some()
    }

    /// Whether all of a kind are known.
    pub fn knows(&self, kind: Kind) -> bool {
        match kind {
            Kind::People => self.is_complete(),
            Kind::Deals => self.deals.complete_since.is_some(),
        }
    }

    /// The polls of a kind.
    pub fn polls(&self, kind: Kind) -> &Polls {
        match kind {
            Kind::People => &self.polls,
            Kind::Deals => &self.deals.polls,
        }
    }
}

impl Polls {
    fn parse(fields: &HashMap<String, String>, kind: Kind) -> Self {
        let number = |name: &str| fields.get(&kind.field(name))?.parse().ok();
        let time = |name: &str| Timestamp::from_millisecond(number(name)?).ok();
        let stopped = || {
            Some(StoppedPoll {
                began: time("poll_began")?,
                since: time("poll_since")?,
                listed_to: time("poll_listed_to")?,
                cursor: fields.get(&kind.field("poll_cursor")).cloned(),
            })
        };
        let interval = number("interval").and_then(|ms| u64::try_from(ms).ok());
        Self {
            fresh_to: time("fresh_to"),
            polled: time("polled"),
            interval: interval.map(Duration::from_millis),
            stopped: stopped(),
        }
    }
}

/// A moment as a field holds it.
pub(crate) fn at(moment: Timestamp) -> String {
    moment.as_millisecond().to_string()
}
