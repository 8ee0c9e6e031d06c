//! What the services keep in Redis.

use super::TestApp;

impl TestApp {
    /// The services' Redis.
    ///
    /// # Panics
    ///
    /// Panics if it does not answer.
    pub async fn redis(&self) -> redis::aio::MultiplexedConnection {
        let address = self
            .variables
            .iter()
            .rfind(|(variable, _)| variable == "BRIDGE__REDIS__URL");
        let client = redis::Client::open(address.expect("an address").1.as_str());
        let client = client.expect("a usable address");
        let connection = client.get_multiplexed_async_connection().await;
        connection.expect("Redis answers")
    }

    /// The services' keys in Redis that begin with `name`.
    ///
    /// # Panics
    ///
    /// Panics if Redis does not answer.
    pub async fn redis_keys(&self, name: &str) -> Vec<String> {
        let pattern = format!("{}:{name}*", self.settings.redis.prefix);
        let keys: redis::RedisResult<Vec<String>> = redis::cmd("KEYS")
            .arg(pattern)
            .query_async(&mut self.redis().await)
            .await;
        keys.expect("Redis answers")
    }
}
