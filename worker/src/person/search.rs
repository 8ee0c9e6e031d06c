//! Searches Pipedrive for the people who have a handle.

use jiff::SignedDuration;
use shared::domain::phone::Comparison;
use shared::fail_point::{self, FailPoint};

use crate::effect::timing::wait_since;
use crate::failure::Failure;
use crate::person::candidate::{Candidate, Candidates};
use crate::person::handle::Handle;
use crate::person::held::Held;
use crate::person::matching::{Finding, compared, one_organization, search_terms};
use crate::person::reader::{PersonReader, Read};

/// From so many holders on, a handle is ambiguous.
const SHARED_BY: usize = 2;
/// Most holders that are read while they seem to belong to one organisation; the rest is taken as it was found.
const COLLEAGUES_READ: usize = 5;
/// So many who may have a number are looked at; the rest is taken as it was found.
const UNDECIDED_LOOKED_AT: usize = 3;

/// The search for all handles of one customer.
pub(super) struct Search<'s> {
    pub(super) reader: &'s PersonReader,
    pub(super) held: &'s Held,
    /// People that the search may not show yet.
    recent: Vec<Candidate>,
    /// Whether the directory has read what changed since this search began.
    pub(super) is_refreshed: bool,
    /// Whether `recent` goes back to [`PersonReader::unknown_since`].
    is_listed: bool,
    /// People who may have been created just before Redis lost its data.
    forgotten: Option<Vec<Candidate>>,
}

impl<'s> Search<'s> {
    /// Lists people who may have been created by an attempt whose outcome is unknown.
    pub(super) async fn new(reader: &'s PersonReader, held: &'s Held) -> Result<Self, Failure> {
        let intent = held.intent();
        let recent = match intent {
            Some(intent) => {
                wait_since(intent, reader.timing.settle_time)?;
                reader.changed_since(intent).await?
            }
            None => Vec::new(),
        };
        Ok(Self {
            reader,
            held,
            recent,
            is_refreshed: false,
            is_listed: intent.is_some_and(|since| since <= reader.unknown_since()),
            forgotten: None,
        })
    }

    /// Finds the people of one handle by the directory, else by a search, and adds `recent` people that the search may not
    /// show yet. The search may also show people
    /// that were deleted, or whose handle changed: each hit is read.
    pub(super) async fn people(&mut self, handle: &Handle) -> Result<Finding, Failure> {
        let mut finding = Finding {
            by: handle.kind(),
            holders: self.compared(&self.recent, handle, Comparison::Same),
            undecided: self.compared(&self.recent, handle, Comparison::Undecidable),
            is_hidden: false,
        };
        if !self.find_indexed(handle, &mut finding).await? {
            self.search(handle, &mut finding).await?;
        }
        if finding.holders.is_empty() {
            fail_point::reach(FailPoint::PersonSearched).await;
            let region = self.reader.region;
            let forgotten = self.forgotten().await?;
            let holders = compared(forgotten, handle, region, Comparison::Same);
            finding.holders.extend(holders);
        }
        Ok(finding)
    }

    async fn search(&mut self, handle: &Handle, finding: &mut Finding) -> Result<(), Failure> {
        for term in self.terms(handle) {
            self.held.renew().await?;
            let hits = self.hits(handle, &term).await?;
            let undecided = self.compared(&hits, handle, Comparison::Undecidable);
            finding.undecided.extend(undecided);
            let is_stale = self.verify(handle, &hits, finding).await?;
            if is_stale && !self.is_listed {
                self.list_recent(handle, finding).await?;
            }
            if !finding.holders.is_empty() {
                return Ok(());
            }
        }
        self.look_at_undecided(handle, finding).await
    }

    fn terms(&self, handle: &Handle) -> Vec<String> {
        match handle {
            Handle::Number(number) => search_terms(number, self.reader.search_international),
            Handle::Email(address) => vec![address.clone()],
        }
    }

    async fn hits(&self, handle: &Handle, term: &str) -> Result<Vec<Candidate>, Failure> {
        let client = &self.reader.client;
        let hits = match handle {
            Handle::Number(_) => client.search_by_phone(term).await?,
            Handle::Email(_) => client.search_by_email(term).await?,
        };
        Ok(hits.into_iter().map(Candidate::from).collect())
    }

    /// Adds those of `hits` to the holders who still have the handle, and returns whether others of them have it no longer.
    /// Costs one token each until it is certain what follows: the rest is taken as found.
    async fn verify(
        &self,
        handle: &Handle,
        hits: &[Candidate],
        finding: &mut Finding,
    ) -> Result<bool, Failure> {
        let mut is_stale = false;
        for (id, hit) in self.compared(hits, handle, Comparison::Same) {
            if finding.holders.contains_key(&id) {
                continue;
            }
            if !is_worth_reading(&finding.holders) {
                finding.holders.insert(id, hit);
                continue;
            }
            self.held.renew().await?;
            match self.reader.read(id).await? {
                Read::Person(person) if self.has(&person, handle) => {
                    finding.holders.insert(id, person);
                }
                Read::Person(_) | Read::Gone => is_stale = true,
                Read::Hidden => finding.is_hidden = true,
            }
        }
        Ok(is_stale)
    }

    /// The search may not show the person who took a handle over either.
    async fn list_recent(&mut self, handle: &Handle, finding: &mut Finding) -> Result<(), Failure> {
        let since = self.reader.unknown_since();
        let recent = self.reader.changed_since(since).await?;
        let holders = self.compared(&recent, handle, Comparison::Same);
        finding.holders.extend(holders);
        let undecided = self.compared(&recent, handle, Comparison::Undecidable);
        finding.undecided.extend(undecided);
        self.recent.extend(recent);
        self.is_listed = true;
        Ok(())
    }

    /// Reads those who may have the handle, where no one surely has it. 1 token each, for the first ones.
    async fn look_at_undecided(
        &self,
        handle: &Handle,
        finding: &mut Finding,
    ) -> Result<(), Failure> {
        for (position, (id, found)) in std::mem::take(&mut finding.undecided)
            .into_iter()
            .enumerate()
        {
            if position >= UNDECIDED_LOOKED_AT {
                finding.undecided.insert(id, found);
                continue;
            }
            self.held.renew().await?;
            match self.reader.read(id).await? {
                Read::Person(person) => match handle.compare(&person, self.reader.region) {
                    Comparison::Same => drop(finding.holders.insert(id, person)),
                    Comparison::Undecidable => drop(finding.undecided.insert(id, person)),
                    Comparison::Different => {}
                },
                Read::Gone => {}
                Read::Hidden => finding.is_hidden = true,
            }
        }
        Ok(())
    }

    /// People that were created just before Redis lost its data: not stored, and not in the search yet.
    async fn forgotten(&mut self) -> Result<&[Candidate], Failure> {
        if self.forgotten.is_none() {
            self.forgotten = Some(self.list_forgotten().await?);
        }
        Ok(self.forgotten.as_deref().unwrap_or_default())
    }

    async fn list_forgotten(&self) -> Result<Vec<Candidate>, Failure> {
        let timing = &self.reader.timing;
        let in_doubt = timing.in_flight() + timing.search_lag;
        let Some(epoch_began) = self.held.epoch_began() else {
            return Ok(Vec::new());
        };
        if wait_since(epoch_began, in_doubt).is_ok() {
            return Ok(Vec::new());
        }
        wait_since(epoch_began, timing.in_flight())?;
        let since = SignedDuration::try_from(in_doubt).ok();
        let since = since.and_then(|span| epoch_began.checked_sub(span).ok());
        self.reader
            .changed_since(since.unwrap_or(epoch_began))
            .await
    }

    fn compared(
        &self,
        candidates: &[Candidate],
        handle: &Handle,
        expected: Comparison,
    ) -> Candidates {
        compared(candidates, handle, self.reader.region, expected)
    }

    fn has(&self, person: &Candidate, handle: &Handle) -> bool {
        handle.compare(person, self.reader.region) == Comparison::Same
    }
}

/// Whether another holder changes what follows: strangers who share a handle are as ambiguous as more of them.
pub(super) fn is_worth_reading(holders: &Candidates) -> bool {
    holders.len() < SHARED_BY
        || holders.len() < COLLEAGUES_READ && one_organization(holders).is_some()
}
