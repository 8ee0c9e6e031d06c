//! What the services keep in Redis.

use anyhow::{Context, Result};
use shared::clock;
use url::Url;

use super::TestApp;
use crate::servers::connect_to_redis;

impl TestApp {
    /// The services' Redis.
    ///
    /// # Panics
    ///
    /// Panics if it does not answer.
    pub async fn redis(&self) -> redis::aio::MultiplexedConnection {
        let connection = self.connect_to_redis().await;
        connection.expect("Redis answers")
    }

    /// The services' keys in Redis that begin with `name`.
    ///
    /// # Panics
    ///
    /// Panics if Redis does not answer.
    pub async fn redis_keys(&self, name: &str) -> Vec<String> {
        self.keys_of(self.redis().await, name).await
    }

    /// The leases that are held. None where only the services can connect to Redis: with a password or an
    /// authority of its own.
    pub(super) async fn leases(&self) -> Vec<String> {
        match self.connect_to_redis().await {
            Ok(connection) => self.keys_of(connection, "lease:").await,
            Err(_) => Vec::new(),
        }
    }

    async fn keys_of(
        &self,
        mut redis: redis::aio::MultiplexedConnection,
        name: &str,
    ) -> Vec<String> {
        let pattern = format!("{}:{name}*", self.settings.redis.prefix);
        let mut keys = redis::cmd("KEYS");
        let keys: redis::RedisResult<_> = keys.arg(pattern).query_async(&mut redis).await;
        keys.expect("Redis answers")
    }

    async fn connect_to_redis(&self) -> Result<redis::aio::MultiplexedConnection> {
        let address = self
            .variables
            .iter()
            .rfind(|(variable, _)| variable == "BRIDGE__REDIS__URL");
        let (_, address) = address.context("the address is not in the environment")?;
        connect_to_redis(&Url::parse(address)?).await
    }

    /// Lets the workers know of another message that passes `operation`, until an hour from now: what is refused meanwhile
    /// is its message's own fault, and a dead letter at the third refusal.
    ///
    /// # Panics
    ///
    /// Panics if Redis does not answer.
    pub async fn let_another_pass(&self, operation: &str) {
        let in_an_hour = clock::now().as_millisecond() + 3_600_000;
        let key = format!("{}:{{waits}}:passed", self.settings.redis.prefix);
        let noted: redis::RedisResult<()> = redis::cmd("HSET")
            .arg(key)
            .arg(operation)
            .arg(format!("{in_an_hour} another"))
            .query_async(&mut self.redis().await)
            .await;
        noted.expect("Redis answers");
    }
}
