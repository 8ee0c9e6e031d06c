//! Exchanges and queues, and their declaration.
//!
//! The diagram is in `docs/ARCHITECTURE.md`. Nothing is rejected: a worker returns messages to the work queue at shutdown
//! only, and publishes all others before it acknowledges them.
//!
//! What a queue is, is declared here: arguments cannot be changed later, and a policy with one key that the broker does
//! not know is refused as a whole by RabbitMQ 3.10. Only size limits are left to policies.

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{Channel, Connection, ExchangeKind, Queue};

use crate::config::RetryDelay;

/// Takes new interactions, and those whose delay is over.
pub const EXCHANGE: &str = "interactions";
/// Takes failed messages, by delay.
pub const RETRY_EXCHANGE: &str = "interactions.retry";
/// Takes dead letters, from the worker and from the broker.
pub const DEAD_LETTER_EXCHANGE: &str = "interactions.dlx";

/// Queue that workers consume.
pub const WORK_QUEUE: &str = "interactions.work";
/// Queue of events that were made from Genesys' record. Workers take from it while the work queue is empty.
pub const BACKFILL_QUEUE: &str = "interactions.backfill";
/// Has no consumer: dead letters wait for an operator.
pub const DEAD_LETTER_QUEUE: &str = "interactions.dead";

/// Routing key of [`WORK_QUEUE`].
pub const WORK_KEY: &str = "work";
/// Routing key of [`BACKFILL_QUEUE`].
pub const BACKFILL_KEY: &str = "backfill";
/// Routing key of [`DEAD_LETTER_QUEUE`].
pub const DEAD_KEY: &str = "dead";

/// Deliveries without a settlement after which the broker takes a message for poison. RabbitMQ 4's default, said so that
/// 3.10, which has none, behaves alike.
const WORK_DELIVERY_LIMIT: i64 = 20;
/// Looking at a dead letter in the management UI counts as a delivery up to RabbitMQ 4.2; at the default limit of 20 the
/// message would be gone. `-1` is no way out: 3.10 drops a message at its first requeue then.
const DEAD_DELIVERY_LIMIT: i64 = 1_000_000;

/// AMQP's reply code for an object that exists with other arguments.
const PRECONDITION_FAILED: u16 = 406;
/// AMQP's reply code for an object that does not exist.
pub(super) const NOT_FOUND: u16 = 404;
/// AMQP's reply code where the user has not the right.
const ACCESS_REFUSED: u16 = 403;

/// The topology could not be declared.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// An object of the name exists, but is another. Waiting does not help.
    #[error(
        "{object} exists with other arguments ({detail}); move its messages away and delete it, or use another virtual host"
    )]
    Inequivalent {
        /// The exchange or queue.
        object: String,
        /// What the broker said.
        detail: String,
    },
    /// It does not exist, and this user may not make it.
    #[error(
        "{object} does not exist, and this user may not declare it ({detail}): start once as a user with the permissions \
         configure, write and read on interactions.*, or grant them"
    )]
    Forbidden {
        /// The exchange or queue.
        object: String,
        /// What the broker said.
        detail: String,
    },
    /// The broker did not carry it out.
    #[error("cannot declare {object}")]
    Failed {
        /// The exchange or queue.
        object: String,
        /// What the broker answered to the declaration.
        #[source]
        source: lapin::Error,
    },
}

impl TopologyError {
    /// Why the broker refused it for want of a right.
    #[must_use]
    pub fn refusal(&self) -> Option<&lapin::Error> {
        match self {
            Self::Failed { source, .. } => {
                Some(source).filter(|source| reply_code(source) == Some(ACCESS_REFUSED))
            }
            Self::Inequivalent { .. } | Self::Forbidden { .. } => None,
        }
    }
}

/// The queue in which messages wait for `delay`. The delay is in the name: another delay is another queue.
#[must_use]
pub fn retry_queue(delay: &RetryDelay) -> String {
    format!("{RETRY_EXCHANGE}.{}", delay.name())
}

/// Declares everything, and returns how the work queue was found.
pub(super) async fn declare_all(
    channel: &Channel,
    delays: &[RetryDelay],
) -> Result<Queue, TopologyError> {
    for exchange in [EXCHANGE, RETRY_EXCHANGE, DEAD_LETTER_EXCHANGE] {
        let options = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let declared = channel
            .exchange_declare(
                exchange.into(),
                ExchangeKind::Direct,
                options,
                FieldTable::default(),
            )
            .await;
        declared.map_err(|source| failure(format!("exchange {exchange}"), source))?;
    }

    let mut dead = quorum_queue(DEAD_DELIVERY_LIMIT);
    dead.insert("x-overflow".into(), text("reject-publish"));
    declare_queue(
        channel,
        DEAD_LETTER_QUEUE,
        dead,
        DEAD_LETTER_EXCHANGE,
        DEAD_KEY,
    )
    .await?;

    let worked = || {
        let queue = quorum_queue(WORK_DELIVERY_LIMIT);
        dead_lettering(queue, DEAD_LETTER_EXCHANGE, DEAD_KEY)
    };
    let work = declare_queue(channel, WORK_QUEUE, worked(), EXCHANGE, WORK_KEY).await?;
    declare_queue(channel, BACKFILL_QUEUE, worked(), EXCHANGE, BACKFILL_KEY).await?;

    for delay in delays {
        let mut arguments = dead_lettering(quorum_queue(DEAD_DELIVERY_LIMIT), EXCHANGE, WORK_KEY);
        arguments.insert(
            "x-message-ttl".into(),
            AMQPValue::LongLongInt(milliseconds(delay.duration)),
        );
        declare_queue(
            channel,
            &retry_queue(delay),
            arguments,
            RETRY_EXCHANGE,
            delay.name(),
        )
        .await?;
    }
    Ok(work)
}

/// Whether an installation left its mark; see [`mark`]. Asking closes the channel that is used for it.
///
/// # Errors
///
/// When the broker fails.
pub async fn is_marked(connection: &Connection, installation: &str) -> Result<bool, TopologyError> {
    let options = ExchangeDeclareOptions {
        passive: true,
        ..ExchangeDeclareOptions::default()
    };
    match declare_mark(connection, installation, options).await {
        Ok(()) => Ok(true),
        Err(TopologyError::Failed { source, .. }) if reply_code(&source) == Some(NOT_FOUND) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Leaves the mark of an installation: an exchange to which nothing is published. It outlives whatever happens to Redis.
///
/// # Errors
///
/// When the broker fails.
pub async fn mark(connection: &Connection, installation: &str) -> Result<(), TopologyError> {
    let options = ExchangeDeclareOptions {
        durable: true,
        internal: true,
        ..ExchangeDeclareOptions::default()
    };
    declare_mark(connection, installation, options).await
}

async fn declare_mark(
    connection: &Connection,
    installation: &str,
    options: ExchangeDeclareOptions,
) -> Result<(), TopologyError> {
    let name = format!("{EXCHANGE}.installed.{installation}");
    let object = || format!("exchange {name}");
    let channel = connection.create_channel().await;
    let channel = channel.map_err(|source| failure(object(), source))?;
    let declared = channel.exchange_declare(
        name.as_str().into(),
        ExchangeKind::Direct,
        options,
        FieldTable::default(),
    );
    declared.await.map_err(|source| failure(object(), source))
}

pub(super) fn reply_code(error: &lapin::Error) -> Option<u16> {
    match error.kind() {
        lapin::ErrorKind::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    }
}

fn quorum_queue(delivery_limit: i64) -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments.insert(
        "x-delivery-limit".into(),
        AMQPValue::LongLongInt(delivery_limit),
    );
    arguments
}

/// Dead-letters at least once: that needs `reject-publish`, with `drop-head` the broker silently falls back to at most
/// once. The routing key is always said: after a move in the management UI a message carries the queue's name as key,
/// and its next death would be unroutable. Source: rabbitmq.com/docs/quorum-queues#dead-lettering.
fn dead_lettering(mut arguments: FieldTable, exchange: &str, key: &str) -> FieldTable {
    arguments.insert("x-dead-letter-exchange".into(), text(exchange));
    arguments.insert("x-dead-letter-routing-key".into(), text(key));
    arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
    arguments.insert("x-overflow".into(), text("reject-publish"));
    arguments
}

async fn declare_queue(
    channel: &Channel,
    queue: &str,
    arguments: FieldTable,
    exchange: &str,
    key: &str,
) -> Result<Queue, TopologyError> {
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let declared = channel
        .queue_declare(queue.into(), options, arguments)
        .await;
    let declared = declared.map_err(|source| failure(format!("queue {queue}"), source))?;
    let bound = channel
        .queue_bind(
            queue.into(),
            exchange.into(),
            key.into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await;
    bound.map_err(|source| failure(format!("binding of queue {queue}"), source))?;
    Ok(declared)
}

pub(super) fn failure(object: String, source: lapin::Error) -> TopologyError {
    match source.kind() {
        lapin::ErrorKind::ProtocolError(error) if error.get_id() == PRECONDITION_FAILED => {
            let detail = error.get_message().to_string();
            TopologyError::Inequivalent { object, detail }
        }
        _ => TopologyError::Failed { object, source },
    }
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(value))
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
