//! Polls: read who changed since the last one, with an overlap. In the background they are due now and then; at once,
//! before a person is created, one serves all who wait.

use std::time::Duration;

use jiff::Timestamp;
use pipedrive::PipedriveError;
use shared::clock;
use shared::error::chain;
use shared::fail_point::{self, FailPoint};

use super::{Directory, Freshness, is_refusal, plan};
use crate::effect::timing::surely_before;
use crate::failure::Failure;
use crate::store::{DirectoryState, Kind, StoppedPoll, Work, WorkLock, at};

/// Pages of a poll at once: beyond that, a search is cheaper.
const PAGES_AT_ONCE: u32 = 5;
/// Between two looks at a poll of another worker, and how often.
const PAUSE: Duration = Duration::from_millis(100);
const LOOKS: u32 = 80;

impl Directory {
    /// Reads the latest changes, unless a poll that began after this call did so for another caller, or stopped.
    ///
    /// # Errors
    ///
    /// When Redis does not answer, or Pipedrive does not answer with a list.
    pub async fn refresh_before_create(&self) -> Result<Freshness, Failure> {
        let asked = clock::now();
        let mut stopped = self.waiting.lock().await;
        if stopped.is_some_and(|began| began >= asked) {
            return Ok(Freshness::Behind);
        }
        for _ in 0..LOOKS {
            let state = self.store.state().await?;
            if !state.is_complete() {
                return Ok(Freshness::Behind);
            }
            if state.polls.polled.is_some_and(|began| began >= asked) {
                return Ok(Freshness::Fresh);
            }
            if let Some(lock) = self.store.lock(Work::Polling).await? {
                let began = clock::now();
                let polled = self.poll(Kind::People, &lock, Some(PAGES_AT_ONCE)).await;
                self.store.release(lock).await?;
                if matches!(polled, Ok(Freshness::Behind)) {
                    *stopped = Some(began);
                }
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

    /// Reads the changes since the last poll, at most so many pages of them. One that stops before the end is continued by
    /// the next one, of whichever worker.
    pub(super) async fn poll(
        &self,
        kind: Kind,
        lock: &WorkLock,
        most: Option<u32>,
    ) -> Result<Freshness, Failure> {
        let state = self.store.state().await?;
        let polls = state.polls(kind);
        let Some(fresh_to) = polls.fresh_to.filter(|_| state.knows(kind)) else {
            return Ok(Freshness::Behind);
        };
        let began = clock::now();
        let mut poll = Poll {
            kind,
            began,
            is_continued: polls.stopped.is_some(),
            at: polls.stopped.clone().unwrap_or_else(|| StoppedPoll {
                began,
                since: surely_before(fresh_to),
                listed_to: fresh_to,
                cursor: None,
            }),
            changed: 0,
        };
        for pages in 1.. {
            match self.poll_page(lock, &mut poll, &state, most).await? {
                Polled::End => return self.finish_poll(lock, &state, &poll).await,
                Polled::Lost => return Ok(Freshness::Behind),
                Polled::On if most == Some(pages) => return Ok(Freshness::Behind),
                Polled::On => {}
            }
        }
        Ok(Freshness::Behind)
    }

    /// Reads one page, and notes where the poll goes on.
    async fn poll_page(
        &self,
        lock: &WorkLock,
        poll: &mut Poll,
        state: &DirectoryState,
        most: Option<u32>,
    ) -> Result<Polled, Failure> {
        let at = &mut poll.at;
        let listed = self
            .page(poll.kind, Some(at.since), at.cursor.as_deref(), state.pass)
            .await;
        match (most, poll.kind) {
            (Some(_), _) => self.spend_at_once().await?,
            (None, Kind::People) => self.spend("poll").await?,
            (None, Kind::Deals) => self.spend("deals_poll").await?,
        }
        match listed {
            // The list goes on by the time of changes.
            Err(error) if at.cursor.is_some() && is_refusal(&error) => {
                (at.since, at.cursor) = (at.listed_to, None);
            }
            Err(error) => return Err(error),
            Ok(page) => {
                let Some(more) = page.changed else {
                    return Ok(Polled::Lost);
                };
                fail_point::reach(FailPoint::DirectoryPolled).await;
                poll.changed += more;
                at.listed_to = page.latest.map_or(at.listed_to, |it| it.max(at.listed_to));
                at.cursor = page.next_cursor;
                if at.cursor.is_none() {
                    return Ok(Polled::End);
                }
            }
        }
        let is_ours = self.store.note(lock, &poll.fields()).await?;
        Ok(if is_ours { Polled::On } else { Polled::Lost })
    }

    async fn finish_poll(
        &self,
        lock: &WorkLock,
        state: &DirectoryState,
        poll: &Poll,
    ) -> Result<Freshness, Failure> {
        let (kind, longest) = (poll.kind, self.settings.longest_interval);
        let present = plan::interval(state, kind, longest);
        let interval = plan::next_interval(present, poll.changed, longest);
        let mut fields = vec![
            (kind.field("polled"), at(poll.began)),
            (kind.field("fresh_to"), at(poll.fresh_to())),
            (kind.field("interval"), interval.as_millis().to_string()),
            ("stopped".to_owned(), String::new()),
        ];
        let of_stopped = ["began", "since", "listed_to", "cursor"];
        let of_stopped = of_stopped.map(|name| kind.field(&format!("poll_{name}")));
        fields.extend(of_stopped.map(|name| (name, String::new())));
        let is_ours = self.store.note(lock, &fields).await?;
        tracing::debug!(
            changed = poll.changed,
            "The directory has read what changed in Pipedrive"
        );
        Ok(if is_ours {
            Freshness::Fresh
        } else {
            Freshness::Behind
        })
    }
}

/// A poll that runs.
struct Poll {
    kind: Kind,
    /// When this call began.
    began: Timestamp,
    /// Whether an earlier call began it.
    is_continued: bool,
    /// How far it is.
    at: StoppedPoll,
    /// How many were not known so.
    changed: u64,
}

/// What became of a page of a poll.
enum Polled {
    /// The page is stored, and more follow.
    On,
    /// It was the last one.
    End,
    /// The directory is another's by now, or the lock is.
    Lost,
}

impl Poll {
    /// Where it goes on.
    fn fields(&self) -> [(String, String); 4] {
        let field = |name: &str| self.kind.field(&format!("poll_{name}"));
        [
            (field("began"), at(self.at.began)),
            (field("since"), at(self.at.since)),
            (field("listed_to"), at(self.at.listed_to)),
            (field("cursor"), self.at.cursor.clone().unwrap_or_default()),
        ]
    }

    /// The time up to which changes are known at its end. A list that lags, and a clock that is ahead, are within the overlap
    /// with the next one. What lagged when an earlier call read the list is listed again.
    fn fresh_to(&self) -> Timestamp {
        let listed_to = if self.is_continued {
            self.at.listed_to.min(self.at.began)
        } else {
            self.at.listed_to
        };
        listed_to.max(surely_before(self.at.began))
    }
}
