//! The directory of Pipedrive's people in Redis: handle → people, person → handles, organisation, owner.
//!
//! | Key | Holds |
//! |---|---|
//! | `{directory}:state` | how far it is: [`DirectoryState`] |
//! | `{directory}:h:<n>` | records of 16 bytes, hashed handle and person, of those whose hash begins with the 12 bits `n` |
//! | `{directory}:p:<n>` | hash of the entries of 64 people |
//! | `{directory}:d:<n>` | hash of the open deals of those of 64 people who have any |
//! | `{directory}:building`, `{directory}:polling` | the locks of those who fill it and who read changes |
//! | `{directory}:spent:<day>` | tokens that filling it and keeping it fresh cost |
//! | `{directory}:at_once:<day>` | tokens that polls before a create cost |
//!
//! Entries and records are packed, since one key for each person would need five times the memory.

mod deals;
mod entry;
mod lock;
mod purse;
mod state;

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use pipedrive::PersonId;
use redis::{RedisError, Script};
use shared::config;
use shared::domain::phone::Region;

pub(crate) use self::entry::Entry;
use self::entry::{WORD, bucket_of, person_at, place};
pub(crate) use self::lock::{Holder, Work, WorkLock};
pub(crate) use self::purse::Purse;
#[cfg(test)]
pub(crate) use self::state::{Deals as DirectoryDeals, Polls};
pub(crate) use self::state::{DirectoryState, Kind, StoppedPoll, at};
use super::connection::Store;
use super::handle::HandleHasher;
use super::memory::Memory;
use crate::process;

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
/// `scripts/directory_absent.lua`, hashed once.
static ABSENT: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../scripts/directory_absent.lua")));

/// Changes with the form of entries and with how numbers are read.
const FORMAT: u32 = 1;
/// Number of buckets of handles.
const HANDLE_BUCKETS: u64 = 4096;
/// Keys or buckets that one command works on: Redis serves no other client meanwhile.
const AT_ONCE: u64 = 256;
/// Absent people that one request can name.
const ABSENT_AT_ONCE: usize = 100;
/// People that one script puts in place.
const PEOPLE_AT_ONCE: usize = 100;

/// The directory in Redis.
#[derive(Clone, Debug)]
pub(crate) struct DirectoryStore {
    store: Store,
    hasher: HandleHasher,
    format: String,
    daily_reset: config::ClockTime,
    /// This process, as others read it.
    owner: String,
}

impl DirectoryStore {
    /// The directory of an installation. It is built anew with another region or key: the hashes are others.
    pub fn new(store: Store, region: Option<Region>, daily_reset: config::ClockTime) -> Self {
        let hasher = store.hasher().clone();
        let region = region.map_or_else(|| "-".to_owned(), |region| region.to_string());
        let key = hasher.name("directory");
        Self {
            format: format!("{FORMAT}/{region}/{}", &key[..16]),
            owner: format!("process {} on {}", std::process::id(), process::hostname()),
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

    /// People that the full pass did not meet, from one bucket on: those of the first few buckets that have
    /// any, and the bucket from which on the next ones are. An empty list: there are no more.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn absent(
        &self,
        pass: u16,
        from: u64,
        highest: PersonId,
    ) -> Result<(Vec<PersonId>, u64), RedisError> {
        let (last, _) = place(highest);
        for first in (from..=last).step_by(usize::try_from(AT_ONCE).unwrap_or(1)) {
            let mut call = ABSENT.prepare_invoke();
            call.key(self.key("")).key(self.key("state"));
            call.arg(&self.format)
                .arg(pass)
                .arg(first)
                .arg((first + AT_ONCE - 1).min(last))
                .arg(ABSENT_AT_ONCE);
            let ids: Vec<u64> = call.invoke_async(&mut self.store.connection()?).await?;
            if !ids.is_empty() {
                return Ok((ids.into_iter().map(PersonId).collect(), first));
            }
        }
        Ok((Vec::new(), last))
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
        for (kind, end) in [("h", HANDLE_BUCKETS), ("p", last + 1), ("d", last + 1)] {
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

    /// The value of the field `format`: a pass writes it when it begins.
    pub fn format(&self) -> &str {
        &self.format
    }

    /// The memory of Redis.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn memory(&self) -> Result<Memory, RedisError> {
        self.store.memory().await
    }

    /// All keys lie in one slot of a cluster: scripts touch several.
    fn key(&self, name: &str) -> String {
        self.store.key(&format!("{{directory}}:{name}"))
    }
}
