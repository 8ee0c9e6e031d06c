//! Since when Redis is known to have lost nothing.

use jiff::Timestamp;
use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Script};
use uuid::Uuid;

/// A span of time in which Redis lost nothing. An interaction without an entry that is older than the epoch may have been
/// written to Pipedrive by a worker whose entry was lost.
///
/// The first epoch of an installation has no beginning: there was nothing to lose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    pub(super) id: String,
    /// Begin of the epoch.
    pub since: Timestamp,
}

impl Epoch {
    /// The epoch of those who claim nothing: no entry is of it.
    pub(super) fn none() -> Self {
        Self {
            id: String::new(),
            since: Timestamp::MAX,
        }
    }
}

/// Evidence that decides whether an epoch continues.
#[derive(Debug)]
pub(super) struct Evidence {
    /// Id of the server's run; empty where it is not reported.
    pub run: String,
    /// Whether the epoch of an unknown run is another worker's, begun while this one was connected.
    pub adopts: bool,
    /// Whether a restart loses nothing: each write is on disk before it is answered (`appendfsync always`), and the
    /// server is not a replica that was promoted.
    pub survives_restarts: bool,
}

/// Whether an epoch is on record.
pub(super) async fn is_known(
    connection: &mut MultiplexedConnection,
    key: &str,
) -> RedisResult<bool> {
    redis::cmd("EXISTS").arg(key).query_async(connection).await
}

pub(super) async fn establish(
    connection: &mut MultiplexedConnection,
    key: &str,
    evidence: &Evidence,
    is_first: bool,
) -> RedisResult<Epoch> {
    let script = Script::new(include_str!("scripts/epoch.lua"));
    let new = Uuid::new_v4().to_string();
    let (id, since): (String, i64) = script
        .key(key)
        .arg(&evidence.run)
        .arg(new)
        .arg(u8::from(evidence.survives_restarts))
        .arg(u8::from(is_first))
        .arg(u8::from(evidence.adopts))
        .invoke_async(connection)
        .await?;
    let since = Timestamp::from_millisecond(since).unwrap_or(Timestamp::UNIX_EPOCH);
    Ok(Epoch { id, since })
}
