//! The idempotent receiver: which events are recorded, which delivery may work on an interaction, and its progress.
//!
//! One hash an interaction, under the SHA-256 of its id:
//!
//! | field | content |
//! |---|---|
//! | `id`, `schema` | the interaction id; version of the entry |
//! | `fence` | counts the leases ever granted |
//! | `epoch`, `clean` | epoch in which the entry was begun; whether no activity can exist that it does not show |
//! | `f:<event>` | content of an event |
//! | `e:<event>` | the event is recorded: it is a duplicate from now on |
//! | `activity` | `intent:<fencing_token>:<ms>` before the activity is created, `ok:<id>` after |
//! | `person`, `number` | person that it is attached to (0: none), and the number by which it was found |
//! | `email`, `found` | e-mail address that was looked for; what the handles led to if that is not one person |
//! | `others` | third parties that were looked for, with the person of each (0: none) |
//! | `written`, `lines` | digest of the activity that was written last; of each line of its note |
//! | `answered` | values of ours that its other members may have, as JSON: [`Answered`](super::Answered) |
//! | `doubted` | when the answer to an update was lost: it may still undo a later one |
//! | `inherited` | the activity was found in Pipedrive, written for events that Redis has lost |
//! | `displaced` | the number that it named as the customer's then, where known events show who began earlier |
//!
//! Beside it, the lease: a key with its owner, set if absent (`SET NX`), with an expiry. Every script checks owner and
//! fencing token before it writes.

use std::sync::LazyLock;
use std::time::Duration;

use redis::{RedisError, Script};
use shared::domain::facts::Facts;
use shared::domain::ids::{EventKey, InteractionId};
use uuid::Uuid;

use super::connection::Store;
use super::epoch::Epoch;
use super::lease::Lease;
use super::progress::Progress;
use super::script::{ms, unknown_verdict};

/// `scripts/claim.lua`, hashed once.
static CLAIM: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/claim.lua")));

/// Version of the entry.
const SCHEMA: &str = "1";

/// Grants leases on interactions.
#[derive(Clone, Debug)]
pub struct InteractionStore {
    store: Store,
    lease: Duration,
}

/// A request for the lease on an interaction.
#[derive(Debug)]
pub struct ClaimRequest<'c> {
    /// Id of the interaction.
    pub interaction: &'c InteractionId,
    /// The event to record.
    pub event: &'c EventKey,
    /// Content of the event.
    pub facts: &'c Facts,
    /// Epoch in which the evidence below was gathered. The claim fails if Redis is in another one by then.
    pub epoch: &'c Epoch,
    /// Whether the message itself proves that the interaction cannot be recorded unless this entry shows it.
    pub known_unrecorded: bool,
    /// Unique name of the delivery: with one name for a whole process, two deliveries of one event would share a lease.
    pub owner: &'c str,
}

/// Result of a claim.
#[derive(Debug)]
pub enum Claim {
    /// The event is recorded already.
    Duplicate,
    /// Another delivery holds the lease.
    Busy,
    /// The lease, and the progress so far.
    Granted(Lease, Box<Progress>),
    /// Redis lost data since the epoch of the request.
    EpochChanged,
    /// A newer version wrote the entry, with this schema.
    Newer(i64),
}

impl InteractionStore {
    /// A store whose leases last `lease` after each step.
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
        let answer = self.run_claim(request, &keys).await?;
        Ok(match answer.first().map(String::as_str) {
            Some("duplicate") => Claim::Duplicate,
            Some("newer") => Claim::Newer(answer[1].parse().unwrap_or(i64::MAX)),
            Some("busy") => Claim::Busy,
            Some("granted") => self.grant(request, keys, &answer),
            Some("epoch") => {
                self.store.saw_newer_epoch();
                Claim::EpochChanged
            }
            other => return Err(unknown_verdict("claim.lua", other.unwrap_or_default())),
        })
    }

    async fn run_claim(
        &self,
        request: &ClaimRequest<'_>,
        keys: &[String; 2],
    ) -> Result<Vec<String>, RedisError> {
        let facts = serde_json::to_string(request.facts).expect("facts are JSON");
        let mut call = CLAIM.prepare_invoke();
        call.key(&keys[0])
            .key(&keys[1])
            .key(self.store.key("epoch"));
        call.arg(request.owner)
            .arg(ms(self.lease))
            .arg(ms(self.store.settings().open_ttl))
            .arg(request.event.digest())
            .arg(facts);
        call.arg(&request.epoch.id)
            .arg(u8::from(request.known_unrecorded))
            .arg(request.interaction.as_str())
            .arg(SCHEMA);
        call.invoke_async(&mut self.store.connection()?).await
    }

    /// Reads `granted`, the fencing token, and the fields of the hash.
    fn grant(&self, request: &ClaimRequest<'_>, keys: [String; 2], answer: &[String]) -> Claim {
        let mut progress = Progress::read(&answer[2..], request.epoch);
        // The stored content of this event may be unreadable.
        let own = || request.facts.clone();
        progress
            .facts
            .entry(request.event.digest())
            .or_insert_with(own);
        let lease = Lease {
            store: self.store.clone(),
            keys,
            owner: request.owner.to_owned(),
            fencing_token: answer[1].clone(),
            duration: self.lease,
            epoch: request.epoch.clone(),
        };
        Claim::Granted(lease, Box::new(progress))
    }
}
