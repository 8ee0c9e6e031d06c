//! RabbitMQ and Redis of the run's own, and the settings that lead the bridge to them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use bridge_tests::servers::{RabbitMq, RabbitMqOptions, Redis, RedisOptions, Scratch, Vhost};
use redis::aio::MultiplexedConnection;
use shared::broker::{Publisher, topology};
use shared::config::{self, Settings};

use crate::usage::Usage;

/// The token of webhooks.
pub const TOKEN: &str = "bench-token";

/// The servers. Dropping them ends them.
pub struct Servers {
    rabbitmq: RabbitMq,
    redis: Redis,
    scratch: Scratch,
}

impl Servers {
    /// Starts both. Redis syncs its disk once a second.
    pub async fn start() -> Result<Self> {
        let scratch = Scratch::create()?;
        let options = RabbitMqOptions::default();
        let rabbitmq = RabbitMq::start(&folder(&scratch, "rabbitmq"), &options).await?;
        let options = RedisOptions::synced_each_second();
        let redis = Redis::start(&folder(&scratch, "redis"), &options).await?;
        Ok(Self {
            rabbitmq,
            redis,
            scratch,
        })
    }

    /// Where logs go.
    pub fn folder(&self) -> &Path {
        self.scratch.path()
    }

    /// What RabbitMQ used.
    pub fn broker_usage(&self) -> Result<Usage> {
        let file = folder(&self.scratch, "rabbitmq").join("pid");
        let pid = fs::read_to_string(&file).with_context(|| format!("{}", file.display()))?;
        Usage::of(pid.trim().parse()?)
    }

    /// Processor seconds that Redis used.
    pub async fn redis_cpu(&self) -> Result<f64> {
        let info = self.redis_info("cpu").await?;
        Ok(number(&info, "used_cpu_sys") + number(&info, "used_cpu_user"))
    }

    /// Bytes that Redis uses for its data.
    pub async fn redis_bytes(&self) -> Result<f64> {
        Ok(number(&self.redis_info("memory").await?, "used_memory"))
    }

    /// A connection to Redis.
    pub async fn redis(&self) -> Result<MultiplexedConnection> {
        self.redis.connect().await
    }

    /// Forgets all that is in Redis.
    pub async fn flush(&self) -> Result<()> {
        self.redis.flush().await
    }

    async fn redis_info(&self, section: &str) -> Result<String> {
        let mut connection = self.redis.connect().await?;
        let mut info = redis::cmd("INFO");
        Ok(info.arg(section).query_async(&mut connection).await?)
    }

    /// A virtual host with the bridge's topology and nothing in it.
    pub async fn stage(&self) -> Result<Stage> {
        let vhost = self.rabbitmq.address().create_vhost().await?;
        let stage = Stage {
            amqp: vhost.amqp_url().to_string(),
            redis: self.redis.url().to_string(),
            vhost,
        };
        drop(stage.publisher().await?);
        Ok(stage)
    }
}

/// A virtual host for one measurement.
pub struct Stage {
    /// Address of the virtual host.
    pub amqp: String,
    /// Address of Redis.
    pub redis: String,
    vhost: Vhost,
}

impl Stage {
    /// A publisher; the topology is declared.
    pub async fn publisher(&self) -> Result<Publisher> {
        let settings = self.settings()?;
        let delays = settings.queued_delays();
        Publisher::start(settings.broker, delays, "bench".to_owned()).await
    }

    /// Messages that are ready in the work queue.
    pub async fn depth(&self) -> Result<u32> {
        self.vhost.message_count(topology::WORK_QUEUE).await
    }

    fn settings(&self) -> Result<Settings> {
        Ok(config::load_from(None, self.variables())?)
    }

    /// The variables that lead the bridge here.
    pub fn variables(&self) -> Vec<(String, String)> {
        vec![
            variable("BROKER__URL", &self.amqp),
            variable("REDIS__URL", &self.redis),
            variable("LOG__FILTER", "warn"),
        ]
    }
}

/// `BRIDGE__<key>` with its value.
pub fn variable(key: &str, value: &str) -> (String, String) {
    (format!("BRIDGE__{key}"), value.to_owned())
}

fn folder(scratch: &Scratch, name: &str) -> PathBuf {
    scratch.path().join(name)
}

fn number(info: &str, name: &str) -> f64 {
    let value = info.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key == name).then(|| value.trim().parse().ok())?
    });
    value.unwrap_or_default()
}
