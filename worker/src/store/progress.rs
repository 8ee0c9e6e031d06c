//! How far the work on one interaction got, as its hash in Redis says.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use pipedrive::{ActivityId, PersonId};
use shared::domain::facts::Facts;
use shared::domain::ids::{EventKey, InteractionId};

use super::answered::Answered;
use super::epoch::Epoch;

/// How far the work on an interaction got.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Content of the events known so far, by the digest of each event.
    pub facts: BTreeMap<String, Facts>,
    /// Digests of those events that are recorded.
    pub recorded: BTreeSet<String>,
    /// Whether the activity exists.
    pub activity: Effect<ActivityId>,
    /// Person that it is attached to.
    pub person: Option<PersonId>,
    /// Number by which the person was found.
    pub number: Option<String>,
    /// E-mail address by which a person was looked for.
    pub email: Option<String>,
    /// What the handles led to if that is not one person, as `person/` (its memory) writes it.
    pub found: Option<String>,
    /// Third parties that were looked for, as `person/` (its memory) writes them.
    pub third_parties: Option<String>,
    /// Digest of the activity that was written last.
    pub written: Option<String>,
    /// Fingerprint of the note that was written last: a digest of each line.
    pub lines: String,
    /// Values of ours that the members of the activity may have.
    pub answered: Answered,
    /// When an update was sent whose outcome is unknown: it may still take effect.
    pub update_in_doubt: Option<Timestamp>,
    /// Whether the activity was found in Pipedrive, written for events that Redis has lost.
    pub adopted: bool,
    /// The number that an adopted activity named as its customer's before the known events showed who began earlier.
    pub displaced: Option<String>,
    /// What this delivery read of an adopted activity. Not stored.
    pub adoption: Adoption,
    /// Whether this entry is complete: no activity can exist that it does not show.
    pub known_unrecorded: bool,
}

/// What a delivery reads of an activity that was found in Pipedrive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adoption {
    /// Whether the activity was found in this delivery, attached to a person.
    pub has_person: bool,
    /// Whether no event of the customer that the activity names is known: its subject, number and times stay.
    pub leads: bool,
    /// The subject that events of the displaced customer led to.
    pub displaced_subject: Option<String>,
}

/// State of an effect that must happen once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effect<Id> {
    /// No attempt was made.
    #[default]
    NotTried,
    /// An attempt was made that ended by this time; its outcome is unknown.
    Intended(Timestamp),
    /// The effect took place, with this id.
    Done(Id),
}

impl Progress {
    /// Whether an event with the content of `event` is recorded already, under the key of an older version.
    #[must_use]
    pub fn was_recorded_under_another_key(
        &self,
        interaction: &InteractionId,
        event: &EventKey,
    ) -> bool {
        let legacy = EventKey::legacy_of_guide(interaction).digest();
        let Some(facts) = self.facts.get(&event.digest()) else {
            return false;
        };
        self.recorded.iter().any(|recorded| {
            let is_legacy = *recorded == legacy;
            let other = self.facts.get(recorded);
            other.is_some_and(|other| facts.repeats(other, is_legacy))
        })
    }

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
        let recorded = fields.keys().filter_map(|name| name.strip_prefix("e:"));
        let text = |name| fields.get(name).map(|value| (*value).to_owned());
        let same_epoch = fields.get("epoch").is_some_and(|id| *id == epoch.id);
        Self {
            facts: facts.collect(),
            recorded: recorded.map(str::to_owned).collect(),
            activity: fields
                .get("activity")
                .map_or(Effect::NotTried, |value| Effect::parse(value)),
            person: fields
                .get("person")
                .and_then(|id| id.parse().ok())
                .filter(|id| *id > 0)
                .map(PersonId),
            number: text("number"),
            email: text("email"),
            found: text("found"),
            third_parties: text("others"),
            written: text("written"),
            lines: text("lines").unwrap_or_default(),
            answered: Answered::read(
                fields.get("answered").copied(),
                fields.get("written").copied(),
            ),
            update_in_doubt: fields
                .get("doubted")
                .and_then(|ms| ms.parse().ok())
                .and_then(|ms| Timestamp::from_millisecond(ms).ok()),
            adopted: fields.contains_key("inherited"),
            displaced: text("displaced"),
            adoption: Adoption::default(),
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

#[cfg(test)]
mod tests {
    use shared::domain::event::{Filter, Recognised, recognise};

    use super::*;

    /// What a version wrote that keyed the guide's event by its interaction alone.
    const OLD_FACTS: &str = r#"{"kind":"completed","at":"2026-03-10T14:20:00Z","at_receipt":true,"channel":"voice","number":"+12025550143","customer":"Casey Customer","duration_ms":441000,"recording_url":"https://recordings.example.invalid/9c8b7a65-4321-4fed-8cba-987654321012"}"#;

    /// The progress of a claim for `body`, whose interaction has a record of such a version.
    fn progress(body: &[u8], is_recorded: bool) -> (Progress, InteractionId, EventKey) {
        let Ok(Recognised::Event(event)) = recognise(body, None, &Filter::everything()) else {
            panic!("no event");
        };
        let facts = Facts::of(&event, "2026-03-11T08:00:00Z".parse().unwrap());
        let facts = serde_json::to_string(&facts).unwrap();
        let legacy = EventKey::from_parts(&["interaction.completed", event.interaction.as_str()]);
        let mut flat = vec![
            format!("f:{}", legacy.digest()),
            OLD_FACTS.to_owned(),
            format!("f:{}", event.key.digest()),
            facts,
        ];
        if is_recorded {
            flat.extend([format!("e:{}", legacy.digest()), "1".to_owned()]);
        }
        let epoch = Epoch {
            id: "epoch".to_owned(),
            since: Timestamp::UNIX_EPOCH,
        };
        (Progress::read(&flat, &epoch), event.interaction, event.key)
    }

    #[test]
    fn a_body_that_is_recorded_under_an_old_key_is_a_duplicate_and_one_that_says_more_is_none() {
        let same = include_str!("../../../shared/fixtures/events/guide-interaction-completed.json");
        let more = same.replace("441", "450");

        for (body, is_recorded, is_duplicate) in [
            (same, true, true),
            (same, false, false),
            (more.as_str(), true, false),
        ] {
            let (progress, interaction, event) = progress(body.as_bytes(), is_recorded);
            assert_eq!(progress.facts.len(), 2);
            assert_eq!(
                progress.was_recorded_under_another_key(&interaction, &event),
                is_duplicate,
                "{body}"
            );
        }
    }
}
