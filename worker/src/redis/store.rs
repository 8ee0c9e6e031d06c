//! The connection to Redis, verified whenever it is made, and the names of keys.

use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, RedisError, RedisResult};
use secrecy::ExposeSecret;
use shared::config;
use tokio::sync::watch;

use super::epoch::{self, Epoch};

/// Redis cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or refuses.
    #[error("cannot use Redis")]
    Redis(#[from] RedisError),
    /// It would throw away what makes duplicates known.
    #[error(
        "Redis evicts keys (maxmemory-policy {0}): set maxmemory-policy noeviction, on an instance of our own"
    )]
    Evicts(String),
}

/// What was found when the connection was made.
#[derive(Clone, Debug)]
pub struct Facts {
    /// `maxmemory-policy`; `None` where the server does not tell.
    pub eviction: Option<String>,
    /// Whether there is an append-only file.
    pub persistence: &'static str,
    /// Version of the server.
    pub version: String,
}

/// A connection to Redis that can be lost and made again, and what every key begins with.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    client: redis::Client,
    settings: config::Redis,
    session: watch::Sender<Option<Session>>,
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
    /// When the address is unusable.
    pub fn new(settings: config::Redis) -> Result<Self, config::ConfigError> {
        let client = redis::Client::open(settings.url.expose_secret());
        let client = client
            .map_err(|problem| config::ConfigError::value("redis.url", problem.to_string()))?;
        let (session, _) = watch::channel(None);
        Ok(Self {
            inner: Arc::new(Inner {
                client,
                settings,
                session,
            }),
        })
    }

    /// Connects, looks at the eviction policy, and finds out or begins the epoch.
    ///
    /// # Errors
    ///
    /// When Redis cannot be reached, or evicts keys.
    pub async fn connect(&self) -> Result<Facts, StoreError> {
        let timeout = Some(self.inner.settings.timeout);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(timeout)
            .set_response_timeout(timeout);
        let mut connection = self
            .inner
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        let info: String = redis::cmd("INFO")
            .arg("everything")
            .query_async(&mut connection)
            .await?;
        let facts = facts(&info);
        if let Some(policy) = facts
            .eviction
            .clone()
            .filter(|policy| policy != "noeviction")
        {
            return Err(StoreError::Evicts(policy));
        }
        // A Redis that is full answers questions, but takes nothing.
        let probe = redis::cmd("SET")
            .arg(self.key("probe"))
            .arg(1)
            .arg("PX")
            .arg(1000)
            .to_owned();
        let () = probe.query_async(&mut connection).await?;
        let run = info_field(&info, "run_id").unwrap_or_default();
        let epoch = epoch::establish(&mut connection, &self.key("epoch"), &run).await?;
        self.inner
            .session
            .send_replace(Some(Session { connection, epoch }));
        Ok(facts)
    }

    /// Forgets the connection: it failed, or the epoch turned out to be another.
    pub fn disconnect(&self) {
        self.inner.session.send_replace(None);
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

fn facts(info: &str) -> Facts {
    let has_aof = info_field(info, "aof_enabled").as_deref() == Some("1");
    Facts {
        eviction: info_field(info, "maxmemory_policy"),
        persistence: if has_aof {
            "append-only file"
        } else {
            "no append-only file: a restart forgets"
        },
        version: info_field(info, "redis_version").unwrap_or_default(),
    }
}

fn info_field(info: &str, name: &str) -> Option<String> {
    info.lines().find_map(|line| {
        Some(
            line.strip_prefix(name)?
                .strip_prefix(':')?
                .trim()
                .to_owned(),
        )
    })
}
