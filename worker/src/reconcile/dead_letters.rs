//! Which interactions have a dead letter, and why. The letters stay where they are.

use std::collections::HashMap;

use anyhow::Context;
use lapin::options::BasicGetOptions;
use lapin::types::ShortString;
use shared::broker::{self, message, topology};
use shared::config;

/// Reads the dead letter queue, as the management UI does, and gives everything back: the reason of each interaction's
/// dead letter, by its id. Letters that another reader holds at that moment are not seen.
///
/// # Errors
///
/// When the broker fails.
pub(super) async fn reasons(broker: &config::Broker) -> anyhow::Result<HashMap<String, String>> {
    let connection = broker::connect(broker, "worker reconcile").await?;
    let channel = connection.create_channel().await?;
    let mut reasons = HashMap::new();
    // Not settled: the broker gives them back when the channel closes.
    while let Some(got) = channel
        .basic_get(
            topology::DEAD_LETTER_QUEUE.into(),
            BasicGetOptions::default(),
        )
        .await
        .context("cannot read the dead letter queue")?
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
    let closed = connection.close(200, "done".into()).await;
    tracing::debug!(ok = closed.is_ok(), "Closed the connection");
    Ok(reasons)
}
