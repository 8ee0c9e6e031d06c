//! Tells a first installation, whose Redis is empty since nothing happened yet, from one whose Redis lost its data.
//!
//! The witness is RabbitMQ, whose data lies elsewhere: before a worker begins its first epoch, it leaves a mark there.

use lapin::Connection;
use shared::broker::{self, ConnectError, TopologyError};
use shared::config;

/// Asks the witness.
#[derive(Clone, Debug)]
pub struct Installation {
    /// Where the witness is.
    pub broker: config::Broker,
    /// Which installation: what every key in Redis begins with.
    pub prefix: String,
}

/// The witness cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// It does not answer.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It does not tell.
    #[error(transparent)]
    Mark(#[from] TopologyError),
}

impl Installation {
    /// Whether no worker of this installation ever began an epoch; from now on one has.
    ///
    /// # Errors
    ///
    /// When RabbitMQ cannot be asked. Nothing can be consumed then either.
    pub async fn is_first(&self) -> Result<bool, WitnessError> {
        let connection = broker::connect(&self.broker, "worker installation").await?;
        // A broker that is about to fail may leave a question unanswered.
        let limit = self.broker.connect_timeout;
        let asked = tokio::time::timeout(limit, self.ask(&connection)).await;
        asked.map_err(|_| ConnectError::TimedOut(limit))?
    }

    async fn ask(&self, connection: &Connection) -> Result<bool, WitnessError> {
        let is_marked = broker::is_marked(connection, &self.prefix).await?;
        if !is_marked {
            broker::mark(connection, &self.prefix).await?;
        }
        let closed = connection.close(200, "done".into()).await;
        tracing::debug!(
            ok = closed.is_ok(),
            is_marked,
            "Asked for the installation's mark"
        );
        Ok(!is_marked)
    }
}
