//! Builds the parts of the worker from the settings, and runs them under one supervision.

mod client;
mod message;
mod notices;
mod parts;
mod tasks;

use std::net::TcpListener;

use actix_web::dev::ServerHandle;
use anyhow::Context;
use metrics_exporter_prometheus::PrometheusHandle;
use pipedrive::Client;
use shared::broker::Publisher;
use shared::domain::phone;
use shared::supervision::{Supervisor, TaskError};
use shared::{config, telemetry};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::message::consumer;
use self::parts::Shared;
use self::tasks::{Tasks, alarm, tasks};
use crate::alarm::Rule;
use crate::consumer::Consumer;
use crate::enrichment;
use crate::http::health::{self, Health};
use crate::metrics::Labels;
use crate::pause::reason::PauseReason;
use crate::store::{NO_INFO, Store, StoreError};

pub use self::client::client;
pub(crate) use self::notices::{NO_LINK, NO_RECEIVER, settling};

/// The worker, ready to run.
#[derive(Debug)]
pub struct Application {
    port: u16,
    admin: Admin,
    client: Client,
    publisher: Publisher,
    tasks: Tasks,
    consumer: Consumer,
}

/// The admin listener and what it serves.
#[derive(Debug)]
struct Admin {
    listener: TcpListener,
    health: Health,
    metrics: PrometheusHandle,
}

impl Application {
    /// Builds the worker. RabbitMQ and Redis need not be reachable yet.
    ///
    /// # Errors
    ///
    /// When a setting is missing or unusable, the topology differs, or Redis evicts keys.
    pub async fn build(settings: config::Settings) -> anyhow::Result<Self> {
        let store = Store::new(settings.redis.clone())?;
        match store.probe().await {
            Err(error @ StoreError::Evicts(_)) => return Err(error.into()),
            Ok(facts) if !facts.has_info => tracing::warn!("Redis: {NO_INFO}"),
            // Where it does not answer yet, the worker waits for it.
            Ok(_) | Err(_) => {}
        }
        if enrichment::access::interaction_url(&settings.genesys).is_none() {
            tracing::warn!("Notes are written without a link: {NO_LINK}");
        }
        tracing::info!("As configured, {}", settling(&settings.genesys));
        if settings.alarm.webhook_url.is_none() {
            tracing::warn!("{NO_RECEIVER}");
        }
        if settings.genesys.access()?.is_none() {
            tracing::warn!("{}", enrichment::NO_ACCESS);
        }
        let client = client(&settings, &store)?;
        let listener = listen(&settings.worker)?;
        let port = listener.local_addr()?.port();
        let metrics = start_metrics()?;
        let shared = Shared::start(&settings, store, client).await?;
        let (consuming, is_consuming) = watch::channel(false);
        let (alarm, queue_monitor, reports) = alarm(&settings, &shared)?;
        // Takes tens of milliseconds, for which the first call should not wait.
        tokio::task::spawn_blocking(phone::warm_up).await?;
        Ok(Self {
            port,
            admin: Admin {
                listener,
                health: Health {
                    pause: shared.pause.clone(),
                    consuming: is_consuming,
                    publisher: shared.publisher.clone(),
                    alarm: reports.trouble,
                    forecast: reports.forecast,
                },
                metrics,
            },
            client: shared.client.clone(),
            publisher: shared.publisher.clone(),
            consumer: consumer(&settings, &shared, consuming),
            tasks: tasks(settings, shared, queue_monitor, alarm),
        })
    }

    /// The port of the admin listener.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs until `shutdown`, then drains.
    ///
    /// # Errors
    ///
    /// When the admin listener fails, or a background task ends before shutdown or panics.
    pub async fn run_until_stopped(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let Admin {
            listener,
            health,
            metrics,
        } = self.admin;
        let server = health::serve(listener, health, metrics)?;
        let admin = server.handle();
        let mut supervisor = Supervisor::default();
        supervisor.spawn_fallible("admin server", server);
        self.tasks.start(&mut supervisor, &shutdown);
        let mut state = self.publisher.watch();
        let publisher_gone = async move { while state.changed().await.is_ok() {} };
        let stopped = shutdown.clone();
        supervisor.spawn("publisher", async move {
            tokio::select! {
                () = stopped.cancelled() => {}
                () = publisher_gone => {}
            }
        });
        supervisor.spawn("consumer", self.consumer.run(shutdown.clone()));
        tracing::info!(port = self.port, "Worker is running");
        tokio::select! {
            biased; // after shutdown began, a task that ends is no failure
            () = shutdown.cancelled() => {}
            error = supervisor.failure() => return Err(error.into()),
        }
        let draining = drain(supervisor, &self.client, admin);
        draining.await?;
        tracing::info!("Worker has stopped");
        Ok(())
    }
}

/// Waits for the tasks, last of all for the admin server: it answers until the others are done.
async fn drain(
    mut supervisor: Supervisor,
    client: &Client,
    admin: ServerHandle,
) -> Result<(), TaskError> {
    let others = supervisor.finish_except("admin server").await;
    client.credential().settled().await;
    admin.stop(false).await;
    others.and(supervisor.finish().await)
}

fn listen(settings: &config::Worker) -> anyhow::Result<TcpListener> {
    let address = settings.listen;
    TcpListener::bind(address)
        .with_context(|| format!("cannot listen on {address} (worker.listen)"))
}

fn start_metrics() -> anyhow::Result<PrometheusHandle> {
    let metrics = telemetry::start_metrics()?;
    crate::metrics::register(
        &metrics,
        &Labels {
            pauses: &PauseReason::LABELS,
            artefacts: &enrichment::ARTEFACTS,
            alarms: &Rule::ALL.map(Rule::name),
        },
    );
    Ok(metrics)
}
