//! Puts the service together: what a test starts is what production starts.

use std::net::{SocketAddr, TcpListener};
use std::num::NonZero;
use std::thread;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::{App, HttpServer, web};
use anyhow::Context;
use shared::broker::Publisher;
use shared::config::{ConfigError, Settings};
use shared::telemetry;
use tokio_util::sync::CancellationToken;

use crate::routes::{self, Webhook};

/// The connection's name in RabbitMQ's management UI.
const CONNECTION_NAME: &str = "ingest publisher";
/// One thread takes more than the broker stores; more than a few only cost connections.
const MAX_THREADS: usize = 4;
/// How long a shutdown waits, beyond the publish budget, for requests whose body is still arriving.
const BODY_GRACE: Duration = Duration::from_secs(5);
/// Longer than the usual 60 s of a proxy in front, so that it is the proxy that ends an idle connection: the other way
/// round a request may meet a connection that is just being closed.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// The service, listening and ready to run.
pub struct Application {
    address: SocketAddr,
    server: Server,
}

impl Application {
    /// Checks the settings, takes the port, connects to the broker. A broker that is away is no error: the service comes
    /// up, is not ready, and answers 503.
    ///
    /// # Errors
    ///
    /// When nobody or anybody could post, the port is taken, the broker's address is unusable, or an existing exchange or
    /// queue is not what it should be.
    pub async fn build(settings: &Settings) -> anyhow::Result<Self> {
        let metrics = web::Data::new(telemetry::start_metrics()?);
        let webhook = web::Data::new(Webhook::new(&settings.ingest, &metrics)?);
        let listener = bind(settings.ingest.listen)?;
        let address = listener
            .local_addr()
            .context("the listening socket has no address")?;
        let (broker, delays) = (settings.broker.clone(), settings.retry.delays.clone());
        let connect =
            move || Publisher::start(broker.clone(), delays.clone(), CONNECTION_NAME.to_owned());
        // A first connection, closed at once: what can never work is to end the start, not one of the threads.
        drop(connect().await?);
        let app = move || {
            App::new()
                .app_data(webhook.clone())
                .app_data(metrics.clone())
                .data_factory(connect.clone())
                .configure(routes::configure)
        };
        let server = HttpServer::new(app)
            .workers(threads())
            .keep_alive(KEEP_ALIVE)
            .shutdown_timeout((settings.ingest.publish_timeout + BODY_GRACE).as_secs())
            .disable_signals()
            .listen(listener)
            .context("cannot serve on the listening socket")?
            .run();
        Ok(Self { address, server })
    }

    /// The port taken; another than the setting's when that is 0.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Serves until `shutdown`; then takes no new connections, and answers the requests in flight.
    ///
    /// # Errors
    ///
    /// When the server fails.
    pub async fn run_until_stopped(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        tracing::info!(listening = %self.address, "ingest listens on {}", self.address);
        let handle = self.server.handle();
        let mut server = self.server;
        let result = tokio::select! {
            ended = &mut server => ended,
            () = shutdown.cancelled() => tokio::join!(server, handle.stop(true)).0,
        };
        tracing::info!("ingest stopped");
        result.context("the server failed")
    }
}

/// Each thread has a connection of its own, so that a request and its confirm never change threads.
fn threads() -> usize {
    thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(MAX_THREADS)
}

fn bind(address: SocketAddr) -> Result<TcpListener, ConfigError> {
    TcpListener::bind(address).map_err(|error| {
        ConfigError::value(
            "ingest.listen",
            format!("cannot listen on {address}: {error}"),
        )
    })
}
