//! One message of the work queue, from its delivery to its acknowledgement. Its stage is a type.
//!
//! ```text
//! Received → Decoded → Leased ──→ Settled → acknowledged
//!
//! Decoded  → Settled     a duplicate
//! Leased   → Settled     recorded, or left unrecorded: a duplicate, or nothing to record yet
//! Received, Decoded, Leased → Failed     the step failed
//! Settled  → Failed      what follows the record failed; the next delivery is a duplicate
//! Failed   → Settled     confirmed in a retry queue or the dead letter queue
//! Received → requeued    at shutdown, untouched
//! Received → Failed      belongs into the backfill queue, which it returns to
//! ```
//!
//! Every step consumes the stage before it. Only a [`Settled`] message can be acknowledged.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use jiff::Timestamp;
use lapin::BasicProperties;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use lapin::types::ShortString;
use pipedrive::ActivityId;
use shared::backoff::Backoff;
use shared::broker::message::{self, Envelope};
use shared::broker::topology;
use shared::broker::{Outgoing, Publisher};
use shared::clock;
use shared::config::RetryDelay;
use shared::error::chain;
use shared::fail_point::{self, FailPoint};

use crate::delivery::decode::DecodedEvent;
use crate::failure::Failure;
use crate::store::{Lease, Progress};

/// Failed deliveries after which a message is suspected to kill workers. Every message that a worker held when it was
/// killed has one.
const SUSPECT_AFTER: u32 = 2;
/// Time limit of one attempt to publish, after which another one is made.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(30);

/// A message that this worker holds. `Stage` says how far it got.
#[derive(Debug)]
#[must_use = "an unsettled message holds a prefetch slot until its channel closes"]
pub struct Delivery<Stage> {
    held: Box<Held>,
    stage: Stage,
}

#[derive(Debug)]
struct Held {
    delivery: lapin::message::Delivery,
    envelope: Envelope,
}

/// Delivered by the broker, and not decoded.
#[derive(Debug)]
pub struct Received;

/// Carries an event, and is not leased.
#[derive(Debug)]
pub struct Decoded {
    event: DecodedEvent,
}

/// Holds the lease on its interaction.
#[derive(Debug)]
pub struct Leased {
    event: DecodedEvent,
    lease: Lease,
    progress: Box<Progress>,
}

/// Not recorded: has to be published to a retry queue or to the dead letter queue.
#[derive(Debug)]
pub struct Failed;

/// Recorded, a duplicate, or confirmed in another queue: nothing is left to do but to acknowledge it.
#[derive(Debug)]
pub struct Settled;

/// The message could not be settled: its connection is lost, and the broker delivers it again.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// The broker did not take the acknowledgement.
    #[error("the message was not acknowledged")]
    Ack(#[source] lapin::Error),
    /// Its channel closed before it was published to the queue named here.
    #[error("the channel closed before the message was published to {0}")]
    Gone(String),
}

/// A message on its way to another queue.
struct Moving {
    exchange: &'static str,
    routing_key: String,
    queue: String,
    properties: BasicProperties,
    body: Bytes,
}

impl Moving {
    fn to_outgoing(&self) -> Outgoing {
        Outgoing {
            exchange: self.exchange,
            routing_key: self.routing_key.clone(),
            properties: self.properties.clone(),
            body: self.body.clone(),
        }
    }
}

impl<Stage> Delivery<Stage> {
    /// Headers of the message.
    #[must_use]
    pub(crate) fn envelope(&self) -> &Envelope {
        &self.held.envelope
    }

    /// When `ingest` received it; for a message that was published by hand, now.
    #[must_use]
    pub(crate) fn received_at(&self) -> Timestamp {
        self.envelope().received_at.unwrap_or_else(clock::now)
    }

    /// Redelivered, failed, deferred or replayed; not: only parked.
    #[must_use]
    pub(crate) fn was_tried_before(&self) -> bool {
        self.held.delivery.redelivered
            || self.envelope().attempts > 0
            || self.envelope().is_replay
            || self.envelope().deferred
    }

    /// Whether its interaction may have been recorded before: a worker also held a message that was parked, and an event
    /// made from Genesys' record is of a conversation that Redis may have forgotten.
    #[must_use]
    pub(crate) fn may_be_recorded(&self) -> bool {
        let envelope = self.envelope();
        self.was_tried_before() || envelope.retry_since.is_some() || envelope.is_reconciled
    }

    /// Whether it failed so often that it may have killed a worker.
    #[must_use]
    pub(crate) fn is_suspect(&self) -> bool {
        self.envelope().failed_deliveries >= SUSPECT_AFTER
    }

    /// The body as delivered.
    #[must_use]
    pub(crate) fn body(&self) -> &[u8] {
        &self.held.delivery.data
    }

    /// Properties and headers as delivered.
    #[must_use]
    pub(crate) fn properties(&self) -> &BasicProperties {
        &self.held.delivery.properties
    }

    /// The interaction id in the properties, for log lines.
    #[must_use]
    pub(crate) fn interaction(&self) -> &str {
        self.interaction_id().unwrap_or("without an id")
    }

    /// The interaction id in the properties; a message that was published by hand may have none.
    #[must_use]
    pub(crate) fn interaction_id(&self) -> Option<&str> {
        self.properties()
            .message_id()
            .as_ref()
            .map(ShortString::as_str)
    }

    fn into_stage<Next>(self, stage: Next) -> Delivery<Next> {
        Delivery {
            held: self.held,
            stage,
        }
    }
}

impl Delivery<Received> {
    /// Takes over a delivery of the broker.
    pub(crate) fn new(delivery: lapin::message::Delivery) -> Self {
        let envelope = Envelope::read(&delivery.properties, delivery.redelivered);
        Self {
            held: Box::new(Held { delivery, envelope }),
            stage: Received,
        }
    }

    /// Carries `event`, which its body was decoded to.
    pub(crate) fn decoded(self, event: DecodedEvent) -> Delivery<Decoded> {
        self.into_stage(Decoded { event })
    }

    /// Whether it came to the work queue from a retry queue, and belongs into the backfill queue. What an operator moves
    /// out of the dead letter queue is processed where it is.
    #[must_use]
    pub(crate) fn belongs_in_backfill(&self) -> bool {
        self.envelope().is_reconciled && !self.envelope().is_replay
    }

    /// Ends the message: its body is a dead letter already.
    pub(crate) fn duplicate(self) -> Delivery<Settled> {
        self.into_stage(Settled)
    }

    /// Ends the stage: the message could not be decoded.
    pub(crate) fn failed(self) -> Delivery<Failed> {
        self.into_stage(Failed)
    }

    /// Returns it to the queue untouched; at shutdown only.
    ///
    /// # Errors
    ///
    /// When the channel is closed: then the message is back in the queue already.
    pub(crate) async fn requeue(self) -> Result<(), SettleError> {
        let options = BasicNackOptions {
            requeue: true,
            ..BasicNackOptions::default()
        };
        let rejected = self.held.delivery.acker.nack(options).await;
        rejected.map(drop).map_err(SettleError::Ack)
    }
}

impl Delivery<Decoded> {
    /// Event that the message carries.
    #[must_use]
    pub(crate) fn event(&self) -> &DecodedEvent {
        &self.stage.event
    }

    /// Holds `lease` from now on.
    pub(crate) fn leased(self, lease: Lease, progress: Box<Progress>) -> Delivery<Leased> {
        let Self { held, stage } = self;
        Delivery {
            held,
            stage: Leased {
                event: stage.event,
                lease,
                progress,
            },
        }
    }

    /// The claim found its event recorded.
    pub(crate) fn duplicate(self) -> Delivery<Settled> {
        self.into_stage(Settled)
    }

    /// Ends the stage: no lease was granted.
    pub(crate) fn failed(self) -> Delivery<Failed> {
        self.into_stage(Failed)
    }
}

impl Delivery<Leased> {
    /// Event that the message carries.
    #[must_use]
    pub(crate) fn event(&self) -> &DecodedEvent {
        &self.stage.event
    }

    /// Since when Redis is known to have lost nothing.
    #[must_use]
    pub(crate) fn epoch_began(&self) -> Timestamp {
        self.stage.lease.epoch_began()
    }

    /// The event, the lease, and the progress to update.
    pub(crate) fn parts(&mut self) -> (&DecodedEvent, &Lease, &mut Progress) {
        let Leased {
            event,
            lease,
            progress,
        } = &mut self.stage;
        (event, lease, progress)
    }

    /// Marks its events as recorded in `activity`, and ends the lease.
    ///
    /// # Errors
    ///
    /// When the lease was lost, or Redis did not confirm the step.
    pub(crate) async fn complete(
        self,
        activity: ActivityId,
    ) -> Result<Delivery<Settled>, (Delivery<Failed>, Failure)> {
        let Self { held, stage } = self;
        let completing = stage.lease.complete(&stage.progress, activity);
        let outcome = match AssertUnwindSafe(completing).catch_unwind().await {
            Ok(completed) => completed.map_err(Failure::from),
            Err(_) => Err(Failure::Panicked),
        };
        match outcome {
            Ok(()) => Ok(Delivery {
                held,
                stage: Settled,
            }),
            Err(failure) => Err((
                Delivery {
                    held,
                    stage: Failed,
                },
                failure,
            )),
        }
    }

    /// Ends the lease of a message that is not recorded: its content is stored with the claim, or recorded already.
    pub(crate) async fn leave_unrecorded(self) -> Delivery<Settled> {
        self.release().await.into_stage(Settled)
    }

    /// Ends the lease with the work undone. It would expire by itself; this spares the next delivery the wait.
    pub(crate) async fn release(self) -> Delivery<Failed> {
        let Self { held, stage } = self;
        if let Err(error) = stage.lease.release().await {
            tracing::debug!(
                error = chain(&error),
                "Cannot release the lease on interaction {}: it expires by itself",
                stage.event.interaction
            );
        }
        Delivery {
            held,
            stage: Failed,
        }
    }
}

impl Delivery<Failed> {
    /// Publishes it to a retry queue, and acknowledges it once that is confirmed. In this order a crash in between leaves a
    /// second message, which is found to be a duplicate; in the other order the message would be lost.
    ///
    /// # Errors
    ///
    /// When either is not confirmed. The broker delivers the message again then.
    pub(crate) async fn retry(
        mut self,
        publisher: &Publisher,
        delay: &RetryDelay,
        properties: BasicProperties,
    ) -> Result<(), SettleError> {
        let message = Moving {
            exchange: topology::RETRY_EXCHANGE,
            routing_key: delay.name().to_owned(),
            queue: topology::retry_queue(delay),
            properties,
            body: self.take_body(),
        };
        let settled = self.publish(publisher, message).await?;
        fail_point::reach(FailPoint::RetryPublished).await;
        settled.acknowledge().await
    }

    /// Publishes it to the backfill queue, and acknowledges it once that is confirmed.
    ///
    /// # Errors
    ///
    /// When either is not confirmed. The broker delivers the message again then.
    pub(crate) async fn return_to_backfill(
        mut self,
        publisher: &Publisher,
    ) -> Result<(), SettleError> {
        let failed_deliveries = self.envelope().failed_deliveries;
        let properties = message::backfill_properties(self.properties(), failed_deliveries);
        let message = Moving {
            exchange: topology::EXCHANGE,
            routing_key: topology::BACKFILL_KEY.to_owned(),
            queue: topology::BACKFILL_QUEUE.to_owned(),
            properties,
            body: self.take_body(),
        };
        self.publish(publisher, message).await?.acknowledge().await
    }

    /// Publishes it to the dead letter queue, body unchanged, and acknowledges it once that is confirmed.
    ///
    /// # Errors
    ///
    /// When either is not confirmed. The broker delivers the message again then.
    pub(crate) async fn dead_letter(
        mut self,
        publisher: &Publisher,
        properties: BasicProperties,
    ) -> Result<(), SettleError> {
        let message = Moving {
            exchange: topology::DEAD_LETTER_EXCHANGE,
            routing_key: topology::DEAD_KEY.to_owned(),
            queue: topology::DEAD_LETTER_QUEUE.to_owned(),
            properties,
            body: self.take_body(),
        };
        let settled = self.publish(publisher, message).await?;
        fail_point::reach(FailPoint::DeadLetterPublished).await;
        settled.acknowledge().await
    }

    /// Publishes until it is confirmed: the broker may be short of memory, or starting.
    async fn publish(
        self,
        publisher: &Publisher,
        message: Moving,
    ) -> Result<Delivery<Settled>, SettleError> {
        let mut publisher = publisher.clone();
        let mut backoff = Backoff::default();
        loop {
            let publishing = async {
                publisher.ready().await;
                publisher.publish(message.to_outgoing()).await
            };
            let problem = match tokio::time::timeout(PUBLISH_TIMEOUT, publishing).await {
                Ok(Ok(())) => return Ok(self.into_stage(Settled)),
                // The broker delivered the message again: that delivery publishes it.
                _ if !self.held.delivery.acker.usable() => {
                    return Err(SettleError::Gone(message.queue));
                }
                Ok(Err(error)) => chain(&error),
                Err(_) => format!("not confirmed within {} s", PUBLISH_TIMEOUT.as_secs()),
            };
            let pause = backoff.next_pause();
            tracing::warn!(
                error = problem,
                queue = message.queue,
                "Cannot publish interaction {} to {}: next attempt in {pause:.1?}",
                self.interaction(),
                message.queue
            );
            tokio::time::sleep(pause).await;
        }
    }

    fn take_body(&mut self) -> Bytes {
        Bytes::from(std::mem::take(&mut self.held.delivery.data))
    }
}

impl Delivery<Settled> {
    /// Acknowledges the message.
    ///
    /// # Errors
    ///
    /// When the channel is closed. The broker delivers the message again then, and it is found to be a duplicate.
    pub async fn acknowledge(self) -> Result<(), SettleError> {
        let acknowledged = self
            .held
            .delivery
            .acker
            .ack(BasicAckOptions::default())
            .await;
        acknowledged.map(drop).map_err(SettleError::Ack)
    }

    /// Has to be delivered again although it is recorded: what follows the record failed. The next delivery is a duplicate.
    pub(crate) fn failed(self) -> Delivery<Failed> {
        self.into_stage(Failed)
    }
}
