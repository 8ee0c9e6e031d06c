//! Conditions that a test waits for: bounded, and naming what was missing when the time is over.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use shared::broker::topology;

use super::{PATIENCE, TestApp};
use crate::sandbox::pipedrive::Activity;
use crate::servers::{Depth, QueuedMessage, wait_until};

/// The most that one sample adds to an idle time. The broker's totals age by its own clock ticks: while the whole machine
/// stands still, time passes and they do not change.
const SAMPLE: Duration = Duration::from_millis(200);

/// For how long nothing was seen to be worked on.
#[derive(Debug, Default)]
struct IdleTime {
    total: Duration,
    sampled: Option<Instant>,
}

impl IdleTime {
    fn add_sample(&mut self, now: Instant) {
        if let Some(before) = self.sampled.replace(now) {
            self.total += SAMPLE.min(now - before);
        }
    }
}

impl TestApp {
    /// Waits until Pipedrive holds `count` activities or more.
    ///
    /// # Panics
    ///
    /// Panics if it never does.
    pub async fn wait_for_at_least(&self, count: usize) {
        let awaited = format!("at least {count} activities");
        let reached = wait_until(&awaited, PATIENCE, async || {
            let recorded = self.pipedrive.activities().len();
            ensure!(recorded >= count, "there are {recorded}");
            Ok(())
        });
        reached.await.unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// Waits until Pipedrive holds `count` activities, and gives them.
    ///
    /// # Panics
    ///
    /// Panics if it never does.
    pub async fn wait_for_activities(&self, count: usize) -> Vec<Activity> {
        let awaited = format!("{count} activities");
        let activities = wait_until(&awaited, PATIENCE, async || {
            let activities = self.pipedrive.activities();
            ensure!(activities.len() == count, "there are {}", activities.len());
            Ok(activities)
        });
        activities.await.unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Waits until Pipedrive holds `count` activities and nothing is left that could make another, and gives them.
    ///
    /// # Panics
    ///
    /// Panics if that never comes, or there is another.
    pub async fn wait_for_exactly(&self, count: usize) -> Vec<Activity> {
        self.wait_for_at_least(count).await;
        self.wait_until_idle().await;
        let activities = self.pipedrive.activities();
        assert_eq!(activities.len(), count, "{activities:#?}");
        activities
    }

    /// Waits until so many workers consume.
    ///
    /// # Panics
    ///
    /// Panics if there never are.
    pub async fn wait_for_consumers(&self, count: u32) {
        let awaited = format!("{count} consumers");
        let reached = wait_until(&awaited, PATIENCE, async || {
            let consumers = self.vhost.consumer_count(topology::WORK_QUEUE).await?;
            ensure!(consumers == count, "there are {consumers}");
            Ok(())
        });
        reached.await.unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// Waits until the first worker is not ready, and names `why`.
    ///
    /// # Panics
    ///
    /// Panics if it never does.
    pub async fn wait_until_not_ready(&self, why: &str) {
        let ready = format!("{}/health/ready", self.worker_url());
        let paused = wait_until("a worker that is not ready", PATIENCE, async || {
            let (status, body) = self.get(&ready).await;
            ensure!(status == 503 && body.contains(why), "{status} {body}");
            Ok(())
        });
        paused.await.unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// Waits until no message waits or is worked on, dead letters apart.
    ///
    /// What is worked on is known from the queues' totals, which have an age, and from leases: neither may show anything
    /// for longer than that age. What waits is then counted exactly.
    ///
    /// # Panics
    ///
    /// Panics if that never comes.
    pub async fn wait_until_idle(&self) {
        let mut idle = IdleTime::default();
        let quiet = wait_until("an idle bridge", PATIENCE, async || {
            if let Err(busy) = self.check_totals().await {
                idle = IdleTime::default();
                return Err(busy);
            }
            idle.add_sample(Instant::now());
            ensure!(idle.total > self.totals_age, "{idle:?} only");
            let counted = self.check_waiting().await;
            counted.inspect_err(|_| idle = IdleTime::default())
        });
        quiet.await.unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// Waits until so many messages wait in the work queue: those that were parked came back to it.
    ///
    /// # Panics
    ///
    /// Panics if there never are.
    pub async fn wait_until_queued(&self, messages: u32) {
        let queued = wait_until("messages in the work queue", PATIENCE, async || {
            let waiting = self.vhost.message_count(topology::WORK_QUEUE).await?;
            ensure!(waiting == messages, "{waiting} wait");
            Ok(())
        });
        queued.await.unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// How many messages wait in the backfill queue.
    ///
    /// # Panics
    ///
    /// Panics if there is no such queue.
    pub async fn backfill_length(&self) -> u32 {
        let waiting = self.vhost.message_count(topology::BACKFILL_QUEUE).await;
        waiting.expect("RabbitMQ has the backfill queue")
    }

    /// The queues that messages pass on their way to Pipedrive.
    fn queues(&self) -> Vec<String> {
        let delays = self.settings.queued_delays();
        let mut queues = [topology::WORK_QUEUE, topology::BACKFILL_QUEUE]
            .map(str::to_owned)
            .to_vec();
        queues.extend(delays.iter().map(topology::retry_queue));
        queues
    }

    async fn check_totals(&self) -> Result<()> {
        let totals = self.management.totals(self.vhost.name()).await?;
        for queue in self.queues() {
            let depth = totals.get(&queue).copied().unwrap_or_default();
            ensure!(depth == Depth::default(), "{queue} holds {depth:?}");
        }
        Ok(())
    }

    async fn check_waiting(&self) -> Result<()> {
        for queue in self.queues() {
            let waiting = self.vhost.message_count(&queue).await?;
            ensure!(waiting == 0, "{waiting} messages wait in {queue}");
        }
        let leases = self.leases().await;
        ensure!(leases.is_empty(), "{leases:?} are worked on");
        Ok(())
    }

    /// Waits until there are `count` dead letters, and gives them; they stay where they are.
    ///
    /// # Panics
    ///
    /// Panics if there never are.
    pub async fn wait_for_dead_letters(&self, count: usize) -> Vec<QueuedMessage> {
        let awaited = format!("{count} dead letters");
        let letters = wait_until(&awaited, PATIENCE, async || {
            let letters = self
                .management
                .get_messages(self.vhost.name(), topology::DEAD_LETTER_QUEUE, 1000)
                .await?;
            ensure!(letters.len() == count, "there are {}", letters.len());
            Ok(letters)
        });
        letters.await.unwrap_or_else(|error| panic!("{error:#}"))
    }
}
