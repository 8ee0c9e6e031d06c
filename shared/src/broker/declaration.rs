//! Declares exchanges and queues; a user without the right to configure checks that another one declared them.

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ExchangeKind};

use super::topology::{
    BACKFILL_QUEUE, DEAD_LETTER_EXCHANGE, DEAD_LETTER_QUEUE, EXCHANGE, NOT_FOUND, RETRY_EXCHANGE,
    TopologyError, WORK_QUEUE, declare_all, failure, reply_code, retry_queue,
};
use crate::config::RetryDelay;

/// How long a new quorum queue is left alone. RabbitMQ writes down that it is a member of the queue only after 500 ms of
/// rest; killed before, it comes back as a new member of an empty queue, and confirmed messages are gone (seen with
/// 3.10.8 and 4.0.5).
const NEW_QUEUE_PAUSE: Duration = Duration::from_secs(1);

/// Declares everything; what exists already is verified to be the same, or to be there where the user may not declare.
/// Queues that may be new are left alone before the caller relies on them, all of them together: for a second, unless
/// `new_queue_pause` says otherwise.
///
/// # Errors
///
/// When an existing object differs, or the broker fails.
pub async fn declare(
    connection: &Connection,
    delays: &[RetryDelay],
    new_queue_pause: Option<Duration>,
) -> Result<(), TopologyError> {
    let channel = connection.create_channel().await;
    let channel = channel.map_err(|source| failure("a channel".to_owned(), source))?;
    let work = match declare_all(&channel, delays).await {
        Ok(work) => work,
        Err(error) => match error.refusal() {
            Some(refused) => return verify(connection, delays, refused).await,
            None => return Err(error),
        },
    };
    // The broker does not say whether it made a queue. One with messages or consumers was there before.
    if work.message_count() == 0 && work.consumer_count() == 0 {
        tokio::time::sleep(new_queue_pause.unwrap_or(NEW_QUEUE_PAUSE)).await;
    }
    Ok(())
}

/// Checks that every exchange and queue exists. Their arguments and bindings cannot be read over AMQP; `refused` says
/// which right is missing to declare them.
///
/// # Errors
///
/// When one is missing, or the broker fails.
async fn verify(
    connection: &Connection,
    delays: &[RetryDelay],
    refused: &lapin::Error,
) -> Result<(), TopologyError> {
    let channel = connection.create_channel().await;
    let channel = channel.map_err(|source| failure("a channel".to_owned(), source))?;
    for exchange in [EXCHANGE, RETRY_EXCHANGE, DEAD_LETTER_EXCHANGE] {
        let found = find_exchange(&channel, exchange).await;
        found.map_err(|error| missing(format!("exchange {exchange}"), error, refused))?;
    }
    let retries = delays.iter().map(retry_queue);
    for queue in [WORK_QUEUE, BACKFILL_QUEUE, DEAD_LETTER_QUEUE]
        .map(str::to_owned)
        .into_iter()
        .chain(retries)
    {
        let found = find_queue(&channel, &queue).await;
        found.map_err(|error| missing(format!("queue {queue}"), error, refused))?;
    }
    let closed = channel.close(200, "done".into()).await;
    tracing::debug!(
        ok = closed.is_ok(),
        "This user may not declare exchanges and queues ({refused}): they exist"
    );
    Ok(())
}

async fn find_exchange(channel: &Channel, exchange: &str) -> lapin::Result<()> {
    let options = ExchangeDeclareOptions {
        passive: true,
        ..ExchangeDeclareOptions::default()
    };
    let kind = ExchangeKind::Direct;
    channel
        .exchange_declare(exchange.into(), kind, options, FieldTable::default())
        .await
}

async fn find_queue(channel: &Channel, queue: &str) -> lapin::Result<()> {
    let options = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let found = channel.queue_declare(queue.into(), options, FieldTable::default());
    found.await.map(drop)
}

fn missing(object: String, error: lapin::Error, refused: &lapin::Error) -> TopologyError {
    if reply_code(&error) == Some(NOT_FOUND) {
        let detail = refused.to_string();
        return TopologyError::Forbidden { object, detail };
    }
    failure(object, error)
}
