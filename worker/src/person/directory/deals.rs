//! Open deals: which a person has, and the listing of all of them after each full pass of people.

use pipedrive::{DealId, PersonId};
use redis::RedisError;
use shared::clock;

use super::pass::Paged;
use super::{Directory, is_refusal};
use crate::effect::timing::surely_before;
use crate::failure::Failure;
use crate::store::{DirectoryState, Kind, WorkLock, at};

impl Directory {
    /// The open deals of a person, as far as they are known; `None` where deals are not.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn deals_of(&self, person: PersonId) -> Result<Option<Vec<DealId>>, RedisError> {
        self.store.deals_of(person).await
    }

    /// Enters the only open deal of a person.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn enter_deal(&self, person: PersonId, deal: DealId) -> Result<(), RedisError> {
        let Some(known) = self.store.deals_of(person).await? else {
            return Ok(());
        };
        let state = self.store.state().await?;
        let known = known.into_iter().chain([deal]);
        let deals: Vec<_> = known.map(|known| (person, known, known == deal)).collect();
        self.store.put_deals(&deals, state.pass).await?;
        Ok(())
    }

    /// Takes out a deal that is no longer an open one of this person.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn forget_deal(&self, person: PersonId, deal: DealId) -> Result<(), RedisError> {
        self.store.put_deals(&[(person, deal, false)], 0).await?;
        Ok(())
    }

    /// Lists the next page of open deals.
    pub(super) async fn deals_page(
        &self,
        lock: &WorkLock,
        state: &DirectoryState,
    ) -> Result<Paged, Failure> {
        let deals = &state.deals;
        let began = deals.began.unwrap_or_else(clock::now);
        let listed = self.page(
            Kind::Deals,
            deals.since,
            deals.cursor.as_deref(),
            state.pass,
        );
        let listed = listed.await;
        self.spend("deals").await?;
        let page = match listed {
            Err(error) if deals.cursor.is_some() && is_refusal(&error) => {
                let since = deals.listed_to.map(at).unwrap_or_default();
                let fields = [("deals_cursor", String::new()), ("deals_since", since)];
                return self.progress(lock, &fields).await;
            }
            Err(error) if is_refusal(&error) => return self.deals_refused(lock, state).await,
            other => other?,
        };
        let Some(_) = page.changed else {
            return Ok(Paged::Lost);
        };
        let listed_to = page.latest.max(deals.listed_to);
        if page.next_cursor.is_some() {
            let fields = [
                ("deals_began", at(began)),
                ("deals_cursor", page.next_cursor.unwrap_or_default()),
                ("deals_listed_to", listed_to.map(at).unwrap_or_default()),
                ("stopped", String::new()),
            ];
            return self.progress(lock, &fields).await;
        }
        self.store.sweep_deals(state.pass, state.highest).await?;
        let now = clock::now();
        let mut fields = ended(state);
        fields.push(("stopped", String::new()));
        if !state.knows(Kind::Deals) {
            fields.extend([
                ("deals_complete_since", at(now)),
                // The list shows who is open: what was closed meanwhile is left to polls.
                ("deals_fresh_to", at(surely_before(began))),
                ("deals_polled", at(now)),
            ]);
        }
        tracing::info!("The directory knows all open deals");
        match self.progress(lock, &fields).await? {
            Paged::On => Ok(Paged::Complete),
            other => Ok(other),
        }
    }

    /// Deals are not to be had: those of each person are listed, until the next full pass.
    async fn deals_refused(
        &self,
        lock: &WorkLock,
        state: &DirectoryState,
    ) -> Result<Paged, Failure> {
        tracing::warn!(
            "Pipedrive refuses to list deals: deals:read is missing, or the user may not see them. The directory does \
             without; pipedrive.link_open_deal=false (BRIDGE__PIPEDRIVE__LINK_OPEN_DEAL) spares the attempts"
        );
        let mut fields = ended(state);
        fields.push(("deals_complete_since", String::new()));
        match self.progress(lock, &fields).await? {
            Paged::On => Ok(Paged::Complete),
            other => Ok(other),
        }
    }

    /// Notes fields of the state under a lock.
    pub(super) async fn progress(
        &self,
        lock: &WorkLock,
        fields: &[(&str, String)],
    ) -> Result<Paged, Failure> {
        let is_ours = self.store.note(lock, fields).await?;
        Ok(if is_ours { Paged::On } else { Paged::Lost })
    }
}

/// The fields of a listing that ended.
fn ended(state: &DirectoryState) -> Vec<(&'static str, String)> {
    vec![
        ("deals_pass", state.pass.to_string()),
        ("deals_began", String::new()),
        ("deals_cursor", String::new()),
        ("deals_since", String::new()),
        ("deals_listed_to", String::new()),
    ]
}
