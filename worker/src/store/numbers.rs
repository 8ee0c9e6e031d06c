//! The person of each handle, a number or an e-mail address, and the lease under which a person is searched for and
//! created.

use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;
use pipedrive::PersonId;
use redis::{RedisError, Script};

use super::connection::Store;
use super::handle::HandleHasher;
use super::handle_keys::HandleKey;
use super::lease::{LeaseError, step};
use super::progress::parse_intent;
use super::script::{ms, unknown_verdict};

/// `scripts/claim_person.lua`, hashed once.
static CLAIM_PERSON: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/claim_person.lua")));
/// `scripts/forget_person.lua`, hashed once.
static FORGET_PERSON: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/forget_person.lua")));

/// Version of the entry. An entry without a version has the same form.
const SCHEMA: &str = "1";

/// People by handle.
#[derive(Clone, Debug)]
pub struct People {
    store: Store,
    lease: Duration,
}

/// Result of a claim.
#[derive(Debug)]
pub enum PersonClaim {
    /// The handle belonged to this person when it was stored.
    Known(PersonId),
    /// Another delivery holds the lease.
    Busy,
    /// The lease: the person is not known.
    Granted(PersonLease),
    /// Redis lost data since it was connected.
    EpochChanged,
    /// A newer version wrote the entry, with this schema.
    Newer(i64),
}

/// The exclusive, expiring right to search for, or to create, the person of one handle.
#[derive(Debug)]
#[must_use = "a lease that is dropped blocks its handle until it expires"]
pub struct PersonLease {
    store: Store,
    keys: [String; 2],
    owner: String,
    fencing_token: String,
    duration: Duration,
    /// Since when a person may exist that neither this entry nor Pipedrive's search shows: a create was intended, or the
    /// stored person turned out to be deleted.
    pub intent: Option<Timestamp>,
    /// Since when Redis is known to have lost nothing.
    pub epoch_began: Timestamp,
}

impl People {
    /// Entries whose leases last `lease` after each step.
    #[must_use]
    pub fn new(store: Store, lease: Duration) -> Self {
        Self { store, lease }
    }

    /// Returns the person of a handle, or the lease to search for it.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn claim(&self, handle: &HandleKey, owner: &str) -> Result<PersonClaim, RedisError> {
        let keys = self.keys(handle);
        let epoch = self.store.epoch()?;
        let mut call = CLAIM_PERSON.prepare_invoke();
        call.key(&keys[0])
            .key(&keys[1])
            .key(self.store.key("epoch"))
            .key(self.former_key(handle))
            .arg(owner)
            .arg(ms(self.lease))
            .arg(ms(self.store.settings().person_ttl))
            .arg(&epoch.id)
            .arg(SCHEMA);
        let answer: Vec<String> = call.invoke_async(&mut self.store.connection()?).await?;
        Ok(match answer.first().map(String::as_str) {
            Some("known") => PersonClaim::Known(PersonId(answer[1].parse().unwrap_or_default())),
            Some("granted") => PersonClaim::Granted(PersonLease {
                store: self.store.clone(),
                keys,
                owner: owner.to_owned(),
                fencing_token: answer[1].clone(),
                duration: self.lease,
                intent: parse_intent(&answer[2]),
                epoch_began: epoch.since,
            }),
            Some("epoch") => PersonClaim::EpochChanged,
            Some("newer") => PersonClaim::Newer(answer[1].parse().unwrap_or(i64::MAX)),
            Some("busy") => PersonClaim::Busy,
            other => {
                return Err(unknown_verdict(
                    "claim_person.lua",
                    other.unwrap_or_default(),
                ));
            }
        })
    }

    /// Deletes `person`, which turned out not to have the handle, or not to exist. Another person may have the handle
    /// since `since` without being in the search yet: an intent of that time is stored instead. A person that another
    /// worker stored meanwhile is kept.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn forget(
        &self,
        handle: &HandleKey,
        person: PersonId,
        since: Timestamp,
    ) -> Result<(), RedisError> {
        let [key, _] = self.keys(handle);
        let mut call = FORGET_PERSON.prepare_invoke();
        call.key(key)
            .arg(person.0)
            .arg(format!("intent:gone:{}", since.as_millisecond()));
        call.invoke_async(&mut self.store.connection()?).await
    }

    /// Name of the entry that was written before there was a key for hashes.
    fn former_key(&self, handle: &HandleKey) -> String {
        let [entry, _] = handle.names(&HandleHasher::new(None));
        self.store.key(&entry)
    }

    fn keys(&self, handle: &HandleKey) -> [String; 2] {
        let names = handle.names(self.store.hasher());
        names.map(|name| self.store.key(&name))
    }
}

impl PersonLease {
    /// Stores that the person is about to be created, by a request that ends by `latest_end`.
    ///
    /// # Errors
    ///
    /// When the lease is lost, or Redis does not answer: then nothing may be sent.
    pub async fn intend(&self, latest_end: Timestamp) -> Result<(), LeaseError> {
        self.step(&[("intent", &self.note(latest_end))], self.duration)
            .await
    }

    /// Stores the person, and ends the lease.
    ///
    /// # Errors
    ///
    /// When the lease is lost, or Redis does not answer.
    pub async fn remember(self, person: PersonId) -> Result<(), LeaseError> {
        self.step(
            &[("id", &person.to_string()), ("intent", "")],
            Duration::ZERO,
        )
        .await
    }

    /// Restores the intent that was stored when the lease was granted: this attempt created no person.
    ///
    /// # Errors
    ///
    /// When the lease is lost, or Redis does not answer.
    pub async fn restore(&self) -> Result<(), LeaseError> {
        let intent = self.intent.map(|at| self.note(at)).unwrap_or_default();
        self.step(&[("intent", &intent)], self.duration).await
    }

    fn note(&self, at: Timestamp) -> String {
        format!("intent:{}:{}", self.fencing_token, at.as_millisecond())
    }

    /// Deletes an intent, because several people have the handle and none is created. Ends the lease.
    ///
    /// # Errors
    ///
    /// When the lease is lost, or Redis does not answer.
    pub async fn withdraw(self) -> Result<(), LeaseError> {
        self.step(&[("intent", "")], Duration::ZERO).await
    }

    /// Prolongs the lease.
    ///
    /// # Errors
    ///
    /// When the lease is lost, or Redis does not answer.
    pub async fn renew(&self) -> Result<(), LeaseError> {
        self.step(&[], self.duration).await
    }

    /// Ends the lease; an intent stays stored.
    ///
    /// # Errors
    ///
    /// When the lease is lost, or Redis does not answer.
    pub async fn release(self) -> Result<(), LeaseError> {
        self.step(&[], Duration::ZERO).await
    }

    async fn step(&self, fields: &[(&str, &str)], lease: Duration) -> Result<(), LeaseError> {
        let ttl = self.store.settings().person_ttl;
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
