//! A full pass: lists all people page by page, resumable at each page, and removes people that it did not list.

use pipedrive::PersonId;
use shared::clock;
use shared::fail_point::{self, FailPoint};

use super::{Directory, count_tokens, latest, plan};
use crate::effect::timing::surely_before;
use crate::failure::Failure;
use crate::store::{DirectoryState, WorkLock, at};

/// What became of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paged {
    /// More pages follow.
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
        let share = plan::share(self.daily_tokens, self.settings.daily_share);
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
        let listed = self
            .client
            .people_page(state.pass_since, state.cursor.as_deref())
            .await
            .map_err(Failure::from);
        self.spend("pass").await?;
        let page = match listed {
            Err(error) if state.cursor.is_some() && Self::is_expired(&error) => {
                return self.resume(lock, state).await;
            }
            other => other?,
        };
        if self.put(&page.people, state.pass).await?.is_none() {
            return Ok(Paged::Lost);
        }
        fail_point::reach(FailPoint::DirectoryPageStored).await;
        let listed_to = latest(&page.people, state.listed_to);
        let Some(cursor) = page.next_cursor else {
            return self.complete(lock, state, listed_to).await;
        };
        let fields = [
            ("cursor", cursor),
            ("listed_to", listed_to.map(at).unwrap_or_default()),
            (
                "pass_tokens",
                (state.pass_tokens + plan::PAGE_TOKENS).to_string(),
            ),
            ("stopped", String::new()),
        ];
        let is_ours = self.store.note(lock, &fields).await?;
        Ok(if is_ours { Paged::On } else { Paged::Lost })
    }

    /// The cursor has expired: goes on with the people changed since the latest change that was listed.
    async fn resume(&self, lock: &WorkLock, state: &DirectoryState) -> Result<Paged, Failure> {
        tracing::info!(
            people = state.people,
            "The list of people cannot be continued by its cursor: it goes on by the time of changes"
        );
        let since = state.listed_to.map(at).unwrap_or_default();
        let fields = [("cursor", String::new()), ("pass_since", since)];
        let is_ours = self.store.note(lock, &fields).await?;
        Ok(if is_ours { Paged::On } else { Paged::Lost })
    }

    /// All are listed: those who were not met are deleted. What changed meanwhile is left to polls from the pass' begin.
    async fn complete(
        &self,
        lock: &WorkLock,
        state: &DirectoryState,
        listed_to: Option<jiff::Timestamp>,
    ) -> Result<Paged, Failure> {
        let highest = self.store.state().await?.highest;
        let removed = self.store.sweep(state.pass, highest).await?;
        let now = clock::now();
        let began = state.pass_began.unwrap_or(now);
        let mut fields = vec![
            ("passed", at(now)),
            ("pass_began", String::new()),
            ("cursor", String::new()),
            ("pass_since", String::new()),
            (
                "pass_tokens",
                (state.pass_tokens + plan::PAGE_TOKENS).to_string(),
            ),
            ("stopped", String::new()),
            ("listed_to", listed_to.map(at).unwrap_or_default()),
        ];
        if !state.is_complete() {
            fields.push(("complete_since", at(now)));
            let fresh_to = surely_before(began);
            fields.push((
                "fresh_to",
                at(listed_to.map_or(fresh_to, |to| to.max(fresh_to))),
            ));
        }
        if !self.store.note(lock, &fields).await? {
            return Ok(Paged::Lost);
        }
        let people = self.store.state().await?.people;
        tracing::info!(
            people,
            removed,
            tokens = state.pass_tokens + plan::PAGE_TOKENS,
            "The directory of {people} people is complete"
        );
        Ok(Paged::Complete)
    }

    /// Counts a page against the day's share.
    pub(super) async fn spend(&self, why: &'static str) -> Result<(), Failure> {
        count_tokens(why);
        Ok(self.store.spend(plan::PAGE_TOKENS).await?)
    }
}
