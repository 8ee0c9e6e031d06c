//! Competing consumer of the work queue: takes messages while the pause is open, and drains at shutdown.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection};
use shared::backoff::Backoff;
use shared::broker::{self, ConnectError, TopologyError, topology};
use shared::config;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::delivery::message::Inbound;
use crate::pause::state::Pause;
use crate::pipeline::Pipeline;
use shared::error::chain;

/// Tag of our consumer; the connection's name says whose it is.
const CONSUMER_TAG: &str = "worker";

/// Consumes the work queue.
#[derive(Debug)]
pub struct Consumer {
    /// Where the broker is.
    pub broker: config::Broker,
    /// The retry queues to declare.
    pub delays: Vec<config::RetryDelay>,
    /// Messages at once; also the prefetch count. One more would wait in vain, and be charged a delivery in a crash.
    pub concurrency: u16,
    /// How long a shutdown waits for messages in progress.
    pub grace_period: Duration,
    /// The connection's name in the management UI.
    pub name: String,
    /// What is done with a message.
    pub pipeline: Arc<Pipeline>,
    /// Open: consume.
    pub pause: Pause,
    /// Whether messages are being consumed, for readiness.
    pub consuming: watch::Sender<bool>,
}

/// Consuming came to an end.
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
    /// Consumes until shutdown, over as many connections as it takes.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut backoff = Backoff::default();
        while !shutdown.is_cancelled() {
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = self.pause.ended() => {}
            }
            // The pause begins when Redis does not answer: what could not be struck out then can be now.
            self.pipeline.poison_guard.settle().await;
            if let Err(error) = self.session(&shutdown, &mut backoff).await {
                let pause = backoff.next_pause();
                tracing::warn!(
                    error = chain(&error),
                    ?pause,
                    "Consuming stopped; connecting anew"
                );
                tokio::select! {
                    () = shutdown.cancelled() => {}
                    () = tokio::time::sleep(pause) => {}
                }
            }
        }
        // What is still in progress comes again elsewhere, and did not kill us.
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
        let outcome = loop {
            let next = tokio::select! {
                biased; // a pending shutdown goes before one more message
                () = shutdown.cancelled() => break Ok(()),
                () = self.pause.begun() => break Ok(()),
                next = deliveries.next() => next,
            };
            match next {
                Some(Ok(delivery)) => {
                    let pipeline = Arc::clone(&self.pipeline);
                    running.spawn(async move { pipeline.process(Inbound::new(delivery)).await });
                }
                Some(Err(error)) => break Err(ConsumerError::Channel(error)),
                None => break Err(ConsumerError::Cancelled),
            }
        };
        self.consuming.send_replace(false);
        running.close();
        let ending = async {
            if outcome.is_ok() {
                give_back_the_rest(&channel, deliveries).await;
            }
            running.wait().await;
        };
        if tokio::time::timeout(self.grace_period, ending)
            .await
            .is_err()
        {
            // Nothing is lost: an unacknowledged message goes back to the queue.
            tracing::warn!(unfinished = running.len(), "The grace period is over");
        }
        let closing = connection.close(200, "done".into());
        let closed = tokio::time::timeout(self.broker.connect_timeout, closing).await;
        tracing::debug!(
            ok = matches!(closed, Ok(Ok(()))),
            "Closed the consuming connection"
        );
        outcome
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

    async fn consume(
        &self,
        connection: &Connection,
    ) -> Result<(Channel, lapin::Consumer), ConsumerError> {
        broker::declare(connection, &self.delays, self.broker.new_queue_pause).await?;
        let channel = connection
            .create_channel()
            .await
            .map_err(ConsumerError::Consume)?;
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

/// Cancels the consumer, and gives back what the broker had sent already.
async fn give_back_the_rest(channel: &Channel, mut deliveries: lapin::Consumer) {
    let cancelled = channel
        .basic_cancel(CONSUMER_TAG.into(), BasicCancelOptions::default())
        .await;
    tracing::debug!(ok = cancelled.is_ok(), "Cancelled the consumer");
    while let Some(Ok(delivery)) = deliveries.next().await {
        if let Err(error) = Inbound::new(delivery).requeue().await {
            tracing::debug!(
                error = chain(&error),
                "A message is back in the queue already"
            );
        }
    }
}
