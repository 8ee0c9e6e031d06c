//! A message this worker holds, and the event it tells.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use shared::backoff::Backoff;
use shared::broker::message::{self, Envelope};
use shared::broker::topology;
use shared::broker::{Outgoing, Publisher};
use shared::clock;
use shared::config::RetryDelay;
use shared::domain::event::{Filter, Kind, Reading, Unrecognised, read_body};
use shared::domain::facts::Facts;
use shared::domain::ids::{EventKey, InteractionId};
use shared::error::chain;
use shared::fail_point::{self, FailPoint};

use crate::delivery::failure::Failure;

/// Failed deliveries after which a message is suspect. One is what every message has that a worker held when it was killed.
const SUSPECT_AFTER: u32 = 2;
/// How long one attempt to publish may take before another is made.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(30);

/// A message from the work queue that is not settled yet.
///
/// Settling consumes it: a second time will not compile.
#[derive(Debug)]
#[must_use = "an unsettled message holds a prefetch slot until its channel closes"]
pub struct Inbound {
    delivery: Delivery,
    /// What its headers tell.
    pub envelope: Envelope,
}

/// What a message tells.
#[derive(Debug)]
pub struct Decoded {
    /// Which interaction.
    pub interaction: InteractionId,
    /// Which of its events.
    pub event: EventKey,
    /// The event's kind.
    pub kind: Kind,
    /// What it tells.
    pub facts: Facts,
}

/// The message could not be settled: its connection is gone, and the broker will deliver it again.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// Not acknowledged.
    #[error("the message was not acknowledged")]
    Ack(#[source] lapin::Error),
    /// Its channel closed before it was published to where it should go next.
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

impl Inbound {
    /// Takes a delivery.
    pub fn new(delivery: Delivery) -> Self {
        let envelope = Envelope::read(&delivery.properties, delivery.redelivered);
        Self { delivery, envelope }
    }

    /// When `ingest` received it; for one that was published by hand, now.
    #[must_use]
    pub fn received_at(&self) -> Timestamp {
        self.envelope.received_at.unwrap_or_else(clock::now)
    }

    /// Whether somebody may have worked on it before.
    #[must_use]
    pub fn was_seen_before(&self) -> bool {
        self.delivery.redelivered
            || self.envelope.attempts > 0
            || self.envelope.is_replay
            || self.envelope.deferred
    }

    /// Whether somebody may have recorded it before: a message that was parked was in somebody's hands, too.
    #[must_use]
    pub fn may_be_recorded(&self) -> bool {
        self.was_seen_before() || self.envelope.retry_since.is_some()
    }

    /// Whether it failed so often that it may have killed a worker.
    #[must_use]
    pub fn is_suspect(&self) -> bool {
        self.envelope.failed_deliveries >= SUSPECT_AFTER
    }

    /// The body as it came.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.delivery.data
    }

    /// Properties and headers as they came.
    #[must_use]
    pub fn properties(&self) -> &BasicProperties {
        &self.delivery.properties
    }

    /// Recognises the body, as `ingest` did. What was accepted once is recorded, whatever the filter says by now.
    ///
    /// # Errors
    ///
    /// When it tells no event that is ever recorded: somebody else published it, a newer
    /// version did, or it was cut off too early.
    pub fn decode(&self) -> Result<Decoded, Failure> {
        if self.envelope.schema > message::SCHEMA {
            return Err(Failure::NewerSchema {
                what: "message",
                schema: self.envelope.schema,
            });
        }
        let (topic, filter) = (self.envelope.event.as_deref(), Filter::everything());
        let read = read_body(self.body(), topic, &filter, true)
            .map_err(|error| Failure::Unrecognised(reason(&error)))?;
        match read.reading {
            Reading::Event(event) => Ok(Decoded {
                facts: Facts::of(&event, self.received_at()),
                interaction: event.interaction,
                event: event.key,
                kind: event.kind,
            }),
            Reading::Ignored(why) => Err(Failure::NotOurs(why.to_string())),
            Reading::Fragment { why, .. } => Err(Failure::Unrecognised(format!(
                "it is cut off after {} bytes, and {}",
                self.body().len(),
                reason(&why)
            ))),
        }
    }

    /// Acknowledges it: all is done.
    ///
    /// # Errors
    ///
    /// When the channel is gone. The message comes again then, and is found to be done.
    pub async fn ack(self) -> Result<(), SettleError> {
        self.delivery
            .acker
            .ack(BasicAckOptions::default())
            .await
            .map(drop)
            .map_err(SettleError::Ack)
    }

    /// Publishes it to a retry queue, and acknowledges it. In this order a crash in between makes a second message, which
    /// is found to be a duplicate; in the other it would be lost.
    ///
    /// # Errors
    ///
    /// When either is not confirmed. The message comes again then.
    pub async fn retry(
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
        self.move_on(publisher, message, FailPoint::RetryPublished)
            .await
    }

    /// Publishes it to the dead letter queue, body unchanged, and acknowledges it.
    ///
    /// # Errors
    ///
    /// When either is not confirmed. The message comes again then.
    pub async fn dead_letter(
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
        self.move_on(publisher, message, FailPoint::DeadLetterPublished)
            .await
    }

    /// Gives it back to the queue untouched; at shutdown only.
    ///
    /// # Errors
    ///
    /// When the channel is gone: then it is back in the queue already.
    pub async fn requeue(self) -> Result<(), SettleError> {
        let options = BasicNackOptions {
            requeue: true,
            ..BasicNackOptions::default()
        };
        self.delivery
            .acker
            .nack(options)
            .await
            .map(drop)
            .map_err(SettleError::Ack)
    }

    /// Publishes until it is confirmed: the broker may be short of memory, or on its way back.
    async fn move_on(
        self,
        publisher: &Publisher,
        message: Moving,
        passed: FailPoint,
    ) -> Result<(), SettleError> {
        let mut publisher = publisher.clone();
        let mut backoff = Backoff::default();
        loop {
            let publishing = async {
                publisher.ready().await;
                publisher.publish(message.to_outgoing()).await
            };
            match tokio::time::timeout(PUBLISH_TIMEOUT, publishing).await {
                Ok(Ok(())) => break,
                // The broker gave the message to somebody else: that one moves it on.
                _ if !self.delivery.acker.usable() => return Err(SettleError::Gone(message.queue)),
                Ok(Err(error)) => tracing::warn!(
                    error = chain(&error),
                    queue = message.queue,
                    "Not published yet"
                ),
                Err(_) => tracing::warn!(queue = message.queue, "Not confirmed yet"),
            }
            tokio::time::sleep(backoff.next_pause()).await;
        }
        fail_point::reach(passed).await;
        self.ack().await
    }

    fn take_body(&mut self) -> Bytes {
        Bytes::from(std::mem::take(&mut self.delivery.data))
    }
}

/// Without what the body says: a syntax error quotes nothing, but a shape error may.
fn reason(error: &Unrecognised) -> String {
    match error {
        Unrecognised::Shape(_) => "a member is there twice".to_owned(),
        other => other.to_string(),
    }
}
