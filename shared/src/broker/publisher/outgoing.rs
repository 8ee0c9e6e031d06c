//! A message on its way out, and what becomes of it.

use bytes::Bytes;
use lapin::BasicProperties;
use tokio::sync::oneshot;

/// A message on its way out.
#[derive(Debug)]
pub struct Outgoing {
    /// Name of the exchange that the message is published to.
    pub exchange: &'static str,
    /// Routing key by which the exchange finds the queue.
    pub routing_key: String,
    /// AMQP properties that travel with the body, headers included.
    pub properties: BasicProperties,
    /// Body of the message, byte for byte.
    pub body: Bytes,
}

/// The broker does not have the message, or did not say that it has.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// There is no connection at present.
    #[error("no connection to RabbitMQ: {0}")]
    Down(String),
    /// The broker takes nothing at present: it is short of memory or disk.
    #[error("RabbitMQ blocks publishers: {0}")]
    Blocked(String),
    /// The broker refused the message: a queue is full.
    #[error("RabbitMQ refused the message (nack): a queue is full")]
    Refused,
    /// No queue is bound for it: the topology was changed.
    #[error("RabbitMQ returned the message: {0}")]
    Returned(String),
    /// The connection failed before the confirm: the broker may have the message.
    #[error("connection lost before the confirm")]
    Lost(#[source] lapin::Error),
    /// No confirm that is certainly this message's: the broker may have it.
    #[error("RabbitMQ did not confirm the message")]
    Unconfirmed,
}

/// Whether messages can be published at present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublisherState {
    /// There is a connection, and every exchange and queue is as it has to be.
    Ready,
    /// No connection, and why.
    Down(String),
    /// The broker blocks publishers, and why.
    Blocked(String),
}

/// A message with the caller who waits for its confirm.
#[derive(Debug)]
pub(super) struct Job {
    pub message: Outgoing,
    pub reply: oneshot::Sender<Outcome>,
}

/// Whether the broker has the message.
pub(super) type Outcome = Result<(), PublishError>;

impl Job {
    pub fn settle(self, outcome: Outcome) {
        answer(self.reply, outcome);
    }
}

/// Answers the caller with what became of the message.
pub(super) fn answer(reply: oneshot::Sender<Outcome>, outcome: Outcome) {
    // Whoever asked may have given up waiting.
    drop(reply.send(outcome));
}
