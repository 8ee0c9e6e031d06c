//! The idempotent receiver: which events were recorded, who may work on an interaction, and how far that work got.
//!
//! One hash an interaction, under the SHA-256 of its id:
//!
//! | field | content |
//! |---|---|
//! | `id`, `schema` | the interaction id; version of the record |
//! | `fence` | counts the leases ever granted |
//! | `epoch`, `clean` | in which epoch it was begun; whether nobody can have recorded it before |
//! | `f:<event>` | what an event tells |
//! | `e:<event>` | the event is recorded: it is a duplicate from now on |
//! | `activity` | `intent:<fencing_token>:<ms>` before the activity is created, `ok:<id>` after |
//! | `person`, `number` | whom it is attached to (0: nobody), and by which number |
//! | `written`, `lines` | digest of what was written last; of each line of its note |
//! | `doubted` | when the answer to an update was lost: it may yet undo a later one |
//! | `inherited` | the activity was found, written by events that Redis forgot |
//!
//! Beside it, the lease: a key with its owner, set if absent (`SET NX`), with an expiry. Every script checks owner and
//! fencing token before it writes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;
use pipedrive::{ActivityId, PersonId};
use redis::{RedisError, Script};
use shared::domain::facts::Facts;
use shared::domain::ids::{EventKey, InteractionId};
use uuid::Uuid;

use super::connection::Store;
use super::epoch::Epoch;
use super::script::{ms, unknown_verdict};

/// `scripts/claim.lua`, hashed once.
static CLAIM: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/claim.lua")));
/// `scripts/step.lua`, hashed once.
static STEP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/step.lua")));

/// Version of the record.
const SCHEMA: &str = "1";

/// Grants leases on interactions.
#[derive(Clone, Debug)]
pub struct InteractionStore {
    store: Store,
    lease: Duration,
}

/// What is asked for.
#[derive(Debug)]
pub struct ClaimRequest<'c> {
    /// Which interaction.
    pub interaction: &'c InteractionId,
    /// For which of its events.
    pub event: &'c EventKey,
    /// What the event tells.
    pub facts: &'c Facts,
    /// In which epoch. By the time of the claim there may be another one, for which the evidence says nothing.
    pub epoch: &'c Epoch,
    /// Whether, by the message's own evidence, nobody can have worked on it before in that epoch.
    pub is_surely_new: bool,
    /// A fresh name for each delivery: with one name for a whole process, two deliveries of one event would share a
    /// lease.
    pub owner: &'c str,
}

/// The answer to a claim.
#[derive(Debug)]
pub enum Claim {
    /// The event was recorded before.
    Duplicate,
    /// Somebody else holds the lease.
    Busy,
    /// Go ahead.
    Granted(Lease, Box<Progress>),
    /// Redis is not the one that was connected to: it lost data.
    EpochChanged,
    /// The record has this schema, which a newer version wrote.
    Newer(i64),
}

/// How far the work on an interaction got.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// What the events known so far tell, by event.
    pub facts: BTreeMap<String, Facts>,
    /// Which of those events are recorded.
    pub recorded: BTreeSet<String>,
    /// The activity.
    pub activity: Effect<ActivityId>,
    /// Whom it is attached to.
    pub person: Option<PersonId>,
    /// By which number.
    pub number: Option<String>,
    /// Digest of what was written last.
    pub written: Option<String>,
    /// [`crate::activity::note_merge::fingerprint`] of the note that was written last.
    pub lines: String,
    /// When an update was sent of which nobody knows whether, or when, it takes effect.
    pub update_in_doubt: Option<Timestamp>,
    /// Whether the activity was found, written by events that Redis forgot.
    pub adopted: bool,
    /// Whether nobody can have recorded it without this record telling so.
    pub known_unrecorded: bool,
}

/// One effect that must happen once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effect<Id> {
    /// Nobody tried.
    #[default]
    NotTried,
    /// Somebody was about to, at this time; nobody knows whether it happened.
    Intended(Timestamp),
    /// It happened.
    Done(Id),
}

/// The exclusive, expiring right to work on one interaction.
#[derive(Debug)]
#[must_use = "a lease that is dropped blocks its interaction until it expires"]
pub struct Lease {
    store: Store,
    keys: [String; 2],
    owner: String,
    fencing_token: String,
    duration: Duration,
    epoch: Epoch,
}

/// A step under a lease did not count.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// It expired, and somebody else may hold it.
    #[error("the lease was lost")]
    Lost,
    /// Redis did not answer; the step may have been written.
    #[error("Redis did not carry out a step")]
    Redis(#[from] RedisError),
}

impl InteractionStore {
    /// A ledger whose leases last `lease` after each step.
    #[must_use]
    pub fn new(store: Store, lease: Duration) -> Self {
        Self { store, lease }
    }

    /// The present epoch.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub fn epoch(&self) -> Result<Epoch, RedisError> {
        self.store.epoch()
    }

    /// A name for one delivery's leases.
    #[must_use]
    pub fn new_owner() -> String {
        Uuid::new_v4().to_string()
    }

    /// Claims an interaction. Harmless to repeat with the same owner, after an answer that was lost.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    ///
    /// # Panics
    ///
    /// Never: facts are always JSON.
    pub async fn claim(&self, request: &ClaimRequest<'_>) -> Result<Claim, RedisError> {
        let key = request.interaction.idempotency_key();
        let keys = [
            self.store.key(&format!("interaction:{{{key}}}")),
            self.store.key(&format!("lease:{{{key}}}")),
        ];
        let epoch = request.epoch.clone();
        let settings = self.store.settings();
        let facts = serde_json::to_string(request.facts).expect("facts are JSON");
        let mut call = CLAIM.prepare_invoke();
        call.key(&keys[0])
            .key(&keys[1])
            .key(self.store.key("epoch"));
        call.arg(request.owner)
            .arg(ms(self.lease))
            .arg(ms(settings.open_ttl))
            .arg(request.event.digest())
            .arg(facts);
        call.arg(&epoch.id)
            .arg(u8::from(request.is_surely_new))
            .arg(request.interaction.as_str())
            .arg(SCHEMA);
        let answer: Vec<String> = call.invoke_async(&mut self.store.connection()?).await?;
        Ok(match answer.first().map(String::as_str) {
            Some("duplicate") => Claim::Duplicate,
            Some("newer") => Claim::Newer(answer[1].parse().unwrap_or(i64::MAX)),
            Some("busy") => Claim::Busy,
            Some("granted") => {
                let (store, owner) = (self.store.clone(), request.owner.to_owned());
                let mut progress = Progress::read(&answer[2..], &epoch);
                // What was kept of this event before may be unreadable.
                let own = || request.facts.clone();
                progress
                    .facts
                    .entry(request.event.digest())
                    .or_insert_with(own);
                let lease = Lease {
                    store,
                    keys,
                    owner,
                    fencing_token: answer[1].clone(),
                    duration: self.lease,
                    epoch,
                };
                Claim::Granted(lease, Box::new(progress))
            }
            Some("epoch") => Claim::EpochChanged,
            other => return Err(unknown_verdict("claim.lua", other.unwrap_or_default())),
        })
    }
}

impl Progress {
    /// Whether `event` says what an event says that is recorded already, under the key of an older version.
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

    fn read(flat: &[String], epoch: &Epoch) -> Self {
        let fields: HashMap<&str, &str> = flat
            .chunks_exact(2)
            .map(|pair| (pair[0].as_str(), pair[1].as_str()))
            .collect();
        let facts = fields.iter().filter_map(|(name, value)| {
            let event = name.strip_prefix("f:")?;
            let read = serde_json::from_str(value);
            let facts = read.inspect_err(|error| {
                tracing::warn!(%error, event, "What Redis keeps of an event cannot be read and is left out");
            });
            Some((event.to_owned(), facts.ok()?))
        });
        let recorded = fields.keys().filter_map(|name| name.strip_prefix("e:"));
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
        // What cannot be read is taken for an attempt at the beginning of time: it is looked for.
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

impl Lease {
    /// Writes down that the activity is about to be created. From here on nobody may create it without looking first.
    ///
    /// # Errors
    ///
    /// When the lease is lost, or Redis does not answer: then nothing may be sent.
    pub async fn intend_activity(
        &self,
        progress: &Progress,
        now: Timestamp,
    ) -> Result<(), LeaseError> {
        let intent = self.intent(now);
        let person = progress.person.map_or(0, |id| id.0).to_string();
        let fields = [
            ("activity", intent.as_str()),
            ("person", person.as_str()),
            ("number", progress.number.as_deref().unwrap_or_default()),
            ("written", progress.written.as_deref().unwrap_or_default()),
            ("lines", &progress.lines),
            ("clean", "1"),
            ("epoch", &self.epoch.id),
        ];
        self.step(&fields, self.duration, self.store.settings().open_ttl)
            .await
    }

    /// Puts back what was known before an attempt that Pipedrive refused: an older intent whose outcome is unknown, with
    /// the lines that its note has, or none. Whom the activity was to be attached to is forgotten: they may be the reason.
    ///
    /// # Errors
    ///
    /// When the lease is lost, or Redis does not answer.
    pub async fn restore_activity(
        &self,
        older: Option<Timestamp>,
        lines: &str,
    ) -> Result<(), LeaseError> {
        let intent = older.map(|at| self.intent(at)).unwrap_or_default();
        let fields = [
            ("activity", intent.as_str()),
            ("person", ""),
            ("number", ""),
            ("written", ""),
            ("lines", lines),
            ("clean", "1"),
            ("epoch", &self.epoch.id),
        ];
        self.step(&fields, self.duration, self.store.settings().open_ttl)
            .await
    }

    fn intent(&self, at: Timestamp) -> String {
        format!("intent:{}:{}", self.fencing_token, at.as_millisecond())
    }

    /// Writes down until when an update is under way whose effect may come late, or that none is; and which lines the note
    /// may have from us by now.
    ///
    /// # Errors
    ///
    /// When the lease is lost, or Redis does not answer.
    pub async fn doubt_update(
        &self,
        until: Option<Timestamp>,
        lines: &str,
    ) -> Result<(), LeaseError> {
        let until = until.map(|until| until.as_millisecond().to_string());
        let update_in_doubt = ("doubted", until.as_deref().unwrap_or_default());
        let fields = [update_in_doubt, ("lines", lines)];
        self.step(&fields, self.duration, self.store.settings().open_ttl)
            .await
    }

    /// Since when Redis is known to remember everything.
    #[must_use]
    pub fn epoch_began(&self) -> Timestamp {
        self.epoch.since
    }

    /// Prolongs the lease.
    ///
    /// # Errors
    ///
    /// When the lease is lost, or Redis does not answer.
    pub async fn renew(&self) -> Result<(), LeaseError> {
        self.step(&[], self.duration, self.store.settings().open_ttl)
            .await
    }

    /// Marks events as recorded in an activity, and gives the lease back: the last step.
    ///
    /// # Errors
    ///
    /// When the lease is lost, or Redis does not answer.
    pub async fn complete(
        &self,
        progress: &Progress,
        activity: ActivityId,
    ) -> Result<(), LeaseError> {
        let activity = format!("ok:{activity}");
        let person = progress.person.map_or(0, |id| id.0).to_string();
        let events: Vec<String> = progress
            .facts
            .keys()
            .map(|event| format!("e:{event}"))
            .collect();
        let mut fields = vec![
            ("activity", activity.as_str()),
            ("person", person.as_str()),
            ("number", progress.number.as_deref().unwrap_or_default()),
            ("written", progress.written.as_deref().unwrap_or_default()),
            ("lines", &progress.lines),
            ("inherited", if progress.adopted { "1" } else { "" }),
            ("doubted", ""),
        ];
        fields.extend(events.iter().map(|event| (event.as_str(), "1")));
        self.step(&fields, Duration::ZERO, self.store.settings().done_ttl)
            .await
    }

    /// Gives the lease back with the work undone.
    ///
    /// # Errors
    ///
    /// When the lease is lost, or Redis does not answer.
    pub async fn release(&self) -> Result<(), LeaseError> {
        self.step(&[], Duration::ZERO, self.store.settings().open_ttl)
            .await
    }

    async fn step(
        &self,
        fields: &[(&str, &str)],
        lease: Duration,
        ttl: Duration,
    ) -> Result<(), LeaseError> {
        step(
            &self.store,
            &self.keys,
            [&self.owner, &self.fencing_token],
            lease,
            ttl,
            fields,
        )
        .await
    }
}

/// Writes fields of a record under a lease; of interactions and of people alike.
pub(super) async fn step(
    store: &Store,
    keys: &[String; 2],
    [owner, fencing_token]: [&str; 2],
    lease: Duration,
    ttl: Duration,
    fields: &[(&str, &str)],
) -> Result<(), LeaseError> {
    let mut call = STEP.prepare_invoke();
    call.key(&keys[0])
        .key(&keys[1])
        .arg(owner)
        .arg(fencing_token)
        .arg(ms(lease))
        .arg(ms(ttl));
    for (field, value) in fields {
        call.arg(*field).arg(*value);
    }
    let answer: String = call.invoke_async(&mut store.connection()?).await?;
    match answer.as_str() {
        "ok" => Ok(()),
        "lost" => Err(LeaseError::Lost),
        other => Err(unknown_verdict("step.lua", other).into()),
    }
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
