//! Distinguishes a first start, whose Redis is empty because nothing has happened yet, from a Redis that lost its data.
//!
//! The marker is an exchange in RabbitMQ, whose data is stored elsewhere: a worker declares it before its first epoch.

use lapin::Connection;
use shared::broker::{self, ConnectError, TopologyError};
use shared::config;

/// Asks RabbitMQ for the marker, and declares it.
#[derive(Clone, Debug)]
pub struct FirstStart {
    /// RabbitMQ, which holds the marker.
    pub broker: config::Broker,
    /// Prefix of every key in Redis; it names the installation.
    pub prefix: String,
}

/// The marker cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum MarkerError {
    /// The broker does not answer.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The broker does not declare or find the marker.
    #[error(transparent)]
    Mark(#[from] TopologyError),
}

impl FirstStart {
    /// Whether no worker with this prefix ever began an epoch; from now on one has.
    ///
    /// # Errors
    ///
    /// When RabbitMQ cannot be asked. Nothing can be consumed then either.
    pub async fn is_first(&self) -> Result<bool, MarkerError> {
        let connection = broker::connect(&self.broker, "worker installation").await?;
        // A broker that is about to fail may leave a question unanswered.
        let limit = self.broker.connect_timeout;
        let asked = tokio::time::timeout(limit, self.ask(&connection)).await;
        asked.map_err(|_| ConnectError::TimedOut(limit))?
    }

    async fn ask(&self, connection: &Connection) -> Result<bool, MarkerError> {
        let is_marked = broker::is_marked(connection, &self.prefix).await?;
        let is_first = !is_marked && self.leave_mark(connection).await?;
        let closed = connection.close(200, "done".into()).await;
        tracing::debug!(
            ok = closed.is_ok(),
            is_marked,
            "Read the mark of the first start from RabbitMQ"
        );
        Ok(is_first)
    }

    /// Leaves the mark. Where the user may not, this start counts as one of many: Redis may have lost data.
    async fn leave_mark(&self, connection: &Connection) -> Result<bool, MarkerError> {
        match broker::mark(connection, &self.prefix).await {
            Ok(()) => Ok(true),
            Err(error) => match error.refusal() {
                Some(refused) => {
                    tracing::warn!(
                        error = %refused,
                        "The mark of the first start cannot be left in RabbitMQ ({refused}): Redis counts as one that may have \
                         lost data, and Pipedrive is searched for interactions that began before now"
                    );
                    Ok(false)
                }
                None => Err(error.into()),
            },
        }
    }
}
