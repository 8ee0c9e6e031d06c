//! The task that fills the directory and keeps it fresh. All workers run it; a lock lets one at a time work.

use std::time::Duration;

use shared::clock;
use shared::error::chain;
use tokio_util::sync::CancellationToken;

use super::pass::Paged;
use super::plan::{self, Step, Want};
use super::{Directory, Freshness, Spent, is_refusal};
use crate::failure::Failure;
use crate::metrics as names;
use crate::pause::state::Pause;
use crate::store::{DirectoryState, Holder, Kind, Work, WorkLock};

/// Pause after a failure, and while another worker works.
const RETRY: Duration = Duration::from_secs(15);
/// The longest pause before the state is read again: another worker may have changed it.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Pages under one lock: another worker may take turns.
const PAGES_IN_A_ROW: u32 = 20;

/// What a turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Something was done, and more may be due.
    Worked,
    /// Another worker works; it is time to see again in so long.
    Elsewhere(Duration),
    /// Nothing is due, or may be spent, for so long.
    Idle(Duration),
}

/// Runs the directory in a worker.
#[derive(Debug)]
pub(crate) struct DirectorySync {
    /// Directory that is listed and polled.
    pub directory: Directory,
    /// While consumption is paused, Pipedrive or Redis refuses us.
    pub pause: Pause,
}

impl DirectorySync {
    /// Lists and polls until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        loop {
            let wait = tokio::select! {
                () = shutdown.cancelled() => return,
                wait = self.turn() => wait,
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    async fn turn(&self) -> Duration {
        self.pause.ended().await;
        match self.directory.work(PAGES_IN_A_ROW).await {
            Ok(Turn::Worked) => Duration::ZERO,
            Ok(Turn::Elsewhere(pause) | Turn::Idle(pause)) => pause.min(LONGEST_PAUSE),
            Err(failure) => {
                tracing::warn!(
                    error = chain(&failure),
                    "The directory goes on in {} s; people are searched in Pipedrive where it is not complete",
                    RETRY.as_secs()
                );
                RETRY
            }
        }
    }
}

impl Directory {
    /// Does what is due: a poll, or up to `pages` pages of a pass.
    ///
    /// # Errors
    ///
    /// When Redis or Pipedrive does not answer. What was done stays done.
    pub async fn work(&self, pages: u32) -> Result<Turn, Failure> {
        let state = self.store.state().await?;
        show(&state);
        let limits = self.limits().await?;
        show_cost(self.spent().await?, limits.share);
        match plan::next_step(&state, clock::now(), &limits) {
            Step::Wait(pause, reason) => {
                self.note_want(&state, reason).await?;
                Ok(Turn::Idle(pause))
            }
            Step::Poll(kind) => match self.store.lock(Work::Polling).await? {
                Some(lock) => {
                    let polled = self.poll_in_background(kind, &lock).await;
                    self.store.release(lock).await?;
                    Ok(match polled? {
                        Freshness::Fresh => Turn::Worked,
                        Freshness::Behind => Turn::Elsewhere(RETRY),
                    })
                }
                None => Ok(Turn::Elsewhere(RETRY)),
            },
            Step::Begin | Step::Page | Step::Deals => {
                match self.store.lock(Work::Building).await? {
                    Some(lock) => {
                        let built = self.build(&lock, pages).await;
                        self.store.release(lock).await?;
                        built
                    }
                    None => Ok(Turn::Elsewhere(RETRY)),
                }
            }
        }
    }

    async fn poll_in_background(&self, kind: Kind, lock: &WorkLock) -> Result<Freshness, Failure> {
        match self.poll(kind, lock, None).await {
            Err(error) if kind == Kind::Deals && is_refusal(&error) => {
                tracing::warn!(
                    error = chain(&error),
                    "Pipedrive refuses to list deals: those of each person are listed, until the next full pass"
                );
                let fields = [("deals_complete_since", String::new())];
                self.store.note(lock, &fields).await?;
                Ok(Freshness::Behind)
            }
            other => other,
        }
    }

    /// Begins a full pass now, whether or not it is due, unless one runs or another is at it.
    ///
    /// # Errors
    ///
    /// When Redis or Pipedrive does not answer.
    pub async fn begin_now(&self) -> Result<Turn, Failure> {
        let Some(lock) = self.store.lock(Work::Building).await? else {
            return Ok(Turn::Elsewhere(RETRY));
        };
        let begun = self.begin_under(&lock).await;
        self.store.release(lock).await?;
        begun.map(|()| Turn::Worked)
    }

    async fn begin_under(&self, lock: &WorkLock) -> Result<(), Failure> {
        // Another may have begun one until we had the lock.
        let state = self.store.state().await?;
        if state.pass_began.is_none() {
            self.begin_pass(lock, &state).await?;
        }
        Ok(())
    }

    /// Who fills the directory at present: for a turn, which ends and begins again.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn builder(&self) -> Result<Option<Holder>, Failure> {
        Ok(self.store.holder(Work::Building).await?)
    }

    async fn build(&self, lock: &WorkLock, pages: u32) -> Result<Turn, Failure> {
        for _ in 0..pages {
            // Another builder may have come before us, until we had the lock.
            let state = self.store.state().await?;
            let outcome = match plan::next_step(&state, clock::now(), &self.limits().await?) {
                Step::Begin => self.begin_pass(lock, &state).await?,
                Step::Page => self.pass_page(lock, &state).await?,
                Step::Deals => self.deals_page(lock, &state).await?,
                Step::Poll(_) | Step::Wait(..) => return Ok(Turn::Worked),
            };
            match outcome {
                Paged::On => {}
                Paged::Complete => return Ok(Turn::Worked),
                Paged::Lost => return Ok(Turn::Elsewhere(RETRY)),
            }
        }
        Ok(Turn::Worked)
    }

    /// Says once why the directory does not go on.
    async fn note_want(&self, state: &DirectoryState, want: Want) -> Result<(), Failure> {
        let known = state.stopped.as_deref().unwrap_or_default();
        if want.word() == known {
            return Ok(());
        }
        match want {
            Want::Time => {}
            Want::Tokens => tracing::info!(
                "The directory has spent its share of the day's tokens (directory.daily_share); it goes on when they are new"
            ),
            Want::Memory => tracing::warn!(
                "The directory does not grow: Redis uses 70 % of its memory (maxmemory). Give Redis more, or switch the \
                 directory off (BRIDGE__DIRECTORY__MODE=off)"
            ),
        }
        if let Some(lock) = self.store.lock(Work::Building).await? {
            let fields = [("stopped", want.word().to_owned())];
            self.store.note(&lock, &fields).await?;
            self.store.release(lock).await?;
        }
        Ok(())
    }
}

/// Shows the state in metrics.
fn show(state: &DirectoryState) {
    #[expect(clippy::cast_precision_loss, reason = "a gauge")]
    metrics::gauge!(names::DIRECTORY_PEOPLE).set(state.people as f64);
    metrics::gauge!(names::DIRECTORY_COMPLETE).set(f64::from(u8::from(state.is_complete())));
    let polled = state.polls.polled.map_or(0, jiff::Timestamp::as_second);
    #[expect(clippy::cast_precision_loss, reason = "a gauge")]
    metrics::gauge!(names::DIRECTORY_POLLED).set(polled as f64);
}

/// Shows what the directory costs today.
fn show_cost(spent: Spent, share: u64) {
    #[expect(clippy::cast_precision_loss, reason = "a gauge")]
    let gauge = |name, tokens: u64| metrics::gauge!(name).set(tokens as f64);
    gauge(names::DIRECTORY_SPENT, spent.background + spent.at_once);
    gauge(names::DIRECTORY_SHARE, share);
}
