//! What the services keep in Redis.

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
        let address = self
            .variables
            .iter()
            .rfind(|(variable, _)| variable == "BRIDGE__REDIS__URL");
        let address = Url::parse(&address.expect("an address").1).expect("a usable address");
        let connection = connect_to_redis(&address).await;
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
