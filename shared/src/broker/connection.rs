//! Connections to RabbitMQ. Whoever holds one rebuilds it, with its channels, when anything on it fails: lapin's own
//! recovery is not used, so no stale delivery tag can survive a reconnection.

use std::time::Duration;

use lapin::uri::AMQPUri;
use lapin::{Connection, ConnectionProperties};
use secrecy::ExposeSecret;

use crate::config::{self, Broker, ConfigError};

/// The largest frame. lapin sets aside 32 of them for each direction: 8 MiB a connection at RabbitMQ's default of 128 KiB.
/// Larger bodies are split. RabbitMQ 4.1 refuses less than 8 KiB.
const FRAME_MAX_BYTES: u32 = 32 * 1024;

/// No connection to RabbitMQ.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address cannot be used.
    #[error(transparent)]
    Address(#[from] ConfigError),
    /// The broker did not answer in time.
    #[error("RabbitMQ did not answer within {}", humantime::format_duration(*.0))]
    TimedOut(Duration),
    /// The broker refused, or cannot be reached.
    #[error("cannot connect to RabbitMQ")]
    Refused(#[source] lapin::Error),
}

/// Connects to RabbitMQ under a name that its management UI shows.
///
/// # Errors
///
/// When the address is unusable, the broker refuses, or it does not answer within `broker.connect_timeout`.
pub async fn connect(settings: &Broker, name: &str) -> Result<Connection, ConnectError> {
    let uri = address(settings)?;
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let connecting = Connection::connect_uri(uri, properties);
    match tokio::time::timeout(settings.connect_timeout, connecting).await {
        Ok(connection) => connection.map_err(ConnectError::Refused),
        Err(_) => Err(ConnectError::TimedOut(settings.connect_timeout)),
    }
}

fn address(settings: &Broker) -> Result<AMQPUri, ConfigError> {
    let address = settings.url.current();
    config::check_broker_address(&address)?;
    let parsed = address.expose_secret().parse::<AMQPUri>();
    // What the parser says repeats the address.
    let mut uri = parsed.map_err(|_| config::unreadable_broker_address())?;
    uri.query.heartbeat = Some(u16::try_from(settings.heartbeat.as_secs()).unwrap_or(u16::MAX));
    uri.query.frame_max = Some(FRAME_MAX_BYTES);
    uri.query.connection_timeout =
        Some(u64::try_from(settings.connect_timeout.as_millis()).unwrap_or(u64::MAX));
    Ok(uri)
}
