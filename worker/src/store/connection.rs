//! The connection to Redis, verified whenever it is made, and the names of keys.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, RedisError, RedisResult};
use shared::config;
use tokio::sync::watch;

use super::client::Authorities;
use super::epoch::{self, Epoch, Evidence};
use super::handle::HandleHasher;
use crate::store::first_start::MarkerError;

/// Redis cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or refuses.
    #[error("cannot use Redis")]
    Redis(#[from] RedisError),
    /// It is unknown whether it lost its data.
    #[error("cannot find out whether Redis lost its data")]
    Marker(#[from] MarkerError),
    /// The user lacks a right.
    #[error("this user of Redis lacks a right: ACL SETUSER … {right}")]
    Forbidden {
        /// As `ACL SETUSER` grants it.
        right: &'static str,
        /// The answer of Redis.
        #[source]
        source: RedisError,
    },
    /// It may evict the keys by which duplicates are recognised.
    #[error(
        "Redis evicts keys (maxmemory-policy {0}): set maxmemory-policy noeviction, on an instance of our own"
    )]
    Evicts(String),
}

/// What was found when the connection was made.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Whether the user may read `INFO`. Without it neither the policy nor what a crash leaves is known.
    pub has_info: bool,
    /// `maxmemory-policy`; `None` where the server does not report it.
    pub eviction: Option<String>,
    /// What a crash of the server leaves.
    pub persistence: Persistence,
    /// Version of the server.
    pub version: String,
}

/// What a crash of the server leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// All that was answered: an append-only file with `appendfsync always`.
    EachWrite,
    /// All but about the last second.
    Late,
    /// No more than the last snapshot.
    None,
    /// Not reported.
    Unknown,
}

/// What follows where the user may not read `INFO`.
pub(crate) const NO_INFO: &str = "this user may not run INFO (ACL: +info), so it is unknown whether Redis evicts keys or loses \
    writes, and each new connection counts as one to a Redis that may have lost data";

impl fmt::Display for Persistence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EachWrite => "each write is on disk before it is answered",
            Self::Late => "a crash may lose the last second: set appendfsync always",
            Self::None => "a restart forgets: set appendonly yes and appendfsync always",
            Self::Unknown => NO_INFO,
        })
    }
}

/// A connection to Redis that can be lost and made again, and what every key begins with.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: config::Redis,
    hasher: HandleHasher,
    authorities: Authorities,
    session: watch::Sender<Option<Session>>,
    /// Whether another worker was seen to begin an epoch.
    knows_newer_epoch: AtomicBool,
}

#[derive(Clone, Debug)]
struct Session {
    connection: MultiplexedConnection,
    epoch: Epoch,
}

impl Store {
    /// Prepares; nothing is connected yet.
    ///
    /// # Errors
    ///
    /// When the address, or the file of authorities beside it, is unusable.
    pub fn new(settings: config::Redis) -> Result<Self, config::ConfigError> {
        let authorities = Authorities::read(&settings)?;
        let (session, _) = watch::channel(None);
        Ok(Self {
            inner: Arc::new(Inner {
                hasher: HandleHasher::new(settings.hash_key.as_ref()),
                settings,
                authorities,
                session,
                knows_newer_epoch: AtomicBool::new(false),
            }),
        })
    }

    /// Connects, and reads or begins the epoch. Where no epoch is stored, `is_first` returns whether there never was one.
    ///
    /// # Errors
    ///
    /// When Redis cannot be reached, evicts keys or is full, or it is unknown whether there was an epoch.
    pub async fn connect(
        &self,
        is_first: impl AsyncFnOnce() -> Result<bool, MarkerError>,
    ) -> Result<(), StoreError> {
        let (mut connection, _, mut evidence) = self.open().await?;
        // Beginning an epoch of one's own would end that of the worker that began this one, which would begin another.
        evidence.adopts = self.inner.knows_newer_epoch.swap(false, Ordering::Relaxed);
        let key = self.key("epoch");
        let is_first = !epoch::is_known(&mut connection, &key).await? && is_first().await?;
        let epoch = epoch::establish(&mut connection, &key, &evidence, is_first).await?;
        let session = Session { connection, epoch };
        self.inner.session.send_replace(Some(session));
        Ok(())
    }

    /// Connects for a command that works on no interaction: the epoch is left to the workers.
    ///
    /// # Errors
    ///
    /// When Redis cannot be reached, evicts keys, or is full.
    pub async fn connect_without_epoch(&self) -> Result<(), StoreError> {
        let (connection, ..) = self.open().await?;
        let session = Session {
            connection,
            epoch: Epoch::none(),
        };
        self.inner.session.send_replace(Some(session));
        Ok(())
    }

    /// Checks whether Redis can be used, and changes nothing.
    ///
    /// # Errors
    ///
    /// When it cannot be reached, evicts keys, or is full.
    pub async fn probe(&self) -> Result<Facts, StoreError> {
        let (_, facts, _) = self.open().await?;
        Ok(facts)
    }

    async fn open(&self) -> Result<(MultiplexedConnection, Facts, Evidence), StoreError> {
        let timeout = Some(self.inner.settings.timeout);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(timeout)
            .set_response_timeout(timeout);
        // Made anew: the password may have been rotated.
        let address = self.inner.settings.url.current();
        let client = self.inner.authorities.client(&address)?;
        let connecting = client.get_multiplexed_async_connection_with_config(&config);
        let mut connection = connecting.await?;
        let info = server_info(&mut connection).await?;
        let appendfsync = appendfsync(&mut connection).await?;
        let facts = facts(&info, appendfsync.as_deref());
        if let Some(policy) = facts
            .eviction
            .as_ref()
            .filter(|policy| *policy != "noeviction")
        {
            return Err(StoreError::Evicts(policy.clone()));
        }
        self.probe_rights(&mut connection).await?;
        let evidence = Evidence {
            run: info_field(&info, "run_id").unwrap_or_default(),
            adopts: false,
            survives_restarts: facts.persistence == Persistence::EachWrite && !was_replica(&info),
        };
        Ok((connection, facts, evidence))
    }

    /// Tries what the user needs: a write, which a full Redis refuses too; a script; and a transaction, without the right to
    /// which the client panics (seen with redis 1.8.1).
    async fn probe_rights(&self, connection: &mut MultiplexedConnection) -> Result<(), StoreError> {
        let mut write = redis::cmd("SET");
        write.arg(self.key("probe")).arg(1).arg("PX").arg(1000);
        let mut script = redis::cmd("EVAL");
        script.arg("return redis.call('TIME')[1]").arg(0);
        let transaction = ["MULTI", "DISCARD"].map(redis::cmd);
        let probes = [("+@write", write), ("+@scripting +time", script)];
        let transaction = transaction.map(|command| ("+@transaction", command));
        for (right, command) in probes.into_iter().chain(transaction) {
            let answer = command.exec_async(connection).await;
            answer.map_err(|source| match source {
                source if is_forbidden(&source) => StoreError::Forbidden { right, source },
                source => source.into(),
            })?;
        }
        Ok(())
    }

    /// A connection for one occasion, beside the worker's own.
    pub(super) async fn spare(&self) -> Result<MultiplexedConnection, StoreError> {
        let (connection, ..) = self.open().await?;
        Ok(connection)
    }

    /// Drops the connection: it failed, or the epoch changed.
    pub fn disconnect(&self) {
        self.inner.session.send_replace(None);
    }

    /// Another worker began an epoch, as a claim showed.
    pub(super) fn saw_newer_epoch(&self) {
        self.inner.knows_newer_epoch.store(true, Ordering::Relaxed);
    }

    /// Whether there is a connection.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.inner.session.borrow().is_some()
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &config::Redis {
        &self.inner.settings
    }

    /// Hashes handles.
    pub(super) fn hasher(&self) -> &HandleHasher {
        &self.inner.hasher
    }

    /// The present epoch.
    pub(super) fn epoch(&self) -> RedisResult<Epoch> {
        let session = self.inner.session.borrow();
        session
            .as_ref()
            .map(|session| session.epoch.clone())
            .ok_or_else(not_connected)
    }

    pub(super) fn connection(&self) -> RedisResult<MultiplexedConnection> {
        let session = self.inner.session.borrow();
        session
            .as_ref()
            .map(|session| session.connection.clone())
            .ok_or_else(not_connected)
    }

    /// `prefix:name`.
    pub(super) fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.inner.settings.prefix)
    }
}

fn not_connected() -> RedisError {
    RedisError::from((ErrorKind::Io, "not connected to Redis"))
}

/// What the server reports; nothing where the user may not ask.
async fn server_info(connection: &mut MultiplexedConnection) -> RedisResult<String> {
    let info = redis::cmd("INFO").arg("everything").to_owned();
    match info.query_async(connection).await {
        Err(error) if is_forbidden(&error) => Ok(String::new()),
        answer => answer,
    }
}

/// Whether a user may not run a command, or a server does not have it.
pub(super) fn is_forbidden(error: &RedisError) -> bool {
    matches!(error.code(), Some("NOPERM" | "ERR"))
}

/// When the append-only file is written through; `None` where the server does not report it.
async fn appendfsync(connection: &mut MultiplexedConnection) -> RedisResult<Option<String>> {
    let asked: RedisResult<Vec<String>> = redis::cmd("CONFIG")
        .arg("GET")
        .arg("appendfsync")
        .query_async(connection)
        .await;
    match asked {
        Ok(pair) => Ok(pair.into_iter().nth(1)),
        // Managed servers forbid the command.
        Err(error) if error.kind() != ErrorKind::Io => Ok(None),
        Err(error) => Err(error),
    }
}

fn facts(info: &str, appendfsync: Option<&str>) -> Facts {
    let has_aof = info_field(info, "aof_enabled").as_deref() == Some("1");
    Facts {
        has_info: !info.is_empty(),
        eviction: info_field(info, "maxmemory_policy"),
        persistence: match appendfsync {
            Some("always") if has_aof => Persistence::EachWrite,
            _ if has_aof => Persistence::Late,
            _ if info.is_empty() => Persistence::Unknown,
            _ => Persistence::None,
        },
        version: info_field(info, "redis_version").unwrap_or_else(|| "unknown".to_owned()),
    }
}

/// Whether the server was promoted from a replica, which may have lagged behind: only then it has a second replication id.
fn was_replica(info: &str) -> bool {
    info_field(info, "master_replid2").is_some_and(|id| id.chars().any(|digit| digit != '0'))
}

pub(super) fn info_field(info: &str, name: &str) -> Option<String> {
    info.lines().find_map(|line| {
        Some(
            line.strip_prefix(name)?
                .strip_prefix(':')?
                .trim()
                .to_owned(),
        )
    })
}
