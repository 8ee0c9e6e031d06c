//! Puts the parts together and runs them.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use shared::broker::Publisher;
use shared::config::{self, Credential};
use shared::domain::ids::UserId;
use shared::domain::phone;
use shared::telemetry;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::activity::Recorder;
use crate::admin::{self, Health};
use crate::alarm::{Alarm, Tally, Watch};
use crate::consumer::Consumer;
use crate::gate::{Gate, Gatekeeper};
use crate::installation::Installation;
use crate::keeper::Keeper;
use crate::marks::Marks;
use crate::person::PersonFinder;
use crate::pipedrive::{self, OAuth};
use crate::pipeline::Pipeline;
use crate::quarantine::Quarantine;
use crate::record::Style;
use crate::redis::{
    Ledger, People, Store, StoreError, Suspects, TokenBucket, TokenBucketSettings, Vaults,
};
use crate::retry::RetrySchedule;
use crate::rotation::Rotation;
use crate::survey::Surveyor;
use crate::timing::Timing;

/// The worker, put together.
#[derive(Debug)]
pub struct Application {
    port: u16,
    listener: TcpListener,
    health: Health,
    metrics: metrics_exporter_prometheus::PrometheusHandle,
    gatekeeper: Gatekeeper,
    rotation: Rotation,
    client: pipedrive::Client,
    keeper: Option<Keeper>,
    surveyor: Surveyor,
    alarm: Alarm,
    consumer: Consumer,
}

impl Application {
    /// Puts the parts together. RabbitMQ and Redis need not be there yet.
    ///
    /// # Errors
    ///
    /// When a setting is missing or unusable, the topology is another, or Redis evicts keys.
    pub async fn build(settings: config::Settings) -> anyhow::Result<Self> {
        let store = Store::new(settings.redis.clone())?;
        if let Err(error @ StoreError::Evicts(_)) = store.probe().await {
            return Err(error.into());
        }
        let client = client(&settings, &store)?;
        let listener = TcpListener::bind(settings.worker.listen).with_context(|| {
            format!(
                "cannot listen on {} (worker.listen)",
                settings.worker.listen
            )
        })?;
        let port = listener.local_addr()?.port();
        let metrics = telemetry::start_metrics()?;
        crate::metrics::register(&metrics);
        let worker = format!("worker@{}/{}", hostname(), std::process::id());
        let delays = settings.retry.delays.clone();
        let publisher = Publisher::start(
            settings.broker.clone(),
            delays.clone(),
            format!("{worker} publish"),
        )
        .await?;
        let gate = Gate::new();
        let tally = Tally::default();
        let (consuming, is_consuming) = watch::channel(false);
        let (head, head_of_queue) = watch::channel(None);
        let (seen, survey) = watch::channel(None);
        let (trouble, alarm_trouble) = watch::channel(None);
        let watched = Watch {
            gate: gate.clone(),
            tally: tally.clone(),
            survey,
            head,
            bucket: token_bucket(&settings.pipedrive, &store),
            trouble,
        };
        let alarm = Alarm::new(watched, store.clone(), settings.alarm.clone())?;
        let pipeline = pipeline(
            &settings,
            &store,
            client.clone(),
            publisher.clone(),
            gate.clone(),
            tally,
            worker.clone(),
        );
        // Tens of milliseconds that the first call should not wait for.
        tokio::task::spawn_blocking(phone::warm_up).await?;
        Ok(Self {
            port,
            listener,
            health: Health {
                gate: gate.clone(),
                consuming: is_consuming,
                publisher,
                alarm: alarm_trouble,
            },
            metrics,
            gatekeeper: Gatekeeper {
                installation: Installation {
                    broker: settings.broker.clone(),
                    prefix: settings.redis.prefix.clone(),
                },
                gate: gate.clone(),
                store,
                client: client.clone(),
                probe_interval: settings.pipedrive.probe_interval,
            },
            client: client.clone(),
            keeper: keeper(&client, &gate, settings.pipedrive.probe_interval),
            rotation: Rotation {
                files: settings.secret_files,
                client,
                broker: settings.broker.clone(),
                redis: settings.redis,
            },
            surveyor: Surveyor {
                broker: settings.broker.clone(),
                delays: delays.clone(),
                name: format!("{worker} survey"),
                head: head_of_queue,
                seen,
            },
            alarm,
            consumer: Consumer {
                broker: settings.broker,
                delays,
                concurrency: settings.worker.concurrency,
                grace_period: settings.worker.grace_period,
                name: format!("{worker} consume"),
                pipeline: Arc::new(pipeline),
                gate,
                consuming,
            },
        })
    }

    /// The port of the admin listener.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Works until `shutdown`, then drains.
    ///
    /// # Errors
    ///
    /// When the admin listener fails.
    pub async fn run_until_stopped(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let server = admin::serve(self.listener, self.health, self.metrics)?;
        let admin = server.handle();
        let serving = tokio::spawn(server);
        tracing::info!(port = self.port, "Worker is up");
        let keeping = tokio::spawn(self.gatekeeper.run(shutdown.clone()));
        let rotating = tokio::spawn(self.rotation.run(shutdown.clone()));
        let refreshing = self
            .keeper
            .map(|keeper| tokio::spawn(keeper.run(shutdown.clone())));
        let surveying = tokio::spawn(self.surveyor.run(shutdown.clone()));
        let watching = tokio::spawn(self.alarm.run(shutdown.clone()));
        self.consumer.run(shutdown).await;
        rotating.await?;
        keeping.await?;
        surveying.await?;
        watching.await?;
        if let Some(refreshing) = refreshing {
            refreshing.await?;
        }
        self.client.credential().landed().await;
        admin.stop(false).await;
        serving.await??;
        tracing::info!("Worker is down");
        Ok(())
    }
}

/// The client of Pipedrive, with the token bucket in `store`, and an app's tokens.
///
/// # Errors
///
/// When there is no credential, or not exactly one.
pub fn client(settings: &config::Settings, store: &Store) -> anyhow::Result<pipedrive::Client> {
    let credential = settings.credential()?;
    let pipedrive = &settings.pipedrive;
    let http = pipedrive::http_client(pipedrive.request_timeout, pipedrive.connect_timeout)?;
    let credential = match credential {
        Credential::ApiToken(token) => pipedrive::Credential::ApiToken(token),
        Credential::OAuth(app) => {
            let vaults = Vaults::new(store.clone(), &app.encryption_key);
            let oauth = OAuth::new(app, http.clone(), vaults, pipedrive.request_timeout);
            pipedrive::Credential::OAuth(oauth)
        }
    };
    let client = pipedrive::Settings {
        base_url: pipedrive.base_url.clone(),
        credential,
    };
    let bucket = token_bucket(pipedrive, store);
    Ok(pipedrive::Client::new(http, client, bucket))
}

/// Who refreshes an app's tokens ahead of time.
fn keeper(client: &pipedrive::Client, gate: &Gate, pause: Duration) -> Option<Keeper> {
    match client.credential() {
        pipedrive::Credential::ApiToken(_) => None,
        pipedrive::Credential::OAuth(oauth) => Some(Keeper {
            oauth: oauth.clone(),
            gate: gate.clone(),
            pause,
        }),
    }
}

fn token_bucket(settings: &config::Pipedrive, store: &Store) -> TokenBucket {
    let bucket = TokenBucketSettings {
        requests: settings.requests_per_2s,
        searches: settings.searches_per_2s,
        daily_tokens: settings.daily_tokens,
        daily_reset: settings.daily_reset,
    };
    TokenBucket::new(store.clone(), bucket)
}

fn pipeline(
    settings: &config::Settings,
    store: &Store,
    client: pipedrive::Client,
    publisher: Publisher,
    gate: Gate,
    tally: Tally,
    worker: String,
) -> Pipeline {
    let (pipedrive, region) = (&settings.pipedrive, settings.phone.default_region);
    let timing = Timing::new(pipedrive);
    Pipeline {
        quarantine: Quarantine::new(Suspects::new(store.clone(), settings.worker.lease)),
        ledger: Ledger::new(store.clone(), settings.worker.lease),
        finder: PersonFinder {
            client: client.clone(),
            people: People::new(store.clone(), settings.worker.lease),
            region,
            search_international: pipedrive.search_international,
            timing,
        },
        records_internal_calls: settings.ingest.internal_calls,
        recorder: Recorder {
            client,
            // An intent is looked for as long as it is remembered.
            marks: Marks::new(settings.redis.done_ttl.max(settings.redis.open_ttl)),
            style: Style {
                call_type: pipedrive.call_type.clone(),
                chat_type: pipedrive.chat_type.clone(),
                fallback_owner: pipedrive.fallback_owner_id.map(UserId),
                interaction_url: settings.genesys.interaction_url.clone(),
            },
            link_open_deal: pipedrive.link_open_deal,
            timing,
        },
        region,
        schedule: RetrySchedule::new(settings.retry.delays.clone(), settings.retry.max_age),
        publisher,
        tally,
        gate,
        worker,
    }
}

fn hostname() -> String {
    std::fs::read_to_string("/etc/hostname")
        .map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned())
}
