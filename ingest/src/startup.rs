//! Construction and run of the service. Tests start exactly what production starts.

use std::net::{SocketAddr, TcpListener};
use std::num::NonZero;
use std::thread;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use anyhow::Context;
use futures_util::future::BoxFuture;
use rustls::server::ServerConfig;
use shared::broker::Publisher;
use shared::config::{ConfigError, Ingest, SecretFiles, Settings};
use shared::supervision::Supervisor;
use shared::{rotation, telemetry};
use tokio_util::sync::CancellationToken;

use crate::alarm::Alarm;
use crate::rotation::Rotation;
use crate::server::admin::{self, Admin, Pages};
use crate::server::{Draining, Publishers, connection, routes};
use crate::spool::{Drain, Spool};
use crate::tls::{self, Tls};
use crate::webhook::Webhook;
use crate::{auth, descriptors, metrics};

/// The connection's name in RabbitMQ's management UI.
const CONNECTION_NAME: &str = "ingest publisher";
/// The same for the connection that drains the spool.
const SPOOL_CONNECTION_NAME: &str = "ingest spool";
/// One thread accepts more than the broker stores; more than a few only cost connections.
const MAX_THREADS: usize = 4;
/// How long a shutdown waits, beyond the budgets of publishing and spooling, for requests whose body is still arriving.
const BODY_GRACE: Duration = Duration::from_secs(5);
/// How long the head of a connection's first request may take; then it is answered 408. Longer than EventBridge waits for
/// an answer (5 s): after its own timeout it sends again, after a 408 it does not.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than the usual 60 s of a proxy in front, so that it is the proxy that ends an idle connection: the other way
/// round a request may meet a connection that is just being closed.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long requests in flight may take once a background task is gone and the process is about to end.
const FAILURE_GRACE: Duration = Duration::from_secs(3);

/// The service, listening and ready to run.
pub struct Application {
    address: SocketAddr,
    server: Server,
    admin: Option<Admin>,
    drain_time: Duration,
    draining: Draining,
    publishers: Publishers,
    spool: Option<(Spool, Drain)>,
    secret_files: SecretFiles,
    rotation: Rotation,
    alarm: Alarm,
    reload: Option<tls::Reload>,
}

impl Application {
    /// Checks the settings, opens the spool, binds the port, connects to the broker. An unreachable broker is no error:
    /// the service starts and stores webhooks in its spool; without a spool it is not ready, and answers 503.
    ///
    /// # Errors
    ///
    /// When no sender or every sender could post, secrets would cross the network in plain text, a certificate or the
    /// spool cannot be used, the port is taken, the broker's address is unusable, or an existing exchange or queue has
    /// other arguments.
    pub async fn build(settings: &Settings) -> anyhow::Result<Self> {
        let recorder = web::Data::new(telemetry::start_metrics()?);
        let tls = Tls::new(&settings.ingest)?;
        let spool = open_spool(&settings.ingest)?;
        let webhook = Webhook::new(&settings.ingest, spool.clone(), &recorder)?;
        auth::warn_of_weakness(&settings.ingest.auth);
        let rotation = Rotation {
            settings: settings.ingest.clone(),
            authenticator: webhook.authenticator(),
            broker: settings.broker.clone(),
        };
        let alarm = Alarm::new(webhook.door(), settings)?;
        let listener = bind(settings.ingest.listen)?;
        let address = listener
            .local_addr()
            .context("the listening socket has no address")?;

        let publishers = Publishers::default();
        let connect = connector(settings);
        // A first connection, for the spool: a setting that can never work ends the start, not one of the threads.
        let publisher = connect(SPOOL_CONNECTION_NAME).await?;
        if spool.is_some() {
            publishers.add(&publisher);
        }
        let draining = Draining::default();
        let pages = Pages {
            recorder,
            publishers: web::Data::new(publishers.clone()),
            spool: web::Data::new(spool.clone()),
            draining: web::Data::new(draining.clone()),
        };
        let admin = Admin::build(&settings.ingest, pages.clone())?;
        let (tls, reload) = tls.map(|tls| (tls.server, tls.reload)).unzip();
        let server = serve(
            &settings.ingest,
            Parts {
                webhook: web::Data::new(webhook),
                pages,
                connect,
            },
            listener,
            tls,
        )?;
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
            publishers,
            spool: spool.map(|spool| (spool.clone(), drain(spool))),
            secret_files: settings.secret_files.clone(),
            rotation,
            alarm,
            reload,
        })
    }

    /// The port of the webhook; another than the setting's when that is 0.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The port of `ingest.admin_listen`, if that is set.
    #[must_use]
    pub fn admin_port(&self) -> Option<u16> {
        self.admin.as_ref().map(Admin::port)
    }

    /// Serves until `shutdown`; then asks clients to reconnect elsewhere for the time `ingest.drain`, accepts no more
    /// connections, and answers the requests in flight.
    ///
    /// # Errors
    ///
    /// When the server or another background task ends or panics before `shutdown`: at once, but for a few seconds in
    /// which requests in flight are answered.
    pub async fn run_until_stopped(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        tracing::info!(listening = %self.address, "ingest listens on {}", self.address);
        let stopped = CancellationToken::new();
        let handle = self.server.handle();
        let admin = self.admin.as_ref().map(Admin::handle);
        let (draining, drain_time) = (self.draining.clone(), self.drain_time);
        let spool = self.spool.as_ref().map(|(spool, _)| spool.clone());
        let mut tasks = self.start(&stopped);
        let ordered = async {
            shutdown.cancelled().await;
            draining.begin();
            tokio::time::sleep(drain_time).await;
        };

        let failure = tokio::select! {
            failure = tasks.failure() => Some(failure),
            () = ordered => None,
        };
        if let Some(failure) = failure {
            draining.begin();
            // Whether all were answered in time changes nothing: the process ends.
            drop(tokio::time::timeout(FAILURE_GRACE, handle.stop(true)).await);
            return Err(failure.into());
        }
        handle.stop(true).await;
        if let Some(admin) = admin {
            admin.stop(false).await;
        }
        stopped.cancel();
        let finished = tasks.finish().await;
        // Only now: the drain deletes what the broker confirmed.
        if let Some(spool) = spool {
            spool.close().await;
        }
        tracing::info!("ingest stopped");
        Ok(finished?)
    }

    /// Starts every background task. All but the servers, which have handles, end with `stopped`.
    fn start(self, stopped: &CancellationToken) -> Supervisor {
        let mut tasks = Supervisor::default();
        tasks.spawn_fallible("server", self.server);
        if let Some(admin) = self.admin {
            tasks.spawn_fallible("admin server", admin.start());
        }
        let rotating = rotation::watch(self.secret_files, self.rotation, stopped.clone());
        tasks.spawn("secret rotation", rotating);
        let mut until_stopped = |name, task: BoxFuture<'static, ()>| {
            let stopped = stopped.clone();
            tasks.spawn(name, async move {
                stopped.run_until_cancelled(task).await;
            });
        };
        until_stopped("alarm", Box::pin(self.alarm.run()));
        until_stopped("publishers", Box::pin(self.publishers.one_ended()));
        if let Some(reload) = self.reload {
            until_stopped("certificate reload", Box::pin(reload.run()));
        }
        if let Some((spool, drain)) = self.spool {
            until_stopped("spool writer", Box::pin(spool.ended()));
            tasks.spawn("spool drain", drain.run(stopped.clone()));
        }
        tasks
    }
}

/// What each thread's application is made of.
struct Parts<C> {
    webhook: web::Data<Webhook>,
    pages: Pages,
    connect: C,
}

/// The server of the webhook, with TLS if there is a configuration for it.
fn serve(
    settings: &Ingest,
    parts: Parts<impl Connect>,
    listener: TcpListener,
    tls: Option<ServerConfig>,
) -> anyhow::Result<Server> {
    let audience = admin::audience(settings);
    let Parts {
        webhook,
        pages,
        connect,
    } = parts;
    let app = move || {
        let (connect, publishers) = (connect.clone(), pages.publishers.clone());
        let publisher = move || {
            let (connecting, publishers) = (connect(CONNECTION_NAME), publishers.clone());
            async move {
                let publisher = connecting.await?;
                publishers.add(&publisher);
                anyhow::Ok(publisher)
            }
        };
        App::new()
            .app_data(webhook.clone())
            .configure(|app| pages.share(app))
            .data_factory(publisher)
            .configure(|app| routes::configure(app, audience))
            .wrap(from_fn(connection::admit))
    };
    let threads = threads();
    let connections = descriptors::connections_of_each(threads);
    let server = HttpServer::new(app)
        .workers(threads)
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD_TIMEOUT)
        .max_connections(connections)
        .shutdown_timeout((settings.publish_timeout * 2 + BODY_GRACE).as_secs())
        .disable_signals();
    let server = match tls {
        None => server.listen(listener),
        Some(tls) => server
            .on_connect(tls::note_client_certificate)
            .tls_handshake_timeout(tls::HANDSHAKE_TIMEOUT)
            // In spite of its name, the number of handshakes that a thread has in progress. The default of 256 is
            // filled by fewer than a hundred silent connections a second, and proper clients wait behind them.
            .max_connection_rate(connections)
            .listen_rustls_0_23(listener, tls),
    };
    let server = server.context("cannot serve on the listening socket")?;
    Ok(server.run())
}

fn open_spool(settings: &Ingest) -> anyhow::Result<Option<Spool>> {
    let spool = Spool::open(&settings.spool)?;
    match &spool {
        None => tracing::warn!(
            "No spool is configured: while RabbitMQ is away, webhooks are answered 503. To store them instead, set \
             ingest.spool.path (BRIDGE__INGEST__SPOOL__PATH) to a file on a local disk"
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

/// Makes a publisher with that connection name.
trait Connect:
    Fn(&'static str) -> BoxFuture<'static, anyhow::Result<Publisher>> + Clone + Send + 'static
{
}

impl<F> Connect for F where
    F: Fn(&'static str) -> BoxFuture<'static, anyhow::Result<Publisher>> + Clone + Send + 'static
{
}

fn connector(settings: &Settings) -> impl Connect {
    let (broker, delays) = (settings.broker.clone(), settings.queued_delays());
    move |name: &'static str| -> BoxFuture<'static, anyhow::Result<Publisher>> {
        let (broker, delays) = (broker.clone(), delays.clone());
        Box::pin(Publisher::start(broker, delays, name.to_owned()))
    }
}

/// Each thread has a connection of its own, so that a request and its confirm never change threads. lapin writes and reads
/// on a thread of its own for each connection: half of the cores are for those. With more threads than that, each has
/// fewer requests at once, and wakes lapin's for fewer messages.
fn threads() -> usize {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    (cores / 2).clamp(1, MAX_THREADS)
}

fn bind(address: SocketAddr) -> Result<TcpListener, ConfigError> {
    TcpListener::bind(address).map_err(|error| {
        ConfigError::value(
            "ingest.listen",
            format!("cannot listen on {address}: {error}"),
        )
    })
}
