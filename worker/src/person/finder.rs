//! Finds the person of a number, or creates it once.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pipedrive::{Client, NewPerson, Person, PersonId, Phone, PipedriveError};
use shared::backoff;
use shared::clock;
use shared::domain::phone::{self, Comparison, E164, Region};
use shared::fail_point::{self, FailPoint};

use crate::effect::once::{Intent, once};
use crate::effect::timing::{Timing, surely_before, wait_since};
use crate::failure::Failure;
use crate::metrics::PEOPLE_CREATED;
use crate::person::attachment::Attachment;
use crate::person::directory::Directory;
use crate::person::matching::{self, Candidate, PersonMatch};
use crate::store::{LeaseError, People, PersonClaim, PersonLease};
use crate::text::one_line;

/// Number and first length of the waits for a number that another delivery searches for.
const BUSY_TRIES: usize = 5;
const BUSY_PAUSE: Duration = Duration::from_millis(100);
/// From so many holders on, a number is ambiguous.
const SHARED_BY: usize = 2;
/// So many who may have a number are looked at; the rest is taken as it was found.
const UNDECIDED_LOOKED_AT: usize = 3;

/// What is done where nobody has the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenUnknown<'n> {
    /// A person is created, named so, or by the number.
    Create {
        /// The name, if one is known.
        name: Option<&'n str>,
    },
    /// Nobody is created: the number is not certain enough.
    Leave,
}

/// Finds people by number.
#[derive(Clone, Debug)]
pub struct PersonFinder {
    /// Pipedrive client.
    pub client: Client,
    /// The directory of all people; `None` where it is off.
    pub directory: Option<Directory>,
    /// People by number, in Redis.
    pub people: People,
    /// Region of stored numbers that have no country code.
    pub region: Option<Region>,
    /// Whether a number is searched in its international form too.
    pub search_international: bool,
    /// How long requests take in Pipedrive.
    pub timing: Timing,
}

impl PersonFinder {
    /// The person who has `number`; no person where several have it, or may have it; where none has it, what
    /// `when_unknown` says.
    ///
    /// # Errors
    ///
    /// When the search fails, or its result is not certain yet. A failed search never counts as "no person".
    pub async fn find(
        &self,
        number: &E164,
        when_unknown: WhenUnknown<'_>,
        owner: &str,
    ) -> Result<Attachment, Failure> {
        let mut pauses = backoff::pauses(BUSY_PAUSE, BUSY_TRIES);
        loop {
            match self.people.claim(number, owner).await? {
                PersonClaim::Known(person) => {
                    fail_point::reach(FailPoint::PersonRecalled).await;
                    if self.still_has(person, number).await? {
                        return Ok(Attachment::Person(person));
                    }
                    self.people
                        .forget(number, person, self.unknown_since())
                        .await?;
                }
                PersonClaim::EpochChanged => return Err(Failure::EpochChanged),
                PersonClaim::Newer(schema) => {
                    let what = "record in Redis";
                    return Err(Failure::NewerSchema { what, schema });
                }
                PersonClaim::Busy => match pauses.next() {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(Failure::Busy),
                },
                PersonClaim::Granted(lease) => {
                    return self.find_or_create(lease, number, when_unknown).await;
                }
            }
        }
    }

    /// Reads the person for one token: since it was stored or indexed it may have been merged, or its number changed.
    async fn still_has(&self, person: PersonId, number: &E164) -> Result<bool, Failure> {
        Ok(self.compare_now(person, number).await? == Comparison::Same)
    }

    async fn compare_now(&self, person: PersonId, number: &E164) -> Result<Comparison, Failure> {
        match self.client.person(person).await {
            Ok(person) if person.is_deleted => Ok(Comparison::Different),
            Ok(person) => Ok(phone::compare(&values(person.phones), number, self.region)),
            Err(PipedriveError::NotFound { .. }) => Ok(Comparison::Different),
            Err(error) => Err(error.into()),
        }
    }

    /// Since when a person may have taken the number over without being in the search yet. No request of ours is in
    /// flight: there is nothing to wait for.
    fn unknown_since(&self) -> Timestamp {
        let now = clock::now();
        let lag = self.timing.search_lag.max(self.timing.settle_time);
        now.checked_sub(lag).unwrap_or(now)
    }

    /// Searches, creates where needed, and ends the lease.
    async fn find_or_create(
        &self,
        lease: PersonLease,
        number: &E164,
        when_unknown: WhenUnknown<'_>,
    ) -> Result<Attachment, Failure> {
        let attachment = match self.attachment(&lease, number, when_unknown).await {
            Ok(attachment) => attachment,
            Err(failure) => {
                // The lease would expire by itself; ending it now spares other deliveries the wait.
                release(lease).await;
                return Err(failure);
            }
        };
        match &attachment {
            Attachment::Person(person) => lease.remember(*person).await?,
            Attachment::NewPerson(person) => {
                lease.remember(*person).await?;
                fail_point::reach(FailPoint::PersonRemembered).await;
                self.enter(*person, number).await;
                metrics::counter!(PEOPLE_CREATED).increment(1);
                tracing::info!(person.id = %person, "Created person {person}");
            }
            Attachment::Shared(_) => lease.withdraw().await?,
            // An intent stays: an older call may have created a person that the search does not show yet.
            Attachment::Undecided(_) | Attachment::Nobody => lease.release().await?,
        }
        Ok(attachment)
    }

    async fn attachment(
        &self,
        lease: &PersonLease,
        number: &E164,
        when_unknown: WhenUnknown<'_>,
    ) -> Result<Attachment, Failure> {
        let recent = match lease.intent {
            Some(intent) => {
                wait_since(intent, self.timing.settle_time)?;
                self.changed_since(intent).await?
            }
            None => Vec::new(),
        };
        let mut found = match self.find_indexed(lease, number, &recent).await? {
            Some(found) => found,
            None => self.search(lease, number, &recent).await?,
        };
        if matches!(found, PersonMatch::Unknown | PersonMatch::Undecided(_)) {
            fail_point::reach(FailPoint::PersonSearched).await;
            let forgotten = self.find_forgotten(lease.epoch_began, number).await?;
            if forgotten != PersonMatch::Unknown {
                found = forgotten;
            }
        }
        Ok(match found {
            PersonMatch::One(person) => Attachment::Person(person),
            PersonMatch::Ambiguous(people) => Attachment::Shared(people),
            PersonMatch::Undecided(people) => Attachment::Undecided(people),
            PersonMatch::Unknown => match when_unknown {
                WhenUnknown::Create { name } => {
                    Attachment::NewPerson(self.create(lease, number, name).await?)
                }
                WhenUnknown::Leave => Attachment::Nobody,
            },
        })
    }

    /// Finds a person that was created just before Redis lost its data: not stored, and not in the search yet.
    async fn find_forgotten(
        &self,
        epoch_began: Timestamp,
        number: &E164,
    ) -> Result<PersonMatch, Failure> {
        let in_doubt = self.timing.in_flight() + self.timing.search_lag;
        if wait_since(epoch_began, in_doubt).is_ok() {
            return Ok(PersonMatch::Unknown);
        }
        wait_since(epoch_began, self.timing.in_flight())?;
        let since = SignedDuration::try_from(in_doubt).ok();
        let since = since.and_then(|span| epoch_began.checked_sub(span).ok());
        let recent = self.changed_since(since.unwrap_or(epoch_began)).await?;
        Ok(PersonMatch::of(self.holders(&recent, number)))
    }

    /// Searches, and adds `recent` people that the search may not show yet. The search may also show people that were
    /// deleted, or whose number changed: each hit is read.
    async fn search(
        &self,
        lease: &PersonLease,
        number: &E164,
        recent: &[Candidate],
    ) -> Result<PersonMatch, Failure> {
        let mut found = self.holders(recent, number);
        let mut undecided = self.undecided(recent, number);
        let mut is_listed = lease
            .intent
            .is_some_and(|since| since <= self.unknown_since());
        for term in matching::search_terms(number, self.search_international) {
            lease.renew().await?;
            let hits = self.client.search_by_phone(&term).await?;
            let hits: Vec<Candidate> = hits.into_iter().map(Candidate::from).collect();
            undecided.extend(self.undecided(&hits, number));
            let hits = self.holders(&hits, number);
            let is_stale = self.verify(lease, number, hits, &mut found).await?;
            if is_stale && !is_listed {
                // The search may not show the person who took the number over either.
                let recent = self.changed_since(self.unknown_since()).await?;
                found.extend(self.holders(&recent, number));
                undecided.extend(self.undecided(&recent, number));
                is_listed = true;
            }
            if !found.is_empty() {
                return Ok(PersonMatch::of(found));
            }
        }
        self.decide(lease, number, undecided).await
    }

    /// What it means that nobody surely has the number, and `undecided` may have it. 1 token each, for the first ones.
    async fn decide(
        &self,
        lease: &PersonLease,
        number: &E164,
        undecided: BTreeSet<PersonId>,
    ) -> Result<PersonMatch, Failure> {
        let mut found = BTreeSet::new();
        let mut still_undecided = Vec::new();
        for (position, person) in undecided.into_iter().enumerate() {
            let compared = if position < UNDECIDED_LOOKED_AT {
                lease.renew().await?;
                self.compare_now(person, number).await?
            } else {
                Comparison::Undecidable
            };
            match compared {
                Comparison::Same => {
                    found.insert(person);
                }
                Comparison::Undecidable => still_undecided.push(person),
                Comparison::Different => {}
            }
        }
        if found.is_empty() && !still_undecided.is_empty() {
            return Ok(PersonMatch::Undecided(still_undecided));
        }
        Ok(PersonMatch::of(found))
    }

    /// Adds those of `hits` to `found` who still have the number, and returns whether there are others. Costs one token
    /// each until two have it: that is enough to attach to none, and the rest is taken as found.
    async fn verify(
        &self,
        lease: &PersonLease,
        number: &E164,
        hits: BTreeSet<PersonId>,
        found: &mut BTreeSet<PersonId>,
    ) -> Result<bool, Failure> {
        let mut is_stale = false;
        for hit in hits {
            if found.len() < SHARED_BY && !found.contains(&hit) {
                lease.renew().await?;
                if !self.still_has(hit, number).await? {
                    is_stale = true;
                    continue;
                }
            }
            found.insert(hit);
        }
        Ok(is_stale)
    }

    pub(super) fn holders(&self, candidates: &[Candidate], number: &E164) -> BTreeSet<PersonId> {
        matching::compared(candidates, number, self.region, Comparison::Same)
    }

    pub(super) fn undecided(&self, candidates: &[Candidate], number: &E164) -> BTreeSet<PersonId> {
        matching::compared(candidates, number, self.region, Comparison::Undecidable)
    }

    /// People that the search may not show yet, from Pipedrive's list.
    async fn changed_since(&self, since: Timestamp) -> Result<Vec<Candidate>, Failure> {
        let people = self.client.people_since(surely_before(since)).await?;
        let living = people.into_iter().filter(|person| !person.is_deleted);
        let candidate = |person: Person| Candidate {
            id: person.id,
            phones: values(person.phones),
        };
        Ok(living.map(candidate).collect())
    }

    async fn create(
        &self,
        lease: &PersonLease,
        number: &E164,
        name: Option<&str>,
    ) -> Result<PersonId, Failure> {
        let phone = Phone {
            value: number.as_str().to_owned(),
            primary: true,
            label: Some("work".to_owned()),
        };
        let person = NewPerson {
            name: name.map_or_else(|| number.as_str().to_owned(), one_line),
            phones: vec![phone],
            emails: Vec::new(),
        };
        let call = pipedrive::create_person(&person);
        let id = once(&self.client, &call, &PersonIntent(lease), self.timing)
            .await?
            .id;
        fail_point::reach(FailPoint::PersonAnswered).await;
        Ok(id)
    }
}

/// The intent to create a person for a number.
struct PersonIntent<'l>(&'l PersonLease);

impl Intent for PersonIntent<'_> {
    async fn write(&self, latest_end: Timestamp) -> Result<(), LeaseError> {
        self.0.intend(latest_end).await?;
        fail_point::reach(FailPoint::PersonIntended).await;
        Ok(())
    }

    async fn restore(&self) -> Result<(), LeaseError> {
        self.0.restore().await
    }
}

fn values(phones: Vec<Phone>) -> Vec<String> {
    phones.into_iter().map(|phone| phone.value).collect()
}

async fn release(lease: PersonLease) {
    if let Err(LeaseError::Redis(error)) = lease.release().await {
        tracing::debug!(%error, "Cannot release the lease on a number: it expires by itself");
    }
}
