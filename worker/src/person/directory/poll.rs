//! Polls: read who changed since the last one, with an overlap. In the background they are due now and then; at once,
//! before a person is created, one serves all who wait.

use std::time::Duration;

use jiff::Timestamp;
use pipedrive::PipedriveError;
use shared::clock;
use shared::error::chain;
use shared::fail_point::{self, FailPoint};

use super::{Directory, Freshness, count_tokens, latest, plan};
use crate::effect::timing::surely_before;
use crate::failure::Failure;
use crate::store::{DirectoryState, Work, WorkLock, at};

/// Pages of a poll at once: beyond that, a search is cheaper.
const PAGES_AT_ONCE: u32 = 5;
/// Between two looks at a poll of another worker, and how often.
const PAUSE: Duration = Duration::from_millis(100);
const LOOKS: u32 = 80;

impl Directory {
    /// Reads the latest changes, unless a poll that began after this call did so for another caller.
    ///
    /// # Errors
    ///
    /// When Redis does not answer, or Pipedrive does not answer with a list.
    pub async fn refresh_before_create(&self) -> Result<Freshness, Failure> {
        let asked = clock::now();
        let _turn = self.waiting.lock().await;
        for _ in 0..LOOKS {
            let state = self.store.state().await?;
            if !state.is_complete() {
                return Ok(Freshness::Behind);
            }
            if state.polled.is_some_and(|began| began >= asked) {
                return Ok(Freshness::Fresh);
            }
            if let Some(lock) = self.store.lock(Work::Polling).await? {
                let polled = self.poll(&lock, Some(PAGES_AT_ONCE)).await;
                self.store.release(lock).await?;
                return match polled {
                    // The user may not list people: only the search can answer.
                    Err(Failure::Pipedrive(
                        error @ (PipedriveError::Forbidden { .. }
                        | PipedriveError::NotFound { .. }
                        | PipedriveError::Rejected { .. }),
                    )) => {
                        tracing::warn!(
                            error = chain(&error),
                            "Pipedrive refuses to list people; the search serves instead of the directory"
                        );
                        Ok(Freshness::Behind)
                    }
                    // An unknown answer is never "no such person": the message is retried.
                    other => other,
                };
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(Freshness::Behind)
    }

    /// Reads the changes since the last poll, at most so many pages of them.
    pub(super) async fn poll(
        &self,
        lock: &WorkLock,
        most: Option<u32>,
    ) -> Result<Freshness, Failure> {
        let state = self.store.state().await?;
        let Some(mut fresh_to) = state.fresh_to.filter(|_| state.is_complete()) else {
            return Ok(Freshness::Behind);
        };
        let began = clock::now();
        let since = surely_before(fresh_to);
        let (mut cursor, mut changed, mut pages) = (None::<String>, 0, 0);
        loop {
            let page = self
                .client
                .people_page(Some(since), cursor.as_deref())
                .await?;
            match most {
                // What a caller waits for takes the place of a search, and is no part of the share.
                Some(_) => count_tokens("at_once"),
                None => self.spend("poll").await?,
            }
            let Some(more) = self.put(&page.people, state.pass).await? else {
                return Ok(Freshness::Behind);
            };
            fail_point::reach(FailPoint::DirectoryPolled).await;
            changed += more;
            pages += 1;
            fresh_to = latest(&page.people, Some(fresh_to)).unwrap_or(fresh_to);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
            let is_ours = self.store.note(lock, &[("fresh_to", at(fresh_to))]).await?;
            if !is_ours || most == Some(pages) {
                return Ok(Freshness::Behind);
            }
        }
        self.finish_poll(lock, &state, began, fresh_to, changed)
            .await
    }

    async fn finish_poll(
        &self,
        lock: &WorkLock,
        state: &DirectoryState,
        began: Timestamp,
        fresh_to: Timestamp,
        changed: u64,
    ) -> Result<Freshness, Failure> {
        let longest = self.settings.longest_interval;
        let interval = plan::next_interval(plan::interval(state, longest), changed, longest);
        // A list that lags, and a clock that is ahead, are within the overlap.
        let fresh_to = fresh_to.max(surely_before(began));
        let fields = [
            ("polled", at(began)),
            ("fresh_to", at(fresh_to)),
            ("interval", interval.as_millis().to_string()),
            ("stopped", String::new()),
        ];
        let is_ours = self.store.note(lock, &fields).await?;
        tracing::debug!(changed, "The directory has read what changed in Pipedrive");
        Ok(if is_ours {
            Freshness::Fresh
        } else {
            Freshness::Behind
        })
    }
}
