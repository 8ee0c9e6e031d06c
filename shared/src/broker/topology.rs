//! Exchanges and queues, and their declaration.
//!
//! ```text
//! ingest ──► interactions (direct) ──work──► interactions.work ──► worker
//!                  ▲                              │ reject, delivery limit
//!                  │ TTL over, key work           ▼
//! worker ──► interactions.retry (direct) ──30s──► interactions.retry.30s, … one queue a delay
//! worker ──► interactions.dlx (direct) ──dead──► interactions.dead ◄── the broker itself
//! ```
//!
//! What a queue is, is declared here: arguments cannot be changed later, and a policy with one key that the broker does
//! not know is refused as a whole by RabbitMQ 3.10. Only size limits are left to policies.

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{Channel, Connection, ExchangeKind};

use crate::config::RetryDelay;

/// Takes new interactions, and those whose delay is over.
pub const EXCHANGE: &str = "interactions";
/// Takes failed messages, by delay.
pub const RETRY_EXCHANGE: &str = "interactions.retry";
/// Takes dead letters, from the worker and from the broker.
pub const DEAD_LETTER_EXCHANGE: &str = "interactions.dlx";

/// What workers consume.
pub const WORK_QUEUE: &str = "interactions.work";
/// What nobody consumes: dead letters wait for an operator.
pub const DEAD_LETTER_QUEUE: &str = "interactions.dead";

/// Routing key of [`WORK_QUEUE`].
pub const WORK_KEY: &str = "work";
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
const NOT_FOUND: u16 = 404;

/// How long a new quorum queue is left alone. RabbitMQ writes down that it is a member of the queue only after 500 ms of
/// rest; killed before, it comes back as a new member of an empty queue, and confirmed messages are gone (seen with
/// 3.10.8 and 4.0.5).
const NEW_QUEUE_PAUSE: Duration = Duration::from_secs(1);

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
    /// The broker did not carry it out.
    #[error("cannot declare {object}")]
    Failed {
        /// The exchange or queue.
        object: String,
        /// Why.
        #[source]
        source: lapin::Error,
    },
}

/// The queue in which messages wait for `delay`. The delay is in the name: another delay is another queue.
#[must_use]
pub fn retry_queue(delay: &RetryDelay) -> String {
    format!("{RETRY_EXCHANGE}.{}", delay.name())
}

/// Declares everything; what exists already is verified to be the same. Queues that are new are given time to be
/// remembered before anybody relies on them.
///
/// # Errors
///
/// When an existing object differs, or the broker fails.
pub async fn declare(connection: &Connection, delays: &[RetryDelay]) -> Result<(), TopologyError> {
    let is_new = !exist_all(connection, delays).await?;
    let channel = open_channel(connection).await?;
    declare_all(&channel, delays).await?;
    if is_new {
        tracing::info!("Declared exchanges and queues");
        tokio::time::sleep(NEW_QUEUE_PAUSE).await;
    }
    Ok(())
}

/// Whether every queue is there. Asking for one that is not closes the channel.
async fn exist_all(connection: &Connection, delays: &[RetryDelay]) -> Result<bool, TopologyError> {
    let channel = open_channel(connection).await?;
    let options = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let retry_queues = delays.iter().map(retry_queue);
    for queue in [WORK_QUEUE.to_owned(), DEAD_LETTER_QUEUE.to_owned()]
        .into_iter()
        .chain(retry_queues)
    {
        let found = channel
            .queue_declare(queue.as_str().into(), options, FieldTable::default())
            .await;
        match found {
            Ok(_) => {}
            Err(error) if reply_code(&error) == Some(NOT_FOUND) => return Ok(false),
            Err(source) => return Err(failure(format!("queue {queue}"), source)),
        }
    }
    Ok(true)
}

async fn open_channel(connection: &Connection) -> Result<Channel, TopologyError> {
    let opened = connection.create_channel().await;
    opened.map_err(|source| failure("a channel".to_owned(), source))
}

async fn declare_all(channel: &Channel, delays: &[RetryDelay]) -> Result<(), TopologyError> {
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

    let work = dead_lettering(
        quorum_queue(WORK_DELIVERY_LIMIT),
        DEAD_LETTER_EXCHANGE,
        DEAD_KEY,
    );
    declare_queue(channel, WORK_QUEUE, work, EXCHANGE, WORK_KEY).await?;

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
    Ok(())
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
) -> Result<(), TopologyError> {
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let declared = channel
        .queue_declare(queue.into(), options, arguments)
        .await;
    declared.map_err(|source| failure(format!("queue {queue}"), source))?;
    let bound = channel
        .queue_bind(
            queue.into(),
            exchange.into(),
            key.into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await;
    bound.map_err(|source| failure(format!("binding of queue {queue}"), source))
}

fn failure(object: String, source: lapin::Error) -> TopologyError {
    match source.kind() {
        lapin::ErrorKind::ProtocolError(error) if error.get_id() == PRECONDITION_FAILED => {
            let detail = error.get_message().to_string();
            TopologyError::Inequivalent { object, detail }
        }
        _ => TopologyError::Failed { object, source },
    }
}

fn reply_code(error: &lapin::Error) -> Option<u16> {
    match error.kind() {
        lapin::ErrorKind::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    }
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(value))
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
