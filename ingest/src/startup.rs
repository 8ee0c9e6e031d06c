//! Puts the service together: what a test starts is what production starts.

use std::net::{SocketAddr, TcpListener};
use std::num::NonZero;
use std::thread;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use anyhow::Context;
use futures_util::future::BoxFuture;
use shared::broker::Publisher;
use shared::config::{ConfigError, Ingest, Settings};
use shared::telemetry;
use tokio_util::sync::CancellationToken;

use crate::rotation::Rotation;
use crate::server::admin::{self, Admin, Pages};
use crate::server::{Draining, Publishers, connection, routes};
use crate::spool::{Drain, Spool};
use crate::tls::{self, Tls};
use crate::webhook::Webhook;
use crate::{auth, metrics};

/// The connection's name in RabbitMQ's management UI.
const CONNECTION_NAME: &str = "ingest publisher";
/// That of the connection over which the spool is drained.
const SPOOL_CONNECTION_NAME: &str = "ingest spool";
/// One thread takes more than the broker stores; more than a few only cost connections.
const MAX_THREADS: usize = 4;
/// How long a shutdown waits, beyond the budgets of publishing and spooling, for requests whose body is still arriving.
const BODY_GRACE: Duration = Duration::from_secs(5);
/// How long the head of a connection's first request may take; then it is answered 408.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections of one thread. More than any sender opens; each may hold a body in memory.
const MAX_CONNECTIONS: usize = 1024;
/// Longer than the usual 60 s of a proxy in front, so that it is the proxy that ends an idle connection: the other way
/// round a request may meet a connection that is just being closed.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// The service, listening and ready to run.
pub struct Application {
    address: SocketAddr,
    server: Server,
    admin: Option<Admin>,
    drain_time: Duration,
    draining: Draining,
    spool: Option<(Spool, Drain)>,
    rotation: Rotation,
    reload: Option<tls::Reload>,
}

impl Application {
    /// Checks the settings, opens the spool, takes the port, connects to the broker. A broker that is away is no error:
    /// the service comes up, and keeps what arrives in its spool; without one it is not ready, and answers 503.
    ///
    /// # Errors
    ///
    /// When nobody or anybody could post, secrets would cross the network readable, a certificate or the spool cannot be
    /// used, the port is taken, the broker's address is unusable, or an existing exchange or queue is not what it should
    /// be.
    pub async fn build(settings: &Settings) -> anyhow::Result<Self> {
        let recorder = web::Data::new(telemetry::start_metrics()?);
        let tls = Tls::new(&settings.ingest)?;
        let spool = open_spool(&settings.ingest)?;
        let webhook = Webhook::new(&settings.ingest, spool.clone(), &recorder)?;
        auth::warn_of_weakness(&settings.ingest.auth);
        let rotation = Rotation {
            files: settings.secret_files.clone(),
            settings: settings.ingest.clone(),
            authenticator: webhook.authenticator(),
            broker: settings.broker.clone(),
        };
        let webhook = web::Data::new(webhook);
        let listener = bind(settings.ingest.listen)?;
        let address = listener
            .local_addr()
            .context("the listening socket has no address")?;
        let publishers = Publishers::default();
        let connect = connector(settings, publishers.clone());
        // A first connection, for the spool: what can never work is to end the start, not one of the threads.
        let publisher = connect(SPOOL_CONNECTION_NAME).await?;
        let publishers = web::Data::new(publishers);
        let draining = Draining::default();
        let pages = Pages {
            recorder,
            publishers,
            spool: web::Data::new(spool.clone()),
            draining: web::Data::new(draining.clone()),
        };
        let admin = Admin::build(&settings.ingest, pages.clone())?;
        let audience = admin::audience(&settings.ingest);
        let app = move || {
            let connect = connect.clone();
            App::new()
                .app_data(webhook.clone())
                .configure(|app| pages.share(app))
                .data_factory(move || connect(CONNECTION_NAME))
                .configure(|app| routes::configure(app, audience))
                .wrap(from_fn(connection::admit))
        };
        let server = HttpServer::new(app)
            .workers(threads())
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(HEAD_TIMEOUT)
            .max_connections(MAX_CONNECTIONS)
            .shutdown_timeout((settings.ingest.publish_timeout * 2 + BODY_GRACE).as_secs())
            .disable_signals();
        let (tls, reload) = tls.map(|tls| (tls.server, tls.reload)).unzip();
        let server = match tls {
            None => server.listen(listener),
            Some(tls) => server
                .on_connect(tls::note_client_certificate)
                .tls_handshake_timeout(tls::HANDSHAKE_TIMEOUT)
                // How many handshakes a thread has in progress, in spite of its name. By default 256: fewer than a
                // hundred silent connections a second fill that, and the right ones wait behind them.
                .max_connection_rate(MAX_CONNECTIONS)
                .listen_rustls_0_23(listener, tls),
        };
        let server = server
            .context("cannot serve on the listening socket")?
            .run();
        let drain = |spool: Spool| Drain {
            spool,
            publisher,
            drained: metrics::drained(),
        };
        Ok(Self {
            address,
            server,
            admin,
            drain_time: settings.ingest.drain,
            draining,
            spool: spool.map(|spool| (spool.clone(), drain(spool))),
            rotation,
            reload,
        })
    }

    /// The port taken; another than the setting's when that is 0.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The port of `ingest.admin_listen`, if that is set.
    #[must_use]
    pub fn admin_port(&self) -> Option<u16> {
        self.admin.as_ref().map(Admin::port)
    }

    /// Serves until `shutdown`; then sends clients away for a while, takes no new connections any more, and answers the
    /// requests in flight.
    ///
    /// # Errors
    ///
    /// When the server fails.
    pub async fn run_until_stopped(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        tracing::info!(listening = %self.address, "ingest listens on {}", self.address);
        let admin = self.admin.map(Admin::start);
        let handle = self.server.handle();
        let mut server = self.server;
        let rotating = tokio::spawn(self.rotation.run());
        let reloading = self.reload.map(|reload| tokio::spawn(reload.run()));
        // The spool is drained to the last, and closed when nobody can append any more.
        let stopped = CancellationToken::new();
        let (spool, drain) = self.spool.unzip();
        let drain = drain.map(|drain| tokio::spawn(drain.run(stopped.clone())));
        let ordered = async {
            shutdown.cancelled().await;
            self.draining.begin();
            tokio::time::sleep(self.drain_time).await;
        };
        let result = tokio::select! {
            ended = &mut server => ended,
            () = ordered => tokio::join!(server, handle.stop(true)).0,
        };
        if let Some(admin) = admin {
            admin.stop(false).await;
        }
        rotating.abort();
        if let Some(reloading) = reloading {
            reloading.abort();
        }
        stopped.cancel();
        if let Some(drain) = drain {
            drain.await.context("draining the spool panicked")?;
        }
        if let Some(spool) = spool {
            spool.close().await;
        }
        tracing::info!("ingest stopped");
        result.context("the server failed")
    }
}

fn open_spool(settings: &Ingest) -> anyhow::Result<Option<Spool>> {
    let spool = Spool::open(&settings.spool)?;
    match &spool {
        None => tracing::warn!(
            "There is no spool: while RabbitMQ is away, webhooks are answered 503. Set ingest.spool.path \
             (BRIDGE__INGEST__SPOOL__PATH) to a file on a local disk to keep them"
        ),
        Some(spool) => {
            let messages = spool.status().depth.messages;
            tracing::info!(
                messages,
                "The spool is open, with {messages} messages in it"
            );
        }
    }
    Ok(spool)
}

/// Makes publishers, and keeps an eye on all of them.
fn connector(
    settings: &Settings,
    publishers: Publishers,
) -> impl Fn(&'static str) -> BoxFuture<'static, anyhow::Result<Publisher>> + Clone + Send + 'static
{
    let (broker, delays) = (settings.broker.clone(), settings.retry.delays.clone());
    move |name| {
        let (broker, delays, publishers) = (broker.clone(), delays.clone(), publishers.clone());
        Box::pin(async move {
            let publisher = Publisher::start(broker, delays, name.to_owned()).await?;
            publishers.add(&publisher);
            Ok(publisher)
        })
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
