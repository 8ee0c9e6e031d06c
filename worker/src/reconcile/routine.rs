//! Compares by itself: one worker of all, every few minutes and once a night.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use shared::broker::Publisher;
use shared::clock;
use shared::config;
use shared::error::chain;
use tokio_util::sync::CancellationToken;

use super::plan::{self, Due};
use super::report::Counts;
use super::{BEHIND, Reconciler};
use crate::metrics as names;
use crate::pause::state::Pause;
use crate::store::{LEASE, LastRun, LastTimes, Reconciliations};

/// Longest time between two looks whether a comparison is due.
const POLL: Duration = Duration::from_secs(15);
/// A comparison ends well before its lock does.
const TIMEOUT: Duration = LEASE.saturating_sub(Duration::from_secs(120));
/// How long a comparison counts beyond the time at which three more were due.
const VALID_MARGIN: Duration = Duration::from_secs(600);

/// Runs comparisons in a worker.
#[derive(Debug)]
pub(crate) struct Routine {
    /// Compares and repairs.
    pub reconciler: Reconciler,
    /// Publishes events of missing conversations.
    pub publisher: Publisher,
    /// While consumption is paused, events wait in the work queue, and nothing can be said of them.
    pub pause: Pause,
    /// When, and whether what is missing is published.
    pub settings: config::Reconcile,
}

impl Routine {
    /// Compares whenever it is due, until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let poll = self.settings.interval.min(POLL);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(poll) => {}
            }
            // An interrupted comparison changes nothing; what was published stays published.
            tokio::select! {
                () = shutdown.cancelled() => return,
                turn = self.turn() => if let Err(error) = turn {
                    let error = chain(&*error);
                    tracing::warn!(error, "Cannot compare with Genesys' record: the worker tries again");
                },
            }
        }
    }

    async fn turn(&self) -> anyhow::Result<()> {
        self.pause.ended().await;
        let store = self.reconciler.reconciliations();
        let now = clock::now();
        show(&store.last(now).await?.unwrap_or_default());
        let times = store.times(now).await?;
        if plan::due(&self.settings, times, now).is_none() {
            return Ok(());
        }
        let Some(lock) = store.lock().await? else {
            return Ok(());
        };
        let outcome = tokio::time::timeout(TIMEOUT, self.compare(store)).await;
        store.unlock(lock).await?;
        outcome?
    }

    /// Compares what is due now that the lock is held: another worker may have done it meanwhile.
    async fn compare(&self, store: &Reconciliations) -> anyhow::Result<()> {
        let now = clock::now();
        let times = store.times(now).await?;
        let Some(due) = plan::due(&self.settings, times, now) else {
            return Ok(());
        };
        let from = plan::from(due, &self.settings, now);
        let to = now.checked_sub(BEHIND).unwrap_or(now);
        // Whatever comes of this one, the next is due an interval later: Genesys is not asked again and again.
        let last = store.last(now).await?.unwrap_or_default();
        let begun = LastTimes {
            window: now,
            ..times
        };
        store.note_run(begun, &last).await?;
        let mut comparison = self.reconciler.compare(from, to, &mut |_| {}).await?;
        if comparison.report.queued > 0 {
            tracing::info!("Messages wait in the work queue: the comparison is made again later");
            return Ok(());
        }
        let night = match due {
            Due::Window => times.night,
            Due::Night => now,
        };
        let done = LastTimes { night, ..begun };
        let run = self.last_run(&comparison.report.counts, now);
        store.note_run(done, &run).await?;
        if self.settings.repair {
            let publisher = &self.publisher;
            self.reconciler
                .repair(publisher, &mut comparison, &mut |_| {})
                .await?;
        }
        let counts = &comparison.report.counts;
        tracing::info!(
            ended = counts.ended,
            missing = counts.missing,
            incomplete = counts.incomplete,
            published = counts.published,
            "Compared {} conversations that ended since {from} with Genesys' record: {} missing, {} without customer.end, \
             {} published",
            counts.ended,
            counts.missing,
            counts.incomplete,
            counts.published
        );
        Ok(())
    }

    fn last_run(&self, counts: &Counts, now: Timestamp) -> LastRun {
        let valid = self.settings.interval * 3 + VALID_MARGIN;
        let valid = SignedDuration::try_from(valid).unwrap_or(SignedDuration::MAX);
        LastRun {
            valid_until: now.checked_add(valid).unwrap_or(Timestamp::MAX).as_second(),
            written: counts.written,
            left_out: counts.left_out,
            waiting: counts.waiting,
            dead: counts.dead,
            missing: counts.missing,
            incomplete: counts.incomplete,
            repaired: counts.repaired,
        }
    }
}

/// Shows the last comparison, whichever worker made it.
fn show(run: &LastRun) {
    for (standing, count) in [
        ("written", run.written),
        ("left_out", run.left_out),
        ("waiting", run.waiting),
        ("dead", run.dead),
        ("missing", run.missing),
        ("incomplete", run.incomplete),
        ("repaired", run.repaired),
    ] {
        #[expect(clippy::cast_precision_loss, reason = "a gauge")]
        metrics::gauge!(names::COVERAGE, "standing" => standing).set(count as f64);
    }
}
