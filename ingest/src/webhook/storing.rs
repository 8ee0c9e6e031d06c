//! Storage of an accepted webhook's message: in the broker, else in the spool.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use metrics::{Counter, Histogram};
use shared::broker::{Outgoing, Publisher, properties_json};
use shared::error::chain;
use shared::fail_point::{self, FailPoint};

use super::WebhookError;
use super::outage_log::OutageLog;
use crate::metrics::Metrics;
use crate::spool::{Record, Spool, SpoolError};

/// Stores messages, and logs when it stores them elsewhere than usual.
pub(super) struct MessageStorage {
    publish_timeout: Duration,
    spool: Option<Spool>,
    spooled: Counter,
    publish_seconds: Histogram,
    spooling: OutageLog,
    refusing: OutageLog,
}

impl MessageStorage {
    /// Messages that the broker does not confirm within `publish_timeout` go to `spool`.
    pub fn new(publish_timeout: Duration, spool: Option<Spool>, metrics: &Metrics) -> Self {
        Self {
            publish_timeout,
            spool,
            spooled: metrics.spooled.clone(),
            publish_seconds: metrics.publish_seconds.clone(),
            spooling: OutageLog::default(),
            refusing: OutageLog::default(),
        }
    }

    /// Publishes, or else spools. When this returns, the sender may delete its copy.
    ///
    /// # Errors
    ///
    /// When the message is neither in the broker nor in the spool for certain.
    pub async fn publish_or_spool(
        &self,
        publisher: &Publisher,
        message: impl Fn() -> Outgoing,
        received_at: Timestamp,
    ) -> Result<(), WebhookError> {
        // Built a second time only for the spool: publishing consumes it, and the usual case has to stay cheap.
        match self.publish(publisher, message()).await {
            Ok(()) => {
                self.log_recovery();
                fail_point::reach(FailPoint::WebhookConfirmed).await;
            }
            Err(error) => Box::pin(self.spool_message(message(), received_at, error)).await?,
        }
        Ok(())
    }

    /// Logs that a webhook is answered 503 because of `error`.
    pub fn log_refusal(&self, error: &WebhookError) {
        if self.refusing.failed(Instant::now()) {
            let why = chain(error);
            tracing::warn!(
                reason = error.label(),
                error = why,
                "Webhooks are answered 503, and their senders have to repeat them: {why}"
            );
        }
    }

    fn log_recovery(&self) {
        // Both have recovered.
        if self.spooling.recovered() | self.refusing.recovered() {
            tracing::info!("Webhooks are published to RabbitMQ again");
        }
    }

    /// Publishes within `ingest.publish_timeout`, the confirm included.
    async fn publish(&self, publisher: &Publisher, message: Outgoing) -> Result<(), WebhookError> {
        let start = Instant::now();
        let confirmed =
            tokio::time::timeout(self.publish_timeout, publisher.publish(message)).await;
        confirmed.map_err(|_| WebhookError::NotConfirmed(self.publish_timeout))??;
        self.publish_seconds.record(start.elapsed());
        Ok(())
    }

    /// Stores a message in the spool that was not published because of `error`; without a spool, `error` is the outcome.
    ///
    /// A broker that did not answer in time may have the message too. The worker skips the second one as a duplicate, as
    /// it does when the sender repeats an event.
    async fn spool_message(
        &self,
        message: Outgoing,
        received_at: Timestamp,
        error: WebhookError,
    ) -> Result<(), WebhookError> {
        let Some(spool) = &self.spool else {
            return Err(error);
        };
        fail_point::reach(FailPoint::SpoolNeeded).await;
        let properties = properties_json::to_json(&message.properties);
        let record = Record {
            received_at,
            properties: properties.map_err(|error| SpoolError::Failed(error.to_string()))?,
            body: message.body,
        };
        let stored = tokio::time::timeout(self.publish_timeout, spool.append(record)).await;
        stored.map_err(|_| SpoolError::TimedOut(self.publish_timeout))??;
        self.spooled.increment(1);
        if self.spooling.failed(Instant::now()) {
            let why = chain(&error);
            tracing::warn!(
                reason = error.label(),
                error = why,
                "Webhooks go to the spool: {why}"
            );
        }
        fail_point::reach(FailPoint::Spooled).await;
        Ok(())
    }
}
