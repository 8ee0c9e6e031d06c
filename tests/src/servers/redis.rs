//! A private Redis, which a test may kill, freeze, restart and empty.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context as _, Result};
use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
use url::Url;

use super::{
    container::Container,
    host::{self, Host},
    install::{Origin, Server, ensure_installed},
    ports::free_ports,
    process::Process,
    scratch::Scratch,
};

/// It answers within a second; a container that is new to the machine takes longer.
const READY_TIMEOUT: Duration = Duration::from_secs(60);

/// Bounds connecting and every answer. The crate's own bounds, half a second for an answer, are too short for a machine
/// that is busy with other tests.
const TIMEOUT: Duration = Duration::from_secs(10);

const STOP_GRACE: Duration = Duration::from_secs(10);

/// How a private Redis differs from the usual.
#[derive(Clone, Debug, Default)]
pub struct RedisOptions {
    /// Arguments to add to its command line, such as `--maxmemory 4mb`, one word each.
    pub arguments: Vec<String>,
}

impl RedisOptions {
    /// A server that answers before a write is on disk: a power cut may take the last second with it.
    #[must_use]
    pub fn synced_each_second() -> Self {
        // What comes later on the command line counts.
        let arguments = ["--appendfsync", "everysec"].map(str::to_owned);
        Self {
            arguments: arguments.to_vec(),
        }
    }
}

/// A Redis of our own on a free loopback port, which keeps every write it acknowledged, unless set otherwise. Dropping it
/// ends it.
pub struct Redis {
    url: Url,
    host: Box<dyn Host>,
    /// A folder that goes with it.
    _scratch: Option<Scratch>,
}

impl Redis {
    /// Starts a server in a folder that is deleted with it; see [`Self::start`].
    ///
    /// # Errors
    ///
    /// Returns an error if it is not ready in time.
    pub async fn temporary(options: &RedisOptions) -> Result<Self> {
        let scratch = Scratch::create()?;
        let redis = Self::start(&scratch.path().join("redis"), options).await?;
        Ok(Self {
            _scratch: Some(scratch),
            ..redis
        })
    }

    /// Starts a server with its data and log in a folder, and waits until it is ready.
    ///
    /// # Errors
    ///
    /// Returns an error, with the end of its log, if it is not ready in time.
    pub async fn start(folder: &Path, options: &RedisOptions) -> Result<Self> {
        ensure_installed(&[Server::Redis])?;
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
        let [port] = free_ports()?;
        let mut arguments: Vec<String> = [
            // As the bridge requires it in production: nothing acknowledged is lost, nothing evicted.
            ["--appendonly", "yes"],
            ["--appendfsync", "always"],
            ["--maxmemory-policy", "noeviction"],
            ["--save", ""],
        ]
        .into_iter()
        .flatten()
        .map(str::to_owned)
        .collect();
        arguments.extend(options.arguments.iter().cloned());
        let host: Box<dyn Host> = match Server::Redis.origin()? {
            Origin::Program(program) => {
                let folder_text = folder.to_string_lossy().into_owned();
                let port = port.to_string();
                let place = [
                    "--bind",
                    "127.0.0.1",
                    "--port",
                    &port,
                    "--dir",
                    &folder_text,
                ];
                arguments.extend(place.map(str::to_owned));
                let log = folder.join("redis.log");
                Box::new(Process::new(program, log).arguments(arguments))
            }
            Origin::Image(image) => {
                let publish = format!("--publish=127.0.0.1:{port}:6379");
                arguments.insert(0, "redis-server".to_owned());
                Box::new(Container::new(&image, &[publish], &arguments))
            }
        };
        let url = Url::parse(&format!("redis://127.0.0.1:{port}/"))?;
        let mut redis = Self {
            url,
            host,
            _scratch: None,
        };
        redis.host.start()?;
        redis.wait_ready().await?;
        Ok(redis)
    }

    /// Address of the server.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Opens a connection.
    ///
    /// # Errors
    ///
    /// Returns an error if the server does not answer.
    pub async fn connect(&self) -> Result<MultiplexedConnection> {
        connect(&self.url).await
    }

    /// Waits until it answers, its data loaded.
    ///
    /// # Errors
    ///
    /// Returns an error with what was missing, and the end of its log, if it ends or takes too long.
    pub async fn wait_ready(&mut self) -> Result<()> {
        let url = &self.url;
        host::wait_ready(self.host.as_mut(), "Redis", READY_TIMEOUT, async || {
            check(url).await.map(drop)
        })
        .await
    }

    /// Ends it as a power cut would, with SIGKILL.
    ///
    /// # Errors
    ///
    /// Returns an error if it survives.
    pub fn kill(&mut self) -> Result<()> {
        self.host.kill()
    }

    /// Stops it in good order; by force if that takes too long.
    ///
    /// # Errors
    ///
    /// Returns an error if it survives.
    pub async fn stop(&mut self) -> Result<()> {
        host::stop(self.host.as_mut(), STOP_GRACE).await
    }

    /// Starts it again, on the same data and port, and waits until it is ready. Stops it first if it runs.
    ///
    /// # Errors
    ///
    /// Returns an error if it is not ready in time.
    pub async fn restart(&mut self) -> Result<()> {
        self.stop().await?;
        self.host.start()?;
        self.wait_ready().await
    }

    /// Lets no further write reach the disk. Once it is killed and restarted it has the state of this moment, as if the
    /// power had been cut just before the disk had the rest.
    ///
    /// # Errors
    ///
    /// Returns an error if the server does not answer.
    pub async fn stop_saving(&self) -> Result<()> {
        self.run_command(&["CONFIG", "SET", "appendonly", "no"])
            .await
    }

    /// Has each write on disk before it is answered, from now on.
    ///
    /// # Errors
    ///
    /// Returns an error if the server does not answer.
    pub async fn write_through(&self) -> Result<()> {
        self.run_command(&["CONFIG", "SET", "appendfsync", "always"])
            .await
    }

    /// Makes it look as a replica does that took over from a server that is gone: it keeps its data, and says that it
    /// replicated another one.
    ///
    /// # Errors
    ///
    /// Returns an error if the server does not answer.
    pub async fn take_over(&self) -> Result<()> {
        // Nothing listens at the port: it follows until it is promoted, and gets nothing.
        self.run_command(&["REPLICAOF", "127.0.0.1", "1"]).await?;
        self.run_command(&["REPLICAOF", "NO", "ONE"]).await
    }

    /// Freezes it: connections stay open and nothing answers.
    ///
    /// # Errors
    ///
    /// Returns an error if it does not run.
    pub fn pause(&mut self) -> Result<()> {
        self.host.pause()
    }

    /// Lets it go on after [`Self::pause`].
    ///
    /// # Errors
    ///
    /// Returns an error if it does not run.
    pub fn resume(&mut self) -> Result<()> {
        self.host.resume()
    }

    /// Deletes everything, as if the server had lost its data.
    ///
    /// # Errors
    ///
    /// Returns an error if the server does not answer.
    pub async fn flush(&self) -> Result<()> {
        self.run_command(&["FLUSHALL"]).await
    }

    async fn run_command(&self, command: &[&str]) -> Result<()> {
        let mut connection = self.connect().await?;
        let mut request = redis::Cmd::new();
        request.arg(command);
        let answer = request.exec_async(&mut connection).await;
        answer.with_context(|| format!("send to Redis: {}", command.join(" ")))
    }
}

/// Checks that a Redis answers.
pub(super) async fn check(url: &Url) -> Result<()> {
    let mut connection = connect(url).await?;
    redis::cmd("PING")
        .exec_async(&mut connection)
        .await
        .context("ping Redis")
}

/// Connects to a Redis, for what a test asks of it.
///
/// # Errors
///
/// Returns an error if it does not answer.
pub async fn connect(url: &Url) -> Result<MultiplexedConnection> {
    let client = redis::Client::open(url.as_str()).context("read the address of Redis")?;
    let bounded = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(TIMEOUT))
        .set_response_timeout(Some(TIMEOUT));
    client
        .get_multiplexed_async_connection_with_config(&bounded)
        .await
        .context("connect to Redis")
}
