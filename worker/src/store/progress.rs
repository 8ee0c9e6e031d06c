//! How far the work on one interaction got, as its hash in Redis says.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use pipedrive::{ActivityId, PersonId};
use shared::domain::facts::Facts;

use super::epoch::Epoch;

/// How far the work on an interaction got.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Content of the events known so far, by the digest of each event.
    pub facts: BTreeMap<String, Facts>,
    /// Whether the activity exists.
    pub activity: Effect<ActivityId>,
    /// Person that it is attached to.
    pub person: Option<PersonId>,
    /// Number by which the person was found.
    pub number: Option<String>,
    /// Digest of the activity that was written last.
    pub written: Option<String>,
    /// Fingerprint of the note that was written last: a digest of each line.
    pub lines: String,
    /// When an update was sent whose outcome is unknown: it may still take effect.
    pub update_in_doubt: Option<Timestamp>,
    /// Whether the activity was found in Pipedrive, written for events that Redis has lost.
    pub adopted: bool,
    /// Whether this entry is complete: no activity can exist that it does not show.
    pub known_unrecorded: bool,
}

/// State of an effect that must happen once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effect<Id> {
    /// No attempt was made.
    #[default]
    NotTried,
    /// An attempt was made that ended by this time; its outcome is unknown.
    Intended(Timestamp),
    /// It took effect.
    Done(Id),
}

impl Progress {
    pub(super) fn read(flat: &[String], epoch: &Epoch) -> Self {
        let fields: HashMap<&str, &str> = flat
            .chunks_exact(2)
            .map(|pair| (pair[0].as_str(), pair[1].as_str()))
            .collect();
        let facts = fields.iter().filter_map(|(name, value)| {
            let event = name.strip_prefix("f:")?;
            let read = serde_json::from_str(value);
            let facts = read.inspect_err(|error| {
                tracing::warn!(%error, event, "Cannot read a stored event: it is left out of the activity");
            });
            Some((event.to_owned(), facts.ok()?))
        });
        let same_epoch = fields.get("epoch").is_some_and(|id| *id == epoch.id);
        Self {
            facts: facts.collect(),
            activity: fields
                .get("activity")
                .map_or(Effect::NotTried, |value| Effect::parse(value)),
            person: fields
                .get("person")
                .and_then(|id| id.parse().ok())
                .filter(|id| *id > 0)
                .map(PersonId),
            number: fields.get("number").map(|number| (*number).to_owned()),
            written: fields.get("written").map(|digest| (*digest).to_owned()),
            lines: fields
                .get("lines")
                .map(|lines| (*lines).to_owned())
                .unwrap_or_default(),
            update_in_doubt: fields
                .get("doubted")
                .and_then(|ms| ms.parse().ok())
                .and_then(|ms| Timestamp::from_millisecond(ms).ok()),
            adopted: fields.contains_key("inherited"),
            known_unrecorded: same_epoch && fields.get("clean") == Some(&"1"),
        }
    }
}

impl Effect<ActivityId> {
    fn parse(value: &str) -> Self {
        if let Some(id) = value.strip_prefix("ok:").and_then(|id| id.parse().ok()) {
            return Self::Done(ActivityId(id));
        }
        // An unreadable value counts as an attempt long ago: the activity is searched for before it is created.
        Self::Intended(parse_intent(value).unwrap_or(Timestamp::UNIX_EPOCH))
    }
}

pub(super) fn parse_intent(value: &str) -> Option<Timestamp> {
    let ms = value
        .strip_prefix("intent:")?
        .rsplit(':')
        .next()?
        .parse()
        .ok()?;
    Timestamp::from_millisecond(ms).ok()
}
