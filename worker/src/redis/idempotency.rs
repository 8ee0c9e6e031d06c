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
//! | `activity` | `intent:<fence>:<ms>` before the activity is created, `ok:<id>` after |
//! | `person`, `number` | whom it is attached to (0: nobody), and by which number |
//! | `written`, `lines` | digest of what was written last; of each line of its note |
//! | `doubted` | when the answer to an update was lost: it may yet undo a later one |
//! | `inherited` | the activity was found, written by events that Redis forgot |
//!
//! Beside it, the lease: a key with its owner, set if absent (`SET NX`), with an expiry. Every script checks owner and
//! fence before it writes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;
use redis::{RedisError, Script};
use shared::domain::facts::Facts;
use shared::domain::ids::{ActivityId, EventKey, InteractionId, PersonId};
use uuid::Uuid;

use super::epoch::Epoch;
use super::store::Store;

/// `scripts/claim.lua`, hashed once.
static CLAIM: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/claim.lua")));
/// `scripts/step.lua`, hashed once.
static STEP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/step.lua")));

/// Version of the record.
const SCHEMA: &str = "1";

/// Grants leases on interactions.
#[derive(Clone, Debug)]
pub struct Ledger {
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
    Granted(Lease, Box<Job>),
    /// Redis is not the one that was connected to: it lost data.
    EpochChanged,
    /// The record has this schema, which a newer version wrote.
    Newer(i64),
}

/// How far the work on an interaction got.
#[derive(Clone, Debug, Default)]
pub struct Job {
    /// What the events known so far tell, by event.
    pub facts: BTreeMap<String, Facts>,
    /// Which of those events are recorded.
    pub recorded: BTreeSet<String>,
    /// The activity.
    pub activity: Step<ActivityId>,
    /// Whom it is attached to.
    pub person: Option<PersonId>,
    /// By which number.
    pub number: Option<String>,
    /// Digest of what was written last.
    pub written: Option<String>,
    /// [`crate::note::fingerprint`] of the note that was written last.
    pub lines: String,
    /// When an update was sent of which nobody knows whether, or when, it takes effect.
    pub doubted: Option<Timestamp>,
    /// Whether the activity was found, written by events that Redis forgot.
    pub is_inherited: bool,
    /// Whether nobody can have recorded it without this record telling so.
    pub is_clean: bool,
}

/// One effect that must happen once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Step<Id> {
    /// Nobody tried.
    #[default]
    Open,
    /// Somebody was about to, at this time; nobody knows whether it happened.
    Intent(Timestamp),
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
    fence: String,
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

impl Ledger {
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
                let mut job = Job::read(&answer[2..], &epoch);
                // What was kept of this event before may be unreadable.
                let own = || request.facts.clone();
                job.facts.entry(request.event.digest()).or_insert_with(own);
                let lease = Lease {
                    store,
                    keys,
                    owner,
                    fence: answer[1].clone(),
                    duration: self.lease,
                    epoch,
                };
                Claim::Granted(lease, Box::new(job))
            }
            _ => Claim::EpochChanged,
        })
    }
}

impl Job {
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
                .map_or(Step::Open, |value| Step::parse(value)),
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
            doubted: fields
                .get("doubted")
                .and_then(|ms| ms.parse().ok())
                .and_then(|ms| Timestamp::from_millisecond(ms).ok()),
            is_inherited: fields.contains_key("inherited"),
            is_clean: same_epoch && fields.get("clean") == Some(&"1"),
        }
    }
}

impl Step<ActivityId> {
    fn parse(value: &str) -> Self {
        if let Some(id) = value.strip_prefix("ok:").and_then(|id| id.parse().ok()) {
            return Self::Done(ActivityId(id));
        }
        // What cannot be read is taken for an attempt at the beginning of time: it is looked for.
        Self::Intent(parse_intent(value).unwrap_or(Timestamp::UNIX_EPOCH))
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
    pub async fn intend_activity(&self, job: &Job, now: Timestamp) -> Result<(), LeaseError> {
        let intent = format!("intent:{}:{}", self.fence, now.as_millisecond());
        let person = job.person.map_or(0, |id| id.0).to_string();
        let fields = [
            ("activity", intent.as_str()),
            ("person", person.as_str()),
            ("number", job.number.as_deref().unwrap_or_default()),
            ("written", job.written.as_deref().unwrap_or_default()),
            ("lines", &job.lines),
            ("clean", "1"),
            ("epoch", &self.epoch.id),
        ];
        self.step(&fields, self.duration, self.store.settings().open_ttl)
            .await
    }

    /// Takes an intent back, or says that there never was one: the activity was surely not created, and need not be looked
    /// for. Whom it was to be attached to goes with it: they may be the reason.
    ///
    /// # Errors
    ///
    /// When the lease is lost, or Redis does not answer.
    pub async fn withdraw_activity(&self) -> Result<(), LeaseError> {
        let fields = [
            ("activity", ""),
            ("person", ""),
            ("number", ""),
            ("written", ""),
            ("clean", "1"),
            ("epoch", &self.epoch.id),
        ];
        self.step(&fields, self.duration, self.store.settings().open_ttl)
            .await
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
        let doubted = ("doubted", until.as_deref().unwrap_or_default());
        let fields = [doubted, ("lines", lines)];
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
    pub async fn complete(&self, job: &Job, activity: ActivityId) -> Result<(), LeaseError> {
        let activity = format!("ok:{activity}");
        let person = job.person.map_or(0, |id| id.0).to_string();
        let events: Vec<String> = job.facts.keys().map(|event| format!("e:{event}")).collect();
        let mut fields = vec![
            ("activity", activity.as_str()),
            ("person", person.as_str()),
            ("number", job.number.as_deref().unwrap_or_default()),
            ("written", job.written.as_deref().unwrap_or_default()),
            ("lines", &job.lines),
            ("inherited", if job.is_inherited { "1" } else { "" }),
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
            [&self.owner, &self.fence],
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
    [owner, fence]: [&str; 2],
    lease: Duration,
    ttl: Duration,
    fields: &[(&str, &str)],
) -> Result<(), LeaseError> {
    let mut call = STEP.prepare_invoke();
    call.key(&keys[0])
        .key(&keys[1])
        .arg(owner)
        .arg(fence)
        .arg(ms(lease))
        .arg(ms(ttl));
    for (field, value) in fields {
        call.arg(*field).arg(*value);
    }
    let answer: String = call.invoke_async(&mut store.connection()?).await?;
    if answer == "ok" {
        Ok(())
    } else {
        Err(LeaseError::Lost)
    }
}

pub(super) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use shared::domain::event::{Filter, Recognised, recognise};

    use super::*;

    /// What a version wrote that keyed the guide's event by its interaction alone.
    const OLD_FACTS: &str = r#"{"kind":"completed","at":"2026-03-10T14:20:00Z","at_receipt":true,"channel":"voice","number":"+12025550143","customer":"Casey Customer","duration_ms":441000,"recording_url":"https://recordings.example.invalid/9c8b7a65-4321-4fed-8cba-987654321012"}"#;

    /// The job of a claim for `body`, whose interaction has a record of such a version.
    fn job(body: &[u8], is_recorded: bool) -> (Job, InteractionId, EventKey) {
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
        (Job::read(&flat, &epoch), event.interaction, event.key)
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
            let (job, interaction, event) = job(body.as_bytes(), is_recorded);
            assert_eq!(job.facts.len(), 2);
            assert_eq!(
                job.was_recorded_under_another_key(&interaction, &event),
                is_duplicate,
                "{body}"
            );
        }
    }
}
