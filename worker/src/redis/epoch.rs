//! Since when Redis is known to remember everything.

use jiff::Timestamp;
use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Script};
use uuid::Uuid;

/// A span of time in which Redis lost nothing. A record that should be there and is not, and an interaction older than
/// the epoch, may have been written to Pipedrive by somebody whom Redis forgot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    pub(super) id: String,
    /// When it began.
    pub since: Timestamp,
}

pub(super) async fn establish(
    connection: &mut MultiplexedConnection,
    key: &str,
    run: &str,
) -> RedisResult<Epoch> {
    let script = Script::new(include_str!("scripts/epoch.lua"));
    let new = Uuid::new_v4().to_string();
    let (id, since): (String, i64) = script
        .key(key)
        .arg(run)
        .arg(new)
        .invoke_async(connection)
        .await?;
    let since = Timestamp::from_millisecond(since).unwrap_or(Timestamp::UNIX_EPOCH);
    Ok(Epoch { id, since })
}
