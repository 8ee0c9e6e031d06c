//! The directory of Pipedrive's people: who has a number, whatever Pipedrive's search makes of it; and which open deals
//! they have.
//!
//! It is an index that may be wrong about each person and never about who is missing: whoever it brings up is read before
//! anything is attached, and before a person is created the latest changes are read. `store::directory` is its form in
//! Redis, [`plan`] decides what is done, [`pass`] and [`poll`] do it, [`sync`] is the task.

mod deals;
mod pages;
mod pass;
mod plan;
mod poll;
pub(crate) mod report;
pub(crate) mod sync;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use pipedrive::{Client, Person, PersonId, PipedriveError};
use redis::RedisError;
use shared::clock;
use shared::config;
use shared::domain::phone::{self, Region};
use tokio::sync::Mutex;

use crate::failure::Failure;
use crate::metrics as names;
use crate::person::handle::Handle;
use crate::store::{
    DirectoryStore, Entry, Purse, Store, TokenBucket, TokenBucketSettings, smallest_plan,
};

/// The directory; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    client: Client,
    store: DirectoryStore,
    region: Option<Region>,
    settings: config::Directory,
    bucket: TokenBucket,
    daily_reset: config::ClockTime,
    /// Whether open deals are known, too.
    with_deals: bool,
    /// Those of this worker who wait for one poll; when the last one began that stopped before the end.
    waiting: Arc<Mutex<Option<Timestamp>>>,
}

/// Who has a handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    /// These people may have it, and no others had it when changes were read last.
    Complete(BTreeSet<PersonId>),
    /// The directory is not filled, lost, or of another form: the search serves.
    Incomplete,
}

/// Whether the directory knows what changed until a moment ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Who is not in it is not in Pipedrive's list.
    Fresh,
    /// Too much changed, or it is not complete: the search serves.
    Behind,
}

impl Directory {
    /// The directory of an installation; `None` where it is off.
    pub fn new(settings: &config::Settings, store: &Store, client: Client) -> Option<Self> {
        match settings.directory.mode {
            config::DirectoryMode::Off => None,
            config::DirectoryMode::On => Some(Self::of(settings, store, client)),
        }
    }

    /// The directory of an installation, also where it is off.
    pub fn of(settings: &config::Settings, store: &Store, client: Client) -> Self {
        let region = settings.phone.default_region;
        let daily_reset = settings.pipedrive.daily_reset;
        Self {
            client,
            store: DirectoryStore::new(store.clone(), region, daily_reset),
            region,
            settings: settings.directory.clone(),
            bucket: TokenBucket::new(store.clone(), TokenBucketSettings::of(&settings.pipedrive)),
            daily_reset,
            with_deals: settings.pipedrive.link_open_deal,
            waiting: Arc::default(),
        }
    }

    /// The people who may have a handle.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn lookup(&self, handle: &Handle) -> Result<Lookup, RedisError> {
        let keys = match handle {
            Handle::Number(number) => phone::wanted_keys(number).to_vec(),
            Handle::Email(address) => vec![email_key(address)],
        };
        let handles: Vec<_> = keys.iter().map(|key| self.store.hash(key)).collect();
        let people = self.store.people_of(&handles).await?;
        let answer = match &people {
            None => "incomplete",
            Some(people) if people.is_empty() => "none",
            Some(_) => "found",
        };
        metrics::counter!(names::DIRECTORY_LOOKUPS, "answer" => answer).increment(1);
        Ok(people.map_or(Lookup::Incomplete, Lookup::Complete))
    }

    /// Whether the search is asked where the directory knows no person.
    pub fn searches_unknown(&self) -> bool {
        self.settings.search_unknown
    }

    /// Enters a person who was just created. A crash before it loses nothing: the next poll lists the person.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn enter(&self, person: &Person) -> Result<(), RedisError> {
        let state = self.store.state().await?;
        self.store.put(&[self.entry(person)], state.pass).await?;
        Ok(())
    }

    /// Takes a person out who is gone.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn forget(&self, person: PersonId) -> Result<(), RedisError> {
        self.store.remove(&[person]).await
    }

    /// Puts one page of a list in place. Returns how many people were not known so; `None`: the directory is of another
    /// form by now.
    async fn put(&self, people: &[Person], pass: u16) -> Result<Option<u64>, RedisError> {
        let (gone, present): (Vec<&Person>, Vec<&Person>) =
            people.iter().partition(|person| person.is_deleted);
        let gone: Vec<PersonId> = gone.into_iter().map(|person| person.id).collect();
        if !gone.is_empty() {
            self.store.remove(&gone).await?;
        }
        let entries: Vec<Entry> = present
            .into_iter()
            .map(|person| self.entry(person))
            .collect();
        self.store.put(&entries, pass).await
    }

    fn entry(&self, person: &Person) -> Entry {
        let phones: Vec<&str> = person.phones.iter().map(|phone| &*phone.value).collect();
        let phones = phone::stored_keys(&phones, self.region);
        let emails = person.emails.iter().map(|email| email_key(&email.value));
        let handles = phones.into_iter().chain(emails);
        // Without a time, whatever is listed later is newer.
        let updated = updated(person).map_or(0, Timestamp::as_second);
        Entry {
            id: person.id,
            updated: u32::try_from(updated).unwrap_or(0),
            handles: handles.map(|handle| self.store.hash(&handle)).collect(),
            organization: person.org_id,
            owner: person.owner_id,
        }
    }

    async fn limits(&self) -> Result<plan::Limits, RedisError> {
        let share = self.share().await?;
        let spent = self.spent().await?;
        Ok(plan::Limits {
            share,
            spent: plan::counted(spent.background, spent.at_once, share),
            until_reset: self.until_reset(),
            full_pass: self.settings.full_pass,
            longest_interval: self.settings.longest_interval,
            memory: self.store.memory().await?,
            with_deals: self.with_deals,
        })
    }

    async fn spent(&self) -> Result<Spent, RedisError> {
        Ok(Spent {
            background: self.store.spent_today(Purse::Background).await?,
            at_once: self.store.spent_today(Purse::AtOnce).await?,
        })
    }

    /// Tokens of a day that the directory may take: of ours, or of the smallest plan while Pipedrive named no limit.
    async fn share(&self) -> Result<u64, RedisError> {
        let tokens = smallest_plan(self.bucket.today().await?.tokens());
        Ok(plan::share(tokens, self.settings.daily_share))
    }

    fn until_reset(&self) -> Duration {
        const DAY: i64 = 86_400;
        let now = clock::now().as_second() - i64::from(self.daily_reset.seconds);
        Duration::from_secs(u64::try_from(DAY - now.rem_euclid(DAY)).unwrap_or(1))
    }
}

/// The key of an e-mail address, which differs from every number's.
fn email_key(address: &str) -> String {
    format!("mailto:{}", address.trim().to_lowercase())
}

/// When a person changed last, as Pipedrive says.
fn updated(person: &Person) -> Option<Timestamp> {
    person.update_time.as_ref()?.parse().ok()
}

/// The latest change on a page, or `before`.
fn latest(people: &[Person], before: Option<Timestamp>) -> Option<Timestamp> {
    people.iter().filter_map(updated).chain(before).max()
}

/// Counts the tokens of a page.
fn count_tokens(why: &'static str) {
    metrics::counter!(names::DIRECTORY_TOKENS, "for" => why).increment(plan::PAGE_TOKENS);
}

/// Tokens that were spent today.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    /// On listings and polls in the background.
    pub background: u64,
    /// On polls before a create.
    pub at_once: u64,
}

/// Whether Pipedrive refused a request: a cursor that has expired, or a list that the user may not read.
fn is_refusal(error: &Failure) -> bool {
    matches!(
        error,
        Failure::Pipedrive(
            PipedriveError::Rejected { .. }
                | PipedriveError::Forbidden { .. }
                | PipedriveError::ScopeMissing { .. }
                | PipedriveError::NotFound { .. }
        )
    )
}
