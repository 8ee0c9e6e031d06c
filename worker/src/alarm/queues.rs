//! Measures the queues every few seconds: their lengths, and the age of the oldest message.
//!
//! Lengths come from a passive declare, which every broker answers exactly and at once. No broker reports
//! an age for a quorum queue, and taking a message out to read it would count as a failed delivery. So it is estimated. The work
//! queue is first in, first out: whatever waits was published after the youngest first attempt that was delivered, by any
//! worker, and cannot be older. Of a queue that nothing was seen to leave, the age is how long it has not been empty.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Channel, Connection};
use redis::RedisResult;
use shared::backoff::Backoff;
use shared::broker::{self, ConnectError, topology};
use shared::config;
use shared::error::chain;
use shared::{clock, config::RetryDelay};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::metrics as names;
use crate::store::QueueAges;

/// Between two measurements. A few requests that cost the broker next to nothing.
const INTERVAL: Duration = Duration::from_secs(2);
/// Time limit of one measurement.
const TIMEOUT: Duration = Duration::from_secs(10);

/// State of all queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSnapshot {
    /// When it was measured.
    pub at: Timestamp,
    /// Every queue of the bridge.
    pub queues: Vec<QueueState>,
}

impl QueueSnapshot {
    /// A queue by its name.
    #[must_use]
    pub fn queue(&self, name: &str) -> Option<&QueueState> {
        self.queues.iter().find(|queue| queue.name == name)
    }
}

/// Length and age of one queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueState {
    /// Name of the queue.
    pub name: String,
    /// Messages that wait; those that a worker holds are left out.
    pub messages: u32,
    /// Estimated age of the oldest.
    pub oldest: Duration,
}

/// When the youngest message was received that was delivered for a first attempt: the head of the work queue is younger.
#[derive(Debug, Default)]
pub struct Watermark(AtomicI64);

impl Watermark {
    /// Notes a first attempt, which began `now`: a clock that is ahead of ours says nothing of the future.
    pub fn advance(&self, received: Timestamp, now: Timestamp) {
        self.0
            .fetch_max(received.min(now).as_millisecond(), Ordering::Relaxed);
    }

    /// Youngest time of receipt that was noted.
    #[must_use]
    pub fn get(&self) -> Option<Timestamp> {
        let ms = self.0.load(Ordering::Relaxed);
        Timestamp::from_millisecond(ms).ok().filter(|_| ms > 0)
    }
}

/// Since when queues have not been empty.
#[derive(Debug, Default)]
struct Ages {
    filled: BTreeMap<String, Timestamp>,
}

impl Ages {
    /// Takes over what was known before this worker began.
    fn adopt(&mut self, known: BTreeMap<String, Timestamp>) {
        for (queue, since) in known {
            let own = self.filled.entry(queue).or_insert(since);
            *own = since.min(*own);
        }
    }

    /// Takes in a length, and estimates the age of the oldest message. `left` is when a message was published that is
    /// known to have left the queue.
    fn observe(
        &mut self,
        queue: &str,
        messages: u32,
        left: Option<Timestamp>,
        now: Timestamp,
    ) -> Duration {
        if messages == 0 {
            self.filled.remove(queue);
            return Duration::ZERO;
        }
        let filled = *self.filled.entry(queue.to_owned()).or_insert(now);
        let oldest = left.map_or(filled, |left| left.max(filled));
        now.duration_since(oldest.min(now)).unsigned_abs()
    }
}

/// Measures the queues until shutdown.
#[derive(Debug)]
pub struct QueueMonitor {
    /// Settings of the broker.
    pub broker: config::Broker,
    /// Delays of the retry queues.
    pub delays: Vec<RetryDelay>,
    /// The connection's name in the management UI.
    pub name: String,
    /// Watermark of the work queue, shared by all workers.
    pub head: watch::Receiver<Option<Timestamp>>,
    /// Since when queues have not been empty, kept over restarts.
    pub ages: QueueAges,
    /// Takes each snapshot; `None` while the queues cannot be measured.
    pub seen: watch::Sender<Option<QueueSnapshot>>,
}

#[derive(Debug, thiserror::Error)]
enum MonitorError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("cannot measure the queues")]
    Measure(#[from] lapin::Error),
    #[error("the broker did not answer in time")]
    TimedOut,
}

impl QueueMonitor {
    /// Measures until shutdown, and connects again whenever the connection is lost.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut ages = Ages::default();
        let mut backoff = Backoff::default();
        loop {
            let failed = tokio::select! {
                () = shutdown.cancelled() => return,
                Err(error) = self.session(&mut ages, &mut backoff) => error,
            };
            self.seen.send_replace(None);
            tracing::debug!(
                error = chain(&failed),
                "Cannot measure the queues: the worker connects again"
            );
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(backoff.next_pause()) => {}
            }
        }
    }

    /// Measures over one connection until it fails.
    async fn session(
        &self,
        ages: &mut Ages,
        backoff: &mut Backoff,
    ) -> Result<std::convert::Infallible, MonitorError> {
        let connection: Connection = broker::connect(&self.broker, &self.name).await?;
        let channel = connection.create_channel().await?;
        loop {
            // Redis may have been away when this worker began; what it keeps is older than what is known here, or the same.
            if let Ok(known) = self.ages.read().await {
                ages.adopt(known);
            }
            let before = ages.filled.clone();
            let measured = tokio::time::timeout(TIMEOUT, self.measure(&channel, ages)).await;
            let snapshot = measured.map_err(|_| MonitorError::TimedOut)??;
            backoff.reset();
            if let Err(error) = self.keep(&before, &ages.filled).await {
                tracing::debug!(
                    error = chain(&error),
                    "Cannot keep the ages of the queues in Redis: a restart makes them young"
                );
            }
            publish(&snapshot);
            self.seen.send_replace(Some(snapshot));
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Stores the ages of the queues whose head changed.
    async fn keep(
        &self,
        before: &BTreeMap<String, Timestamp>,
        after: &BTreeMap<String, Timestamp>,
    ) -> RedisResult<()> {
        for (queue, at) in after {
            if !before.contains_key(queue) {
                self.ages.filled(queue, *at).await?;
            }
        }
        for queue in before.keys().filter(|queue| !after.contains_key(*queue)) {
            self.ages.emptied(queue).await?;
        }
        Ok(())
    }

    async fn measure(
        &self,
        channel: &Channel,
        ages: &mut Ages,
    ) -> Result<QueueSnapshot, lapin::Error> {
        let retries = self.delays.iter().map(topology::retry_queue);
        let names = [
            topology::WORK_QUEUE,
            topology::BACKFILL_QUEUE,
            topology::DEAD_LETTER_QUEUE,
        ]
        .map(str::to_owned);
        let mut queues = Vec::with_capacity(names.len() + self.delays.len());
        for name in names.into_iter().chain(retries) {
            let options = QueueDeclareOptions {
                passive: true,
                ..QueueDeclareOptions::default()
            };
            let found = channel
                .queue_declare(name.as_str().into(), options, FieldTable::default())
                .await?;
            let left = if name == topology::WORK_QUEUE {
                *self.head.borrow()
            } else {
                None
            };
            let messages = found.message_count();
            let oldest = ages.observe(&name, messages, left, clock::now());
            queues.push(QueueState {
                name,
                messages,
                oldest,
            });
        }
        Ok(QueueSnapshot {
            at: clock::now(),
            queues,
        })
    }
}

fn publish(snapshot: &QueueSnapshot) {
    for queue in &snapshot.queues {
        let labels = [("queue", queue.name.clone())];
        metrics::gauge!(names::QUEUE_MESSAGES, &labels).set(queue.messages);
        metrics::gauge!(names::QUEUE_OLDEST, &labels).set(queue.oldest.as_secs_f64());
    }
    #[expect(clippy::cast_precision_loss, reason = "a time in seconds")]
    metrics::gauge!(names::QUEUES_SEEN).set(snapshot.at.as_second() as f64);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    #[test]
    fn a_queue_that_nothing_leaves_ages_from_when_it_was_first_seen_filled() {
        let mut ages = Ages::default();
        let mut age = |messages, second| ages.observe("q", messages, None, at(second)).as_secs();

        assert_eq!(age(0, 0), 0);
        assert_eq!(age(3, 10), 0);
        assert_eq!(age(2, 70), 60);
        assert_eq!(age(0, 80), 0);
        assert_eq!(age(1, 90), 0);
    }

    #[test]
    fn a_restart_does_not_make_messages_young() {
        let mut ages = Ages::default();

        ages.adopt([("q".to_owned(), at(-3_600))].into());

        assert_eq!(ages.observe("q", 9, None, at(0)).as_secs(), 3_600);
        assert_eq!(ages.observe("q", 0, None, at(1)).as_secs(), 0);
        assert_eq!(ages.observe("q", 1, None, at(2)).as_secs(), 0);
    }

    #[test]
    fn a_queue_that_moves_is_as_old_as_what_was_delivered_last() {
        let mut ages = Ages::default();
        let mut age = |second, left| ages.observe("q", 9, Some(at(left)), at(second)).as_secs();

        // Filled since 0; what left last had waited for 30 s.
        assert_eq!(age(0, -500), 0);
        assert_eq!(age(100, 70), 30);
        assert_eq!(age(200, 70), 130);
        assert_eq!(age(200, 999), 0);
    }

    #[test]
    fn the_mark_of_the_head_only_advances() {
        let mark = Watermark::default();
        assert_eq!(mark.get(), None);
        mark.advance(at(5), at(9));
        mark.advance(at(3), at(9));

        assert_eq!(mark.get(), Some(at(5)));
    }

    #[test]
    fn a_sender_whose_clock_is_ahead_does_not_move_the_mark_into_the_future() {
        let mark = Watermark::default();

        mark.advance(at(7_200), at(9));

        assert_eq!(mark.get(), Some(at(9)));
    }
}
