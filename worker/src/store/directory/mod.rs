//! The directory of Pipedrive's people in Redis: handle → people, person → handles, organisation, owner.
//!
//! | Key | Holds |
//! |---|---|
//! | `{directory}:state` | how far it is: [`DirectoryState`] |
//! | `{directory}:h:<n>` | records of 16 bytes, hashed handle and person, of those whose hash begins with the 12 bits `n` |
//! | `{directory}:p:<n>` | hash of the entries of 64 people |
//! | `{directory}:building`, `{directory}:polling` | the locks of those who fill it and who read changes |
//! | `{directory}:spent:<day>` | tokens that filling it and keeping it fresh cost |
//!
//! Entries and records are packed, since one key for each person would need five times the memory.

mod entry;
mod state;

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;
use std::time::Duration;

use pipedrive::PersonId;
use redis::{RedisError, Script};
use shared::config;
use shared::domain::phone::Region;
use uuid::Uuid;

pub(crate) use self::entry::Entry;
use self::entry::{WORD, bucket_of, person_at, place};
pub(crate) use self::state::{DirectoryState, at};
use super::connection::{Store, info_field};
use super::handle::HandleHasher;
use super::script::ms;

macro_rules! script {
    ($file:literal) => {
        LazyLock::new(|| {
            Script::new(concat!(
                include_str!("../scripts/directory_entries.lua"),
                include_str!(concat!("../scripts/", $file))
            ))
        })
    };
}

/// `scripts/directory_put.lua`, hashed once.
static PUT: LazyLock<Script> = script!("directory_put.lua");
/// `scripts/directory_sweep.lua`, hashed once.
static SWEEP: LazyLock<Script> = script!("directory_sweep.lua");
/// `scripts/directory_progress.lua`, hashed once.
static PROGRESS: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../scripts/directory_progress.lua")));
/// `scripts/directory_release.lua`, hashed once.
static RELEASE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../scripts/directory_release.lua")));

/// Changes with the form of entries and with how numbers are read.
const FORMAT: u32 = 1;
/// Longer than a page takes with its waits: a builder that is silent for so long is dead.
const LOCK: Duration = Duration::from_secs(60);
/// Number of buckets of handles.
const HANDLE_BUCKETS: u64 = 4096;
/// Keys or buckets that one command works on: Redis serves no other client meanwhile.
const AT_ONCE: u64 = 256;
/// People that one script puts in place.
const PEOPLE_AT_ONCE: usize = 100;
/// The day's counter outlives its day.
const DAY_TTL: Duration = Duration::from_secs(2 * 86_400);
const DAY: i64 = 86_400;

/// The directory in Redis.
#[derive(Clone, Debug)]
pub(crate) struct DirectoryStore {
    store: Store,
    hasher: HandleHasher,
    format: String,
    daily_reset: config::ClockTime,
}

/// What a lock keeps others from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Filling the directory by a full pass.
    Building,
    /// Reads what changed.
    Polling,
}

/// The right to do a work. It ends by itself.
#[derive(Debug)]
pub(crate) struct WorkLock {
    key: String,
    owner: String,
}

/// Memory of Redis, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Bytes in use.
    pub used: u64,
    /// The limit; 0 for none.
    pub limit: u64,
}

impl DirectoryStore {
    /// The directory of an installation. It is built anew with another region or key: the hashes are others.
    pub fn new(store: Store, region: Option<Region>, daily_reset: config::ClockTime) -> Self {
        let hasher = store.hasher().clone();
        let region = region.map_or_else(|| "-".to_owned(), |region| region.to_string());
        let key = hasher.name("directory");
        Self {
            format: format!("{FORMAT}/{region}/{}", &key[..16]),
            store,
            hasher,
            daily_reset,
        }
    }

    /// The hash of a handle.
    pub fn hash(&self, handle: &str) -> [u8; WORD] {
        self.hasher.short(handle)
    }

    /// How far it is.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn state(&self) -> Result<DirectoryState, RedisError> {
        let fields: HashMap<String, String> = redis::cmd("HGETALL")
            .arg(self.key("state"))
            .query_async(&mut self.store.connection()?)
            .await?;
        Ok(DirectoryState::parse(&fields, &self.format))
    }

    /// The people of any of `handles`; `None` where the directory is not complete.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn people_of(
        &self,
        handles: &[[u8; WORD]],
    ) -> Result<Option<BTreeSet<PersonId>>, RedisError> {
        let mut pipe = redis::pipe();
        pipe.atomic()
            .hmget(self.key("state"), &["format", "complete_since"]);
        let keys: Vec<String> = handles
            .iter()
            .map(|handle| self.key(&format!("h:{}", bucket_of(*handle))))
            .collect();
        pipe.mget(&keys[..]);
        let (state, records): ([Option<String>; 2], Vec<Option<Vec<u8>>>) =
            pipe.query_async(&mut self.store.connection()?).await?;
        let [format, complete_since] = state;
        if format.as_ref() != Some(&self.format) || complete_since.is_none() {
            return Ok(None);
        }
        let mut people = BTreeSet::new();
        for (handle, records) in handles.iter().zip(records) {
            let records = records.unwrap_or_default();
            let records = records
                .chunks_exact(2 * WORD)
                .map(|record| record.split_at(WORD));
            let theirs = records.filter(|(known, _)| known == handle);
            people.extend(
                theirs
                    .filter_map(|(_, id)| Some(PersonId(u64::from_be_bytes(id.try_into().ok()?)))),
            );
        }
        Ok(Some(people))
    }

    /// Puts people in place. Returns how many were not known so; `None` where the directory is another's by now.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn put(&self, entries: &[Entry], pass: u16) -> Result<Option<u64>, RedisError> {
        let mut changed = 0;
        for entries in entries.chunks(PEOPLE_AT_ONCE) {
            let entries = entries.iter().map(|entry| (entry.id, entry.encode(pass)));
            match self.replace(entries).await? {
                Some(more) => changed += more,
                None => return Ok(None),
            }
        }
        Ok(Some(changed))
    }

    /// Takes people out who are deleted.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn remove(&self, people: &[PersonId]) -> Result<(), RedisError> {
        self.replace(people.iter().map(|id| (*id, Vec::new())))
            .await?;
        Ok(())
    }

    async fn replace(
        &self,
        entries: impl Iterator<Item = (PersonId, Vec<u8>)>,
    ) -> Result<Option<u64>, RedisError> {
        let mut call = PUT.prepare_invoke();
        call.key(self.key(""))
            .key(self.key("state"))
            .arg(&self.format);
        for (id, entry) in entries {
            let (bucket, field) = place(id);
            call.arg(bucket)
                .arg(field)
                .arg(&id.0.to_be_bytes()[..])
                .arg(entry);
        }
        let changed: i64 = call.invoke_async(&mut self.store.connection()?).await?;
        Ok(u64::try_from(changed).ok())
    }

    /// Removes those that the full pass did not meet. Returns how many.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn sweep(&self, pass: u16, highest: PersonId) -> Result<u64, RedisError> {
        let (last, _) = place(highest);
        let mut removed = 0;
        for first in (0..=last).step_by(usize::try_from(AT_ONCE).unwrap_or(1)) {
            let mut call = SWEEP.prepare_invoke();
            call.key(self.key("")).key(self.key("state"));
            call.arg(&self.format)
                .arg(pass)
                .arg(first)
                .arg((first + AT_ONCE - 1).min(last));
            let swept: i64 = call.invoke_async(&mut self.store.connection()?).await?;
            removed += u64::try_from(swept).unwrap_or(0);
        }
        Ok(removed)
    }

    /// The entries of the people of some ids, to compare them.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn entries(&self, people: &[PersonId]) -> Result<Vec<Option<Entry>>, RedisError> {
        let mut pipe = redis::pipe();
        for id in people {
            let (bucket, field) = place(*id);
            pipe.hget(self.key(&format!("p:{bucket}")), field);
        }
        let found: Vec<Option<Vec<u8>>> = pipe.query_async(&mut self.store.connection()?).await?;
        let entries = people.iter().zip(found);
        Ok(entries
            .map(|(id, bytes)| Entry::decode(*id, &bytes?))
            .collect())
    }

    /// Everybody who is in it.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn everybody(&self, highest: PersonId) -> Result<BTreeSet<PersonId>, RedisError> {
        let (last, _) = place(highest);
        let mut people = BTreeSet::new();
        for bucket in 0..=last {
            let fields: Vec<u64> = redis::cmd("HKEYS")
                .arg(self.key(&format!("p:{bucket}")))
                .query_async(&mut self.store.connection()?)
                .await?;
            people.extend(fields.into_iter().map(|field| person_at(bucket, field)));
        }
        Ok(people)
    }

    /// Empties the directory for its first pass: what is there is of another form, key or region.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn clear(&self, highest: PersonId) -> Result<(), RedisError> {
        let mut connection = self.store.connection()?;
        let known: Option<u64> = redis::cmd("HGET")
            .arg(self.key("state"))
            .arg("highest")
            .query_async(&mut connection)
            .await?;
        let (last, _) = place(PersonId(highest.0.max(known.unwrap_or(0))));
        let () = redis::cmd("DEL")
            .arg(self.key("state"))
            .query_async(&mut connection)
            .await?;
        for (kind, end) in [("h", HANDLE_BUCKETS), ("p", last + 1)] {
            for first in (0..end).step_by(usize::try_from(AT_ONCE).unwrap_or(1)) {
                let buckets = first..(first + AT_ONCE).min(end);
                let keys = buckets.map(|bucket| self.key(&format!("{kind}:{bucket}")));
                let () = redis::cmd("UNLINK")
                    .arg(keys.collect::<Vec<_>>())
                    .query_async(&mut connection)
                    .await?;
            }
        }
        Ok(())
    }

    /// The right to do a work, unless another has it.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn lock(&self, work: Work) -> Result<Option<WorkLock>, RedisError> {
        let name = match work {
            Work::Building => "building",
            Work::Polling => "polling",
        };
        let (key, owner) = (self.key(name), Uuid::new_v4().simple().to_string());
        let granted: Option<String> = redis::cmd("SET")
            .arg(&key)
            .arg(&owner)
            .arg("NX")
            .arg("PX")
            .arg(ms(LOCK))
            .query_async(&mut self.store.connection()?)
            .await?;
        Ok(granted.map(|_| WorkLock { key, owner }))
    }

    /// Notes progress under a lock. `false`: the lock is lost, and another goes on.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn note(
        &self,
        lock: &WorkLock,
        fields: &[(&str, String)],
    ) -> Result<bool, RedisError> {
        let mut call = PROGRESS.prepare_invoke();
        call.key(&lock.key).key(self.key("state"));
        call.arg(&lock.owner).arg(ms(LOCK));
        for (name, value) in fields {
            call.arg(*name).arg(value);
        }
        let is_ours: u8 = call.invoke_async(&mut self.store.connection()?).await?;
        Ok(is_ours == 1)
    }

    /// Gives a lock back.
    ///
    /// # Errors
    ///
    /// When Redis does not answer; the lock then ends by itself.
    pub async fn release(&self, lock: WorkLock) -> Result<(), RedisError> {
        RELEASE
            .prepare_invoke()
            .key(lock.key)
            .arg(lock.owner)
            .invoke_async(&mut self.store.connection()?)
            .await
    }

    /// The value of the field `format`: a pass writes it when it begins.
    pub fn format(&self) -> &str {
        &self.format
    }

    /// Counts tokens of the day's share.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn spend(&self, tokens: u64) -> Result<(), RedisError> {
        let key = self.day_key();
        redis::pipe()
            .atomic()
            .incr(&key, tokens)
            .ignore()
            .pexpire(&key, i64::try_from(ms(DAY_TTL)).unwrap_or(i64::MAX))
            .ignore()
            .query_async(&mut self.store.connection()?)
            .await
    }

    /// What was spent of the day's share.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn spent_today(&self) -> Result<u64, RedisError> {
        let spent: Option<u64> = redis::cmd("GET")
            .arg(self.day_key())
            .query_async(&mut self.store.connection()?)
            .await?;
        Ok(spent.unwrap_or(0))
    }

    /// The memory of Redis.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn memory(&self) -> Result<Memory, RedisError> {
        let info: String = redis::cmd("INFO")
            .arg("memory")
            .query_async(&mut self.store.connection()?)
            .await?;
        let bytes = |name| info_field(&info, name).and_then(|bytes| bytes.parse().ok());
        Ok(Memory {
            used: bytes("used_memory").unwrap_or(0),
            limit: bytes("maxmemory").unwrap_or(0),
        })
    }

    fn day_key(&self) -> String {
        let seconds = shared::clock::now().as_second() - i64::from(self.daily_reset.seconds);
        self.key(&format!("spent:{}", seconds.div_euclid(DAY)))
    }

    /// All keys lie in one slot of a cluster: scripts touch several.
    fn key(&self, name: &str) -> String {
        self.store.key(&format!("{{directory}}:{name}"))
    }
}
