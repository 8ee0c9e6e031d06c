//! Publishes the events of missing conversations, made from Genesys' record, to the backfill queue.
//!
//! Publishing twice is safe: the second message has the key of the first, and is a duplicate. So nothing is locked, and
//! what was interrupted is run again.

use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use futures_util::future::try_join_all;
use shared::broker::{Outgoing, PublishError, Publisher, message, topology};
use shared::domain::ids::InteractionId;
use shared::{clock, telemetry};

use super::ended::{Ended, Made};
use crate::store::Reconciliations;

/// Conversations that are published together.
const AT_ONCE: usize = 100;
/// Time limit for publishing these.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Names the program in messages.
const APP_ID: &str = "worker reconcile";

/// Publishes the events of `missing` conversations. `seen` learns how many conversations were published so far.
///
/// # Errors
///
/// When RabbitMQ does not confirm, or Redis does not answer. What was published stays published.
pub(super) async fn publish(
    publisher: &Publisher,
    store: &Reconciliations,
    missing: &[Ended],
    seen: &mut (dyn FnMut(usize) + Send),
) -> anyhow::Result<()> {
    let mut publisher = publisher.clone();
    let mut done = 0;
    for some in missing.chunks(AT_ONCE) {
        let stopped = || format!("stopped after {done} of {}: run it again", missing.len());
        let publishing = async {
            publisher.ready().await;
            let events = some.iter().flat_map(|ended| &ended.events);
            try_join_all(events.map(|made| publish_one(&publisher, made))).await
        };
        let outcome = tokio::time::timeout(TIMEOUT, publishing).await;
        outcome
            .context("RabbitMQ does not confirm")
            .and_then(|outcome| Ok(outcome?))
            .with_context(stopped)?;
        let ids: Vec<&InteractionId> = some.iter().map(|ended| &ended.id).collect();
        let noted = store.note_published(&ids, clock::now()).await;
        noted.with_context(stopped)?;
        done += some.len();
        seen(done);
    }
    Ok(())
}

async fn publish_one(publisher: &Publisher, made: &Made) -> Result<(), PublishError> {
    let traceparent = telemetry::traceparent(None);
    let properties = message::accepted_properties(&made.event, clock::now(), &traceparent, APP_ID);
    let message = Outgoing {
        exchange: topology::EXCHANGE,
        routing_key: topology::BACKFILL_KEY.to_owned(),
        properties,
        body: Bytes::from(made.body.clone()),
    };
    publisher.publish(message).await
}
