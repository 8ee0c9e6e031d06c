//! Exchanges and queues that another user declared: a user without the right to configure checks that they are there.

use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ExchangeKind};

use super::topology::{
    DEAD_LETTER_EXCHANGE, DEAD_LETTER_QUEUE, EXCHANGE, NOT_FOUND, RETRY_EXCHANGE, TopologyError,
    WORK_QUEUE, failure, reply_code, retry_queue,
};
use crate::config::RetryDelay;

/// Checks that every exchange and queue exists. Their arguments and bindings cannot be read over AMQP; `refused` says
/// which right is missing to declare them.
///
/// # Errors
///
/// When one is missing, or the broker fails.
pub(super) async fn verify(
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
    for queue in [WORK_QUEUE, DEAD_LETTER_QUEUE]
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
