//! The task that fills the directory and keeps it fresh. All workers run it; a lock lets one at a time work.

use std::time::Duration;

use shared::clock;
use shared::error::chain;
use tokio_util::sync::CancellationToken;

use super::pass::Paged;
use super::plan::{self, Step, Want};
use super::{Directory, Freshness};
use crate::failure::Failure;
use crate::metrics as names;
use crate::pause::state::Pause;
use crate::store::{DirectoryState, Work, WorkLock};

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
    /// The directory.
    pub directory: Directory,
    /// While consumption is paused, Pipedrive or Redis refuses us.
    pub pause: Pause,
}

impl DirectorySync {
    /// Works until `shutdown`.
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
        match plan::next_step(&state, clock::now(), &self.limits().await?) {
            Step::Wait(pause, reason) => {
                self.note_want(&state, reason).await?;
                Ok(Turn::Idle(pause))
            }
            Step::Poll => match self.store.lock(Work::Polling).await? {
                Some(lock) => {
                    let polled = self.poll(&lock, None).await;
                    self.store.release(lock).await?;
                    Ok(match polled? {
                        Freshness::Fresh => Turn::Worked,
                        Freshness::Behind => Turn::Elsewhere(RETRY),
                    })
                }
                None => Ok(Turn::Elsewhere(RETRY)),
            },
            Step::Begin | Step::Page => match self.store.lock(Work::Building).await? {
                Some(lock) => {
                    let built = self.build(&lock, pages).await;
                    self.store.release(lock).await?;
                    built
                }
                None => Ok(Turn::Elsewhere(RETRY)),
            },
        }
    }

    /// Begins a full pass now if none runs, whether or not it is due.
    ///
    /// # Errors
    ///
    /// When Redis or Pipedrive does not answer.
    pub async fn begin_now(&self) -> Result<(), Failure> {
        let state = self.store.state().await?;
        if state.pass_began.is_some() {
            return Ok(());
        }
        if let Some(lock) = self.store.lock(Work::Building).await? {
            let begun = self.begin_pass(&lock, &state).await;
            self.store.release(lock).await?;
            begun?;
        }
        Ok(())
    }

    async fn build(&self, lock: &WorkLock, pages: u32) -> Result<Turn, Failure> {
        for _ in 0..pages {
            // Another builder may have come before us, until we had the lock.
            let state = self.store.state().await?;
            let outcome = match plan::next_step(&state, clock::now(), &self.limits().await?) {
                Step::Begin => self.begin_pass(lock, &state).await?,
                Step::Page => self.pass_page(lock, &state).await?,
                Step::Poll | Step::Wait(..) => return Ok(Turn::Worked),
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
    let polled = state.polled.map_or(0, jiff::Timestamp::as_second);
    #[expect(clippy::cast_precision_loss, reason = "a gauge")]
    metrics::gauge!(names::DIRECTORY_POLLED).set(polled as f64);
}
