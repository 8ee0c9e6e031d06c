//! The admin listener: metrics, and the reasons why the service is not ready. It is read-only and unauthenticated: bind
//! it to an operators' network.

use std::net::{SocketAddr, TcpListener};

use actix_web::dev::{Server, ServerHandle};
use actix_web::{App, HttpServer, web};
use anyhow::Context;
use metrics_exporter_prometheus::PrometheusHandle;
use shared::config::{ConfigError, Ingest};
use shared::health;

use super::health::OptionalSpool;
use super::routes::{self, Audience};
use super::{Draining, Publishers};

/// Connections at once: more than operators need.
const MAX_CONNECTIONS: usize = 64;

/// What the pages report on.
#[derive(Clone)]
pub(crate) struct Pages {
    pub recorder: web::Data<PrometheusHandle>,
    pub publishers: web::Data<Publishers>,
    pub spool: OptionalSpool,
    pub draining: web::Data<Draining>,
}

impl Pages {
    /// Adds everything that the handlers of the pages need to an application.
    pub fn share(&self, app: &mut web::ServiceConfig) {
        app.app_data(self.recorder.clone())
            .app_data(self.publishers.clone())
            .app_data(self.spool.clone())
            .app_data(self.draining.clone());
    }
}

/// The readers to expect at the address of the webhook.
pub(crate) fn audience(settings: &Ingest) -> Audience {
    // A proxy on this machine forwards from others to loopback.
    let is_private = settings.listen.ip().is_loopback() && settings.trusted_proxies.is_empty();
    match settings.admin_listen {
        None if is_private => Audience::Neighbours,
        None | Some(_) => Audience::Everyone,
    }
}

/// Server of health and metrics for operators, on an address of its own.
pub(crate) struct Admin {
    address: SocketAddr,
    server: Server,
}

impl Admin {
    /// Binds `ingest.admin_listen`, if it is set.
    pub fn build(settings: &Ingest, pages: Pages) -> anyhow::Result<Option<Self>> {
        let Some(address) = settings.admin_listen else {
            if audience(settings) == Audience::Everyone {
                tracing::warn!(
                    "Metrics and the reasons of readiness are not served, since others than operators reach ingest.listen. Set \
                     ingest.admin_listen (BRIDGE__INGEST__ADMIN_LISTEN) to an address that only operators reach"
                );
            }
            return Ok(None);
        };
        let listener = TcpListener::bind(address).map_err(|error| {
            let problem = format!("cannot listen on {address}: {error}");
            ConfigError::value("ingest.admin_listen", problem)
        })?;
        let address = listener
            .local_addr()
            .context("the admin listener has no address")?;
        let app = move || {
            App::new()
                .configure(|app| pages.share(app))
                .configure(|app| routes::configure_pages(app, Audience::Operators))
                .default_service(web::to(health::not_found))
        };
        let server = HttpServer::new(app)
            .workers(1)
            .max_connections(MAX_CONNECTIONS)
            .disable_signals()
            .listen(listener)
            .context("cannot serve on the admin listener")?
            .run();
        Ok(Some(Self { address, server }))
    }

    /// Port that the system gave where the settings name 0.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Handle that stops the listener.
    pub fn handle(&self) -> ServerHandle {
        self.server.handle()
    }

    /// The listener's task, which ends when the handle stops it.
    pub fn start(self) -> Server {
        let reach = if self.address.ip().is_loopback() {
            "reachable from this machine only"
        } else {
            "without authentication: it must be reachable for operators only"
        };
        tracing::info!(admin = %self.address, "Metrics and readiness are served on {}, {reach}", self.address);
        self.server
    }
}
