//! Finds the person of a number, or creates it once.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pipedrive::{Client, NewPerson, Person, PersonId, Phone, PipedriveError};
use shared::clock;
use shared::domain::phone::{self, Comparison, E164, Region};
use shared::fail_point::{self, FailPoint};

use crate::activity::content;
use crate::delivery::failure::Failure;
use crate::effect::once::{Intent, once};
use crate::effect::timing::{Timing, surely_before, wait_since};
use crate::person::attachment::Attachment;
use crate::person::matching::{self, Candidate, PersonMatch};
use crate::store::{LeaseError, People, PersonClaim, PersonLease};
use shared::backoff;

/// How often, and first for how long, a number is waited for that somebody else looks up.
const BUSY_TRIES: usize = 5;
const BUSY_PAUSE: Duration = Duration::from_millis(100);
/// So many who have a number are ambiguous.
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
    /// Where they are.
    pub client: Client,
    /// Who is remembered.
    pub people: People,
    /// How stored numbers without country code are read.
    pub region: Option<Region>,
    /// Whether a number is searched in its international form too.
    pub search_international: bool,
    /// How long things take there.
    pub timing: Timing,
}

impl PersonFinder {
    /// The person who has `number`; nobody, where several have it, or may have it; where nobody has it, what
    /// `when_unknown` says.
    ///
    /// # Errors
    ///
    /// When it cannot be found out now. A search that fails is never "nobody".
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
                    let found = self.find_or_create(&lease, number, when_unknown).await;
                    if found.is_err() {
                        // It would expire by itself; giving it back spares others the wait.
                        give_back(&lease).await;
                    }
                    return found;
                }
            }
        }
    }

    /// One token buys certainty: a person who is remembered, or found, may have been merged away, or given another number.
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

    /// Who took the place of somebody who is gone may be unknown to the search if that was not before. No request of ours
    /// is under way: there is nothing to wait for.
    fn unknown_since(&self) -> Timestamp {
        let now = clock::now();
        let lag = self.timing.search_lag.max(self.timing.settle_time);
        now.checked_sub(lag).unwrap_or(now)
    }

    async fn find_or_create(
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
        let mut found = self.search(lease, number, &recent).await?;
        if matches!(found, PersonMatch::Unknown | PersonMatch::Undecided(_)) {
            fail_point::reach(FailPoint::PersonSearched).await;
            let forgotten = self.find_forgotten(lease.epoch_began, number).await?;
            if forgotten != PersonMatch::Unknown {
                found = forgotten;
            }
        }
        match found {
            PersonMatch::One(person) => {
                lease.remember(person).await?;
                Ok(Attachment::Person(person))
            }
            PersonMatch::Ambiguous(people) => {
                lease.withdraw().await?;
                Ok(Attachment::Shared(people))
            }
            // An intent stays: it is an older call's, of a person whom the search may not know yet.
            PersonMatch::Undecided(people) => {
                lease.release().await?;
                Ok(Attachment::Undecided(people))
            }
            PersonMatch::Unknown => match when_unknown {
                WhenUnknown::Create { name } => self
                    .create(lease, number, name)
                    .await
                    .map(Attachment::NewPerson),
                WhenUnknown::Leave => {
                    lease.release().await?;
                    Ok(Attachment::Nobody)
                }
            },
        }
    }

    /// The person who was created just before Redis lost its data: not remembered, and not known to the search yet.
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

    /// Searches, with those beside what is found whom the search may not know yet. It may not know either that somebody is
    /// gone, or gave the number away: whom it brings up is looked at.
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
            let is_stale = self.look_at(lease, number, hits, &mut found).await?;
            if is_stale && !is_listed {
                // The search does not know who took the number over either.
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

    /// Adds those of `hits` to `found` who have the number still. Tells whether there are others. 1 token each, until two
    /// have it: that is enough to attach to none, and the rest is taken as it was found.
    async fn look_at(
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

    fn holders(&self, candidates: &[Candidate], number: &E164) -> BTreeSet<PersonId> {
        matching::compared(candidates, number, self.region, Comparison::Same)
    }

    fn undecided(&self, candidates: &[Candidate], number: &E164) -> BTreeSet<PersonId> {
        matching::compared(candidates, number, self.region, Comparison::Undecidable)
    }

    /// People whom the search may not know yet, from the database's list.
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
            name: name.map_or_else(|| number.as_str().to_owned(), content::one_line),
            phones: vec![phone],
            emails: Vec::new(),
        };
        let call = pipedrive::create_person(&person);
        let id = once(&self.client, &call, &PersonIntent(lease), self.timing)
            .await?
            .id;
        fail_point::reach(FailPoint::PersonAnswered).await;
        lease.remember(id).await?;
        fail_point::reach(FailPoint::PersonRemembered).await;
        metrics::counter!(crate::metrics::PEOPLE_CREATED).increment(1);
        tracing::info!(person.id = %id, "Created person {id}");
        Ok(id)
    }
}

/// The note that a person is about to be created for a number.
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

async fn give_back(lease: &PersonLease) {
    if let Err(LeaseError::Redis(error)) = lease.release().await {
        tracing::debug!(%error, "A number's lock is left to expire");
    }
}
