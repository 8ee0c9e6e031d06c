//! What the queues hold of conversations. Everything stays where it is.

use std::collections::HashMap;

use anyhow::Context;
use lapin::options::{BasicGetOptions, QueueDeclareOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Connection};
use shared::broker::{self, message, topology};
use shared::config;

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Queues {
    /// The reason of each interaction's dead letter, by its id.
    pub dead: HashMap<String, String>,
    /// Messages in the work queue.
    pub work: u32,
    /// Messages in the backfill queue.
    pub backfill: u32,
}

/// Reads them. Dead letters are read as the management UI does, and given back; those that another reader holds at that
/// moment are not seen.
///
/// # Errors
///
/// When the broker fails.
pub(super) async fn read(broker: &config::Broker) -> anyhow::Result<Queues> {
    let connection = broker::connect(broker, "worker reconcile").await?;
    let channel = connection.create_channel().await?;
    let dead = reasons(&channel).await;
    let queues = Queues {
        dead: dead.context("cannot read the dead letter queue")?,
        work: length(&connection, topology::WORK_QUEUE).await,
        backfill: length(&connection, topology::BACKFILL_QUEUE).await,
    };
    let closed = connection.close(200, "done".into()).await;
    tracing::debug!(ok = closed.is_ok(), "Closed the connection");
    Ok(queues)
}

async fn reasons(channel: &Channel) -> lapin::Result<HashMap<String, String>> {
    let mut reasons = HashMap::new();
    let queue = topology::DEAD_LETTER_QUEUE;
    // Not settled: the broker gives them back when the channel closes.
    while let Some(got) = channel
        .basic_get(queue.into(), BasicGetOptions::default())
        .await?
    {
        let properties = &got.delivery.properties;
        if let Some(id) = properties.message_id().as_ref().map(ShortString::as_str) {
            let reason = message::failure_reason(properties);
            reasons.insert(
                id.to_owned(),
                reason.unwrap_or_else(|| "unknown".to_owned()),
            );
        }
    }
    Ok(reasons)
}

/// The length of a queue; 0 if it is not there: workers of an older version declared none for the backfill.
async fn length(connection: &Connection, queue: &str) -> u32 {
    let options = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let found = async {
        let channel = connection.create_channel().await?;
        let found = channel.queue_declare(queue.into(), options, FieldTable::default());
        lapin::Result::Ok(found.await?.message_count())
    };
    found.await.unwrap_or_default()
}
