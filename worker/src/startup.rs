//! Puts the parts together and runs them.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use pipedrive::{Client, OAuth, UserId};
use shared::broker::Publisher;
use shared::config::{self, Credential};
use shared::domain::phone;
use shared::telemetry;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::activity::content::Style;
use crate::activity::lookup::ActivityLookup;
use crate::activity::recorder::Recorder;
use crate::alarm::queues::QueueMonitor;
use crate::alarm::{Alarm, OutcomeCounter, Rule, Watch};
use crate::consumer::Consumer;
use crate::credentials::refresher::TokenRefresher;
use crate::credentials::rotation::Rotation;
use crate::delivery::poison::PoisonGuard;
use crate::delivery::retry::RetrySchedule;
use crate::effect::timing::Timing;
use crate::http::health::{self, Health};
use crate::metrics::Labels;
use crate::pause::reason::PauseReason;
use crate::pause::recovery::PauseSupervisor;
use crate::pause::state::Pause;
use crate::person::finder::PersonFinder;
use crate::pipeline::Pipeline;
use crate::store::first_start::FirstStart;
use crate::store::{
    DeliveryAttempts, EncryptedTokens, InteractionStore, People, Store, StoreError, TokenBucket,
    TokenBucketSettings,
};
use shared::backoff;

/// How often a read that failed is repeated at once, and the first pause.
const READ_REPEATS: usize = 2;
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// The worker, put together.
#[derive(Debug)]
pub struct Application {
    port: u16,
    listener: TcpListener,
    health: Health,
    metrics: metrics_exporter_prometheus::PrometheusHandle,
    pause_supervisor: PauseSupervisor,
    rotation: Rotation,
    client: Client,
    refresher: Option<TokenRefresher>,
    queue_monitor: QueueMonitor,
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
        crate::metrics::register(
            &metrics,
            &Labels {
                pauses: &PauseReason::LABELS,
                alarms: &Rule::ALL.map(Rule::name),
            },
        );
        let worker = format!("worker@{}/{}", hostname(), std::process::id());
        let delays = settings.retry.delays.clone();
        let publisher = Publisher::start(
            settings.broker.clone(),
            delays.clone(),
            format!("{worker} publish"),
        )
        .await?;
        let pause = Pause::until_redis_answers();
        let outcomes = OutcomeCounter::default();
        let (consuming, is_consuming) = watch::channel(false);
        let (head, head_of_queue) = watch::channel(None);
        let (seen, queues) = watch::channel(None);
        let (trouble, alarm_trouble) = watch::channel(None);
        let watched = Watch {
            pause: pause.clone(),
            outcomes: outcomes.clone(),
            queues,
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
            pause.clone(),
            outcomes,
            worker.clone(),
        );
        // Tens of milliseconds that the first call should not wait for.
        tokio::task::spawn_blocking(phone::warm_up).await?;
        Ok(Self {
            port,
            listener,
            health: Health {
                pause: pause.clone(),
                consuming: is_consuming,
                publisher,
                alarm: alarm_trouble,
            },
            metrics,
            pause_supervisor: PauseSupervisor {
                first_start: FirstStart {
                    broker: settings.broker.clone(),
                    prefix: settings.redis.prefix.clone(),
                },
                pause: pause.clone(),
                store,
                client: client.clone(),
                probe_interval: settings.pipedrive.probe_interval,
            },
            client: client.clone(),
            refresher: refresher(&client, &pause, settings.pipedrive.probe_interval),
            rotation: Rotation {
                files: settings.secret_files,
                client,
                broker: settings.broker.clone(),
                redis: settings.redis,
            },
            queue_monitor: QueueMonitor {
                broker: settings.broker.clone(),
                delays: delays.clone(),
                name: format!("{worker} queues"),
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
                pause,
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
        let server = health::serve(self.listener, self.health, self.metrics)?;
        let admin = server.handle();
        let serving = tokio::spawn(server);
        tracing::info!(port = self.port, "Worker is up");
        let keeping = tokio::spawn(self.pause_supervisor.run(shutdown.clone()));
        let rotating = tokio::spawn(self.rotation.run(shutdown.clone()));
        let refreshing = self
            .refresher
            .map(|refresher| tokio::spawn(refresher.run(shutdown.clone())));
        let surveying = tokio::spawn(self.queue_monitor.run(shutdown.clone()));
        let watching = tokio::spawn(self.alarm.run(shutdown.clone()));
        self.consumer.run(shutdown).await;
        rotating.await?;
        keeping.await?;
        surveying.await?;
        watching.await?;
        if let Some(refreshing) = refreshing {
            refreshing.await?;
        }
        self.client.credential().settled().await;
        admin.stop(false).await;
        serving.await??;
        tracing::info!("Worker is down");
        Ok(())
    }
}

/// Makes Pipedrive's client, with the budget and an app's tokens in `store`.
///
/// # Errors
///
/// When there is no credential, or not exactly one.
pub fn client(settings: &config::Settings, store: &Store) -> anyhow::Result<Client> {
    let credential = settings.credential()?;
    let pipedrive = &settings.pipedrive;
    let http = pipedrive::http_client(
        concat!("genesys-pipedrive-bridge/", env!("CARGO_PKG_VERSION")),
        pipedrive.request_timeout,
        pipedrive.connect_timeout,
    )?;
    let credential = match credential {
        Credential::ApiToken(token) => pipedrive::Credential::api_token(token.current()),
        Credential::OAuth(app) => {
            let tokens = EncryptedTokens::new(store.clone(), &app.encryption_key);
            let app = pipedrive::App {
                client_id: app.client_id,
                client_secret: app.client_secret.current(),
                refresh_token: app.refresh_token.current(),
                token_url: app.token_url,
                takes_api_domain: app.takes_api_domain,
            };
            let timeout = pipedrive.request_timeout;
            let oauth = OAuth::new(app, http.clone(), Arc::new(tokens), timeout);
            pipedrive::Credential::OAuth(oauth)
        }
    };
    let client = pipedrive::Settings {
        base_url: pipedrive.base_url.clone(),
        credential,
        request_timeout: pipedrive.request_timeout,
        repeat_pauses: || Box::new(backoff::pauses(FIRST_PAUSE, READ_REPEATS)),
    };
    let budget = Arc::new(token_bucket(pipedrive, store));
    Ok(Client::new(http, client, budget))
}

/// Refreshes an app's tokens ahead of their end.
fn refresher(client: &Client, pause: &Pause, retry_after: Duration) -> Option<TokenRefresher> {
    match client.credential() {
        pipedrive::Credential::ApiToken(_) => None,
        pipedrive::Credential::OAuth(oauth) => Some(TokenRefresher {
            oauth: oauth.clone(),
            pause: pause.clone(),
            retry_after,
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
    client: Client,
    publisher: Publisher,
    pause: Pause,
    outcomes: OutcomeCounter,
    worker: String,
) -> Pipeline {
    let (pipedrive, region) = (&settings.pipedrive, settings.phone.default_region);
    let timing = Timing::new(pipedrive);
    Pipeline {
        poison_guard: PoisonGuard::new(DeliveryAttempts::new(store.clone(), settings.worker.lease)),
        interactions: InteractionStore::new(store.clone(), settings.worker.lease),
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
            lookup: ActivityLookup::new(settings.redis.done_ttl.max(settings.redis.open_ttl)),
            style: Style {
                call_type: pipedrive.call_type.clone(),
                chat_type: pipedrive.chat_type.clone(),
                fallback_owner: pipedrive.fallback_owner_id.map(UserId),
                interaction_url: settings.genesys.interaction_url.clone(),
            },
            link_open_deal: pipedrive.link_open_deal,
            timing,
        },
        reader: settings.phone.reader(),
        schedule: RetrySchedule::new(settings.retry.delays.clone(), settings.retry.max_age),
        publisher,
        outcomes,
        pause,
        worker,
    }
}

fn hostname() -> String {
    std::fs::read_to_string("/etc/hostname")
        .map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned())
}
