//! A full pass: lists all people page by page, resumable at each page. Those that it did not list are read by their ids, and
//! removed if they are gone.

use pipedrive::{PersonId, PipedriveError};
use shared::clock;
use shared::fail_point::{self, FailPoint};

use super::{Directory, count_tokens, is_refusal, latest, plan};
use crate::effect::timing::surely_before;
use crate::failure::Failure;
use crate::store::{DirectoryState, Purse, WorkLock, at};

/// What became of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paged {
    /// The page is stored, and more follow.
    On,
    /// It was the last one, and the directory is complete.
    Complete,
    /// Another builder took over.
    Lost,
}

impl Directory {
    /// Begins a full pass, and says what it will cost. 10 tokens.
    pub(super) async fn begin_pass(
        &self,
        lock: &WorkLock,
        state: &DirectoryState,
    ) -> Result<Paged, Failure> {
        let highest = self.client.highest_person_id().await?;
        let highest = highest.unwrap_or(PersonId(0));
        self.spend("pass").await?;
        let cost = plan::cost(highest.0);
        let share = self.share().await?;
        tracing::info!(
            people = highest.0,
            tokens = cost,
            days = plan::days(cost, share),
            "The directory lists all people, {} at most: that costs up to {cost} tokens, of which it takes {share} a day",
            highest.0
        );
        if !state.is_ours {
            self.store.clear(highest).await?;
        }
        let fields = [
            ("format", self.store.format().to_owned()),
            ("pass", (state.pass.saturating_add(1)).to_string()),
            ("pass_began", at(clock::now())),
            ("pass_tokens", plan::PAGE_TOKENS.to_string()),
            ("expected", highest.0.to_string()),
            ("cursor", String::new()),
            ("listed_to", String::new()),
            ("pass_since", String::new()),
            ("absent_from", String::new()),
        ];
        let is_ours = self.store.note(lock, &fields).await?;
        Ok(if is_ours { Paged::On } else { Paged::Lost })
    }

    /// Lists the next page of the pass that runs.
    pub(super) async fn pass_page(
        &self,
        lock: &WorkLock,
        state: &DirectoryState,
    ) -> Result<Paged, Failure> {
        if let Some(from) = state.absent_from {
            return self.absent_page(lock, state, from).await;
        }
        let listed = self
            .client
            .people_page(state.pass_since, state.cursor.as_deref())
            .await
            .map_err(Failure::from);
        self.spend("pass").await?;
        let page = match listed {
            Err(error) if state.cursor.is_some() && is_refusal(&error) => {
                return self.resume(lock, state).await;
            }
            other => other?,
        };
        if self.put(&page.people, state.pass).await?.is_none() {
            return Ok(Paged::Lost);
        }
        fail_point::reach(FailPoint::DirectoryPageStored).await;
        let listed_to = latest(&page.people, state.listed_to);
        let absent_from = match page.next_cursor {
            None => "0".to_owned(),
            Some(_) => String::new(),
        };
        let fields = [
            ("cursor", page.next_cursor.unwrap_or_default()),
            ("absent_from", absent_from),
            ("listed_to", listed_to.map(at).unwrap_or_default()),
            paid(state),
            ("stopped", String::new()),
        ];
        self.progress(lock, &fields).await
    }

    /// All are listed. Some of those that were not met may have been missed by a list that moved: Pipedrive shows them by
    /// their ids, and leaves out who is deleted, merged or hidden. 10 tokens for 100 people, nothing where all were met.
    async fn absent_page(
        &self,
        lock: &WorkLock,
        state: &DirectoryState,
        from: u64,
    ) -> Result<Paged, Failure> {
        let absent = self.store.absent(state.pass, from, state.highest);
        let (absent, from) = absent.await?;
        if absent.is_empty() {
            return self.complete(lock, state).await;
        }
        let shown = self.client.people_of_ids(&absent).await;
        self.spend("pass").await?;
        let shown = match shown {
            // It lists people, and will not list these: they count as gone.
            Err(PipedriveError::Rejected { .. }) => Vec::new(),
            other => other?,
        };
        let here = |id: &PersonId| shown.iter().any(|it| it.id == *id && !it.is_deleted);
        let (here, gone): (Vec<PersonId>, _) = absent.into_iter().partition(here);
        if self.put(&shown, state.pass).await?.is_none() {
            return Ok(Paged::Lost);
        }
        self.store.remove(&gone).await?;
        tracing::info!(
            missed = here.len(),
            removed = gone.len(),
            "Read people by their ids that the list did not show"
        );
        let fields = [
            ("absent_from", from.to_string()),
            paid(state),
            ("stopped", String::new()),
        ];
        self.progress(lock, &fields).await
    }

    /// The cursor has expired: goes on with the people changed since the latest change that was listed.
    async fn resume(&self, lock: &WorkLock, state: &DirectoryState) -> Result<Paged, Failure> {
        tracing::info!(
            people = state.people,
            "The list of people cannot be continued by its cursor: it goes on by the time of changes"
        );
        let since = state.listed_to.map(at).unwrap_or_default();
        let fields = [("cursor", String::new()), ("pass_since", since)];
        self.progress(lock, &fields).await
    }

    /// The pass is over. What changed meanwhile is left to polls from its begin.
    async fn complete(&self, lock: &WorkLock, state: &DirectoryState) -> Result<Paged, Failure> {
        let now = clock::now();
        let began = state.pass_began.unwrap_or(now);
        let mut fields = vec![
            ("passed", at(now)),
            ("pass_began", String::new()),
            ("cursor", String::new()),
            ("pass_since", String::new()),
            ("absent_from", String::new()),
            ("stopped", String::new()),
        ];
        if !state.is_complete() {
            fields.push(("complete_since", at(now)));
            let fresh_to = surely_before(began);
            fields.push((
                "fresh_to",
                at(state.listed_to.map_or(fresh_to, |to| to.max(fresh_to))),
            ));
        }
        if !self.store.note(lock, &fields).await? {
            return Ok(Paged::Lost);
        }
        let people = state.people;
        tracing::info!(
            people,
            tokens = state.pass_tokens,
            "The directory of {people} people is complete"
        );
        Ok(Paged::Complete)
    }

    /// Counts a page against the day's share.
    pub(super) async fn spend(&self, why: &'static str) -> Result<(), Failure> {
        count_tokens(why);
        let tokens = plan::PAGE_TOKENS;
        Ok(self.store.spend(Purse::Background, tokens).await?)
    }

    /// Counts a page that a caller waited for: it takes the place of a search.
    pub(super) async fn spend_at_once(&self) -> Result<(), Failure> {
        count_tokens("at_once");
        let tokens = plan::PAGE_TOKENS;
        Ok(self.store.spend(Purse::AtOnce, tokens).await?)
    }
}

/// The tokens of the pass with those of one more page.
fn paid(state: &DirectoryState) -> (&'static str, String) {
    let tokens = state.pass_tokens + plan::PAGE_TOKENS;
    ("pass_tokens", tokens.to_string())
}
