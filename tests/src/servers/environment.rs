//! The broker and the Redis that tests and the demo share: named by the environment, or else started.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::sync::OnceCell;
use url::Url;

use super::{
    broker::BrokerAddress,
    install::{Server, ensure_installed, variable},
    rabbitmq::{self, RabbitMq, RabbitMqOptions},
    redis::{self, Redis, RedisOptions},
    scratch::Scratch,
};

/// Names the broker, for the bridge itself and for us.
const BROKER_URL: &str = "BRIDGE__BROKER__URL";
/// Names Redis, for the bridge itself and for us.
const REDIS_URL: &str = "BRIDGE__REDIS__URL";
/// Names the broker's management API, which only tests need.
const MANAGEMENT_URL: &str = "BRIDGE_TEST_MANAGEMENT_URL";
/// How old the totals of a queue may be, in milliseconds: the broker's interval for them.
const TOTALS_AGE: &str = "BRIDGE_TEST_TOTALS_AGE_MS";
/// Unless the environment says otherwise. A broker as it is installed reports each five seconds.
const USUAL_TOTALS_AGE: Duration = Duration::from_millis(5500);

/// A broker and a Redis that answer. Those that were started here end when this is dropped.
pub struct Environment {
    broker: BrokerAddress,
    totals_age: Duration,
    redis: Url,
    _rabbitmq: Option<RabbitMq>,
    _redis: Option<Redis>,
    /// Dropped last: the folders of the servers above.
    _scratch: Scratch,
}

impl Environment {
    /// Uses the broker and the Redis that the environment names, and starts what it does not name.
    ///
    /// What takes time is said on standard error.
    ///
    /// # Errors
    ///
    /// Returns an error if a named server does not answer, or a private one cannot be started.
    pub async fn from_env_or_start() -> Result<Self> {
        let named_broker = named(BROKER_URL)?;
        let named_redis = named(REDIS_URL)?;
        let missing: Vec<_> = [
            named_broker.is_none().then_some(Server::RabbitMq),
            named_redis.is_none().then_some(Server::Redis),
        ]
        .into_iter()
        .flatten()
        .collect();
        ensure_installed(&missing)?;
        let scratch = Scratch::create()?;
        let ((broker, rabbitmq), (redis_url, redis)) = tokio::try_join!(
            find_broker(named_broker, &scratch),
            find_redis(named_redis, &scratch),
        )?;
        let totals_age = match &rabbitmq {
            Some(_) => rabbitmq::TOTALS_AGE,
            None => named_age()?.unwrap_or(USUAL_TOTALS_AGE),
        };
        Ok(Self {
            broker,
            totals_age,
            redis: redis_url,
            _rabbitmq: rabbitmq,
            _redis: redis,
            _scratch: scratch,
        })
    }

    /// The environment that all tests of this process share, found or started by the first of them.
    ///
    /// # Panics
    ///
    /// Panics if there is none to be had: no test could go on.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<Environment> = OnceCell::const_new();
        SHARED
            .get_or_init(async || {
                let environment = Self::from_env_or_start().await;
                environment.unwrap_or_else(|error| panic!("no servers to test with: {error:#}"))
            })
            .await
    }

    /// RabbitMQ, as the suite's shared server.
    #[must_use]
    pub fn broker(&self) -> &BrokerAddress {
        &self.broker
    }

    /// How old the totals of the broker's queues are at most: see [`Management::totals`](super::Management::totals).
    #[must_use]
    pub fn totals_age(&self) -> Duration {
        self.totals_age
    }

    /// The address of Redis.
    #[must_use]
    pub fn redis_url(&self) -> &Url {
        &self.redis
    }

    /// The environment variables by which another process finds these servers.
    #[must_use]
    pub fn variables(&self) -> [(&'static str, String); 4] {
        let age = self.totals_age.as_millis();
        [
            (TOTALS_AGE, age.to_string()),
            (BROKER_URL, self.broker.url().to_string()),
            (REDIS_URL, self.redis.to_string()),
            (MANAGEMENT_URL, self.broker.management_url().to_string()),
        ]
    }
}

async fn find_broker(
    named_broker: Option<Url>,
    scratch: &Scratch,
) -> Result<(BrokerAddress, Option<RabbitMq>)> {
    let Some(amqp) = named_broker else {
        eprintln!("Starting a private RabbitMQ; this takes about ten seconds.");
        let folder = scratch.path().join("rabbitmq");
        let rabbitmq = RabbitMq::start(&folder, &RabbitMqOptions::default()).await?;
        return Ok((rabbitmq.address().clone(), Some(rabbitmq)));
    };
    let broker = match named(MANAGEMENT_URL)? {
        Some(management) => BrokerAddress::new(amqp, management),
        None => BrokerAddress::with_default_management(amqp)?,
    };
    broker
        .check()
        .await
        .with_context(|| unusable(BROKER_URL, broker.url()))?;
    broker
        .management()
        .check()
        .await
        .with_context(|| unusable(MANAGEMENT_URL, broker.management_url()))?;
    Ok((broker, None))
}

async fn find_redis(named_redis: Option<Url>, scratch: &Scratch) -> Result<(Url, Option<Redis>)> {
    let Some(url) = named_redis else {
        let folder = scratch.path().join("redis");
        let redis = Redis::start(&folder, &RedisOptions::default()).await?;
        return Ok((redis.url().clone(), Some(redis)));
    };
    redis::check(&url)
        .await
        .with_context(|| unusable(REDIS_URL, &url))?;
    Ok((url, None))
}

/// Reads an address from the environment.
fn named(name: &str) -> Result<Option<Url>> {
    variable(name)
        .map(|value| Url::parse(&value).with_context(|| format!("{name} is not an address")))
        .transpose()
}

/// Reads the age of totals from the environment.
fn named_age() -> Result<Option<Duration>> {
    let parsed = variable(TOTALS_AGE).map(|value| {
        let milliseconds = value.parse().map(Duration::from_millis);
        milliseconds.with_context(|| format!("{TOTALS_AGE} is not a number of milliseconds"))
    });
    parsed.transpose()
}

fn unusable(name: &str, url: &Url) -> String {
    let mut shown = url.clone();
    if shown.password().is_some() {
        shown.set_password(Some("***")).ok();
    }
    format!("cannot use {shown}; set {name} to name another")
}
