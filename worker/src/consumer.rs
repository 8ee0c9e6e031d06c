//! Competing consumer of the work queue: takes messages unless consumption is paused, and drains at shutdown. While there is
//! nothing else to do, it takes from the backfill queue.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection};
use shared::backoff::Backoff;
use shared::broker::{self, ConnectError, TopologyError, topology};
use shared::config;
use shared::error::chain;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::delivery::backfill::{Backfill, Look};
use crate::delivery::message::{Delivery, Received};
use crate::pause::breakers::Breakers;
use crate::pause::state::Pause;
use crate::pipeline::{Pipeline, Processed};

/// Consumer tag; the connection's name identifies the worker.
const CONSUMER_TAG: &str = "worker";

/// Consumes the work queue.
#[derive(Debug)]
pub struct Consumer {
    /// Settings of the broker.
    pub broker: config::Broker,
    /// Delays of the retry queues to declare.
    pub delays: Vec<config::RetryDelay>,
    /// Messages in progress at once, and the prefetch count: a crash counts a failed delivery for each prefetched message.
    pub concurrency: u16,
    /// How long a shutdown waits for messages in progress.
    pub grace_period: Duration,
    /// The connection's name in the management UI.
    pub name: String,
    /// Processes each message.
    pub pipeline: Arc<Pipeline>,
    /// Stops consumption while it is paused.
    pub pause: Pause,
    /// Paces the probes while a breaker is open.
    pub breakers: Breakers,
    /// Between two questions whether a probe is due.
    pub probe_poll: Duration,
    /// Takes from the backfill queue.
    pub(crate) backfill: Backfill,
    /// Whether messages are being consumed, for readiness.
    pub consuming: watch::Sender<bool>,
}

/// Consumption stopped.
#[derive(Debug, thiserror::Error)]
enum ConsumerError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Topology(#[from] TopologyError),
    #[error("cannot consume {}", topology::WORK_QUEUE)]
    Consume(#[source] lapin::Error),
    #[error("the channel failed")]
    Channel(#[source] lapin::Error),
    #[error("the broker cancelled the consumer")]
    Cancelled,
}

impl Consumer {
    /// Consumes until shutdown, and connects again whenever the connection is lost.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut backoff = Backoff::default();
        while !shutdown.is_cancelled() {
            let is_probing = tokio::select! {
                () = shutdown.cancelled() => break,
                () = self.pause.ended() => false,
                () = self.pause.breaker_opened() => true,
            };
            // A pause begins when Redis does not answer: notes that could not be deleted then can be now.
            self.pipeline.poison_guard.retry_withdrawals().await;
            let ended = if is_probing {
                self.probe(&shutdown).await
            } else {
                self.session(&shutdown, &mut backoff).await
            };
            if let Err(error) = ended {
                let pause = backoff.next_pause();
                tracing::warn!(
                    error = chain(&error),
                    ?pause,
                    "Consumption stopped: the worker connects again in {pause:.1?}"
                );
                tokio::select! {
                    () = shutdown.cancelled() => {}
                    () = tokio::time::sleep(pause) => {}
                }
            }
        }
        // Messages still in progress are delivered again elsewhere, and did not kill this worker.
        self.pipeline.poison_guard.close().await;
    }

    /// Consumes over one connection, until shutdown or until a pause begins.
    async fn session(
        &self,
        shutdown: &CancellationToken,
        backoff: &mut Backoff,
    ) -> Result<(), ConsumerError> {
        let Some(opened) = shutdown.run_until_cancelled(self.open()).await else {
            return Ok(());
        };
        let (connection, channel, mut deliveries) = opened?;
        backoff.reset();
        let running = TaskTracker::new();
        self.consuming.send_replace(true);
        tracing::info!("Consuming {}", topology::WORK_QUEUE);
        let taking = self.take(shutdown, &channel, &mut deliveries, &running);
        let outcome = taking.await;
        self.consuming.send_replace(false);
        running.close();
        let ending = async {
            if outcome.is_ok() {
                requeue_the_rest(&channel, deliveries).await;
            }
            running.wait().await;
        };
        self.finish(ending, &running).await;
        let closing = connection.close(200, "done".into());
        let closed = tokio::time::timeout(self.broker.connect_timeout, closing).await;
        tracing::debug!(
            ok = matches!(closed, Ok(Ok(()))),
            "Closed the consuming connection"
        );
        outcome
    }

    /// While a breaker is open: processes one message at a time, the oldest first, whenever a probe is due.
    async fn probe(&self, shutdown: &CancellationToken) -> Result<(), ConsumerError> {
        let Some(opened) = shutdown.run_until_cancelled(self.open_for_probes()).await else {
            return Ok(());
        };
        let (connection, channel) = opened?;
        let mut outcome = Ok(());
        while let Some(breaker) = self.pause.open_breaker()
            && !shutdown.is_cancelled()
            && outcome.is_ok()
        {
            if self.breakers.take_probe(&breaker).await {
                outcome = self.probe_once(&channel, shutdown).await;
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = self.pause.ended() => {}
                () = tokio::time::sleep(self.probe_poll) => {}
            }
        }
        let closing = connection.close(200, "done".into());
        let closed = tokio::time::timeout(self.broker.connect_timeout, closing).await;
        tracing::debug!(
            ok = matches!(closed, Ok(Ok(()))),
            "Closed the probing connection"
        );
        outcome
    }

    /// Processes messages until one reaches Pipedrive: one that does not proves nothing.
    async fn probe_once(
        &self,
        channel: &Channel,
        shutdown: &CancellationToken,
    ) -> Result<(), ConsumerError> {
        while self.pause.open_breaker().is_some() && !shutdown.is_cancelled() {
            let got = channel
                .basic_get(topology::WORK_QUEUE.into(), BasicGetOptions::default())
                .await
                .map_err(ConsumerError::Channel)?;
            let Some(got) = got else {
                self.breakers.give_probe_back().await;
                return Ok(());
            };
            tracing::info!("Probing with one message while consumption is paused");
            let running = TaskTracker::new();
            let pipeline = Arc::clone(&self.pipeline);
            let message = Delivery::new(got.delivery);
            let processing = running.spawn(async move { pipeline.process(message).await });
            running.close();
            tokio::select! {
                () = running.wait() => {}
                () = shutdown.cancelled() => self.finish(running.wait(), &running).await,
            }
            if processing.is_finished() && processing.await.is_ok_and(|it| it == Processed::InVain)
            {
                self.breakers.postpone_probe().await;
                return Ok(());
            }
        }
        Ok(())
    }

    /// Processes deliveries until shutdown, a pause, or an error; in between, one message of the backfill queue at a time.
    async fn take(
        &self,
        shutdown: &CancellationToken,
        channel: &Channel,
        deliveries: &mut lapin::Consumer,
        running: &TaskTracker,
    ) -> Result<(), ConsumerError> {
        let mut look_at = Instant::now();
        loop {
            let next = tokio::select! {
                biased; // a pending shutdown goes before one more message, and a live event before any other
                () = shutdown.cancelled() => return Ok(()),
                () = self.pause.begun() => return Ok(()),
                next = deliveries.next() => next,
                () = tokio::time::sleep_until(look_at) => {
                    let was_busy = !running.is_empty();
                    let was_taken = !was_busy && self.take_backfill(channel, running).await?;
                    look_at = Instant::now() + Backfill::pause(was_busy || was_taken);
                    continue;
                }
            };
            match next {
                Some(Ok(delivery)) => self.begin(Delivery::new(delivery), running),
                Some(Err(error)) => return Err(ConsumerError::Channel(error)),
                None => return Err(ConsumerError::Cancelled),
            }
        }
    }

    /// Processes a message of the work queue. One that was made from Genesys' record, and waited in a retry queue, returns
    /// to the backfill queue.
    fn begin(&self, message: Delivery<Received>, running: &TaskTracker) {
        let pipeline = Arc::clone(&self.pipeline);
        running.spawn(async move {
            if message.belongs_in_backfill() {
                pipeline.settlement.return_to_backfill(message).await;
            } else {
                pipeline.process(message).await;
            }
        });
    }

    /// Begins to process a message of the backfill queue, if one may be taken.
    async fn take_backfill(
        &self,
        channel: &Channel,
        running: &TaskTracker,
    ) -> Result<bool, ConsumerError> {
        let look = self.backfill.take(channel).await;
        match look.map_err(ConsumerError::Channel)? {
            Look::Nothing => Ok(false),
            Look::Message(message) => {
                let pipeline = Arc::clone(&self.pipeline);
                running.spawn(async move { pipeline.process(message).await });
                Ok(true)
            }
        }
    }

    /// Waits for the messages in progress, for the grace period at most.
    async fn finish(&self, ending: impl Future<Output = ()>, running: &TaskTracker) {
        let ended = tokio::time::timeout(self.grace_period, ending).await;
        if ended.is_err() {
            // Nothing is lost: the broker delivers an unacknowledged message again.
            tracing::warn!(
                unfinished = running.len(),
                "The grace period is over with {} messages in progress: the broker delivers them again",
                running.len()
            );
        }
    }

    /// Connects, and begins to consume.
    async fn open(&self) -> Result<(Connection, Channel, lapin::Consumer), ConsumerError> {
        let connection = broker::connect(&self.broker, &self.name).await?;
        // A queue whose leader is away leaves its declaration unanswered.
        let limit = self.broker.connect_timeout;
        let consuming = tokio::time::timeout(limit, self.consume(&connection)).await;
        let (channel, deliveries) = consuming.map_err(|_| ConnectError::TimedOut(limit))??;
        Ok((connection, channel, deliveries))
    }

    /// Connects, and consumes nothing yet.
    async fn open_for_probes(&self) -> Result<(Connection, Channel), ConsumerError> {
        let connection = broker::connect(&self.broker, &self.name).await?;
        let limit = self.broker.connect_timeout;
        let opening = tokio::time::timeout(limit, self.open_channel(&connection)).await;
        let channel = opening.map_err(|_| ConnectError::TimedOut(limit))??;
        Ok((connection, channel))
    }

    async fn open_channel(&self, connection: &Connection) -> Result<Channel, ConsumerError> {
        broker::declare(connection, &self.delays, self.broker.new_queue_pause).await?;
        let channel = connection.create_channel().await;
        channel.map_err(ConsumerError::Consume)
    }

    async fn consume(
        &self,
        connection: &Connection,
    ) -> Result<(Channel, lapin::Consumer), ConsumerError> {
        let channel = self.open_channel(connection).await?;
        // Without a prefetch count a quorum queue stalls at 2000 unacknowledged messages.
        let qos = channel
            .basic_qos(self.concurrency, BasicQosOptions::default())
            .await;
        qos.map_err(ConsumerError::Consume)?;
        let options = BasicConsumeOptions::default();
        let consumer = channel
            .basic_consume(
                topology::WORK_QUEUE.into(),
                CONSUMER_TAG.into(),
                options,
                FieldTable::default(),
            )
            .await;
        Ok((channel, consumer.map_err(ConsumerError::Consume)?))
    }
}

/// Cancels the consumer, and requeues what the broker has sent already.
async fn requeue_the_rest(channel: &Channel, mut deliveries: lapin::Consumer) {
    let cancelled = channel
        .basic_cancel(CONSUMER_TAG.into(), BasicCancelOptions::default())
        .await;
    tracing::debug!(ok = cancelled.is_ok(), "Cancelled the consumer");
    while let Some(Ok(delivery)) = deliveries.next().await {
        if let Err(error) = Delivery::new(delivery).requeue().await {
            tracing::debug!(
                error = chain(&error),
                "Cannot requeue a message: the broker has requeued it already"
            );
        }
    }
}
