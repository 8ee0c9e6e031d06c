//! Builds the parts of the worker from the settings, and runs them under one supervision.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use anyhow::Context;
use metrics_exporter_prometheus::PrometheusHandle;
use pipedrive::{Client, OAuth, UserId};
use shared::backoff;
use shared::broker::Publisher;
use shared::config::{self, Credential};
use shared::domain::phone;
use shared::supervision::{Supervisor, TaskError};
use shared::telemetry;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::activity::lookup::ActivityLookup;
use crate::activity::owners::Owners;
use crate::activity::recorder::Recorder;
use crate::activity::style::Style;
use crate::alarm::queues::QueueMonitor;
use crate::alarm::{Alarm, OutcomeCounter, Rule, Sources};
use crate::consumer::Consumer;
use crate::credentials::refresher::TokenRefresher;
use crate::credentials::rotation::Rotation;
use crate::delivery::poison::PoisonGuard;
use crate::delivery::retry::RetrySchedule;
use crate::delivery::settling::SettlePolicy;
use crate::effect::timing::Timing;
use crate::enrichment;
use crate::http::health::{self, Health};
use crate::metrics::Labels;
use crate::outbound;
use crate::pause::breakers::Breakers;
use crate::pause::reason::PauseReason;
use crate::pause::recovery::PauseSupervisor;
use crate::pause::spent::SpentDay;
use crate::pause::state::Pause;
use crate::pause::trace::TracedBudget;
use crate::person::access::Access;
use crate::person::directory::Directory;
use crate::person::directory::sync::DirectorySync;
use crate::person::finder::PersonFinder;
use crate::person::reader::PersonReader;
use crate::pipeline::Pipeline;
use crate::process;
use crate::settlement::Settlement;
use crate::store::first_start::FirstStart;
use crate::store::{
    BreakerStore, DeliveryAttempts, EncryptedTokens, InteractionStore, NO_INFO, OwnerStore, Pauses,
    People, QueueAges, RefusedBodies, Store, StoreError, TokenBucket, TokenBucketSettings,
    WaitingList,
};

/// While a breaker is open: longest time after which a newly arrived message is tried, if a probe is due.
const PROBE_POLL: Duration = Duration::from_secs(1);
/// How often a failed read is repeated, and the first pause before that.
const READ_REPEATS: usize = 2;
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// What is said where no link to interactions is set: its host depends on the region, and a wrong one leads nowhere.
pub(crate) const NO_LINK: &str = "genesys.interaction_url (BRIDGE__GENESYS__INTERACTION_URL) is missing, and no region's \
    genesys.api_url is set to derive it from: set https://apps.<region>/directory/#/analytics/interactions/{id}/admin, or \
    an empty text for no link";

/// When records of Genesys' events are written; for the log and `worker check`.
pub(crate) fn settling(genesys: &config::Genesys) -> String {
    let needed = "customer.end is needed for each conversation of Genesys: its record is written";
    match &genesys.settle_delay {
        Some(delay) => format!(
            "{needed} {} after that (genesys.settle_delay)",
            delay.name()
        ),
        None => format!("{needed} at once (genesys.settle_delay is 0s)"),
    }
}

/// What is said where incidents are noticed, and none is reported.
pub(crate) const NO_RECEIVER: &str = "No alarm has a receiver: incidents show in log, readiness and metrics only. Set \
    alarm.webhook_url (BRIDGE__ALARM__WEBHOOK_URL), or a receiver in Alertmanager, and send a test with `worker alarm test`";

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

/// The background tasks beside the consumer and the admin server.
#[derive(Debug)]
struct Tasks {
    pause_supervisor: PauseSupervisor,
    breakers: Breakers,
    rotation: Rotation,
    refresher: Option<TokenRefresher>,
    directory: Option<DirectorySync>,
    queue_monitor: QueueMonitor,
    alarm: Alarm,
}

/// What several parts share.
struct Shared {
    store: Store,
    client: Client,
    publisher: Publisher,
    pause: Pause,
    breakers: Breakers,
    outcomes: OutcomeCounter,
    directory: Option<Directory>,
    genesys: Option<genesys::Client>,
    /// Name of this worker in the broker's management UI and in dead letters.
    worker: String,
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

impl Tasks {
    fn start(self, supervisor: &mut Supervisor, shutdown: &CancellationToken) {
        let stop = || shutdown.clone();
        supervisor.spawn("pause supervisor", self.pause_supervisor.run(stop()));
        supervisor.spawn("breakers", self.breakers.run(stop()));
        supervisor.spawn("secret rotation", self.rotation.run(stop()));
        supervisor.spawn("queue monitor", self.queue_monitor.run(stop()));
        supervisor.spawn("alarm", self.alarm.run(stop()));
        if let Some(refresher) = self.refresher {
            supervisor.spawn("token refresher", refresher.run(stop()));
        }
        if let Some(directory) = self.directory {
            supervisor.spawn("directory", directory.run(stop()));
        }
    }
}

impl Shared {
    async fn start(
        settings: &config::Settings,
        store: Store,
        client: Client,
    ) -> anyhow::Result<Self> {
        let worker = format!("worker@{}/{}", process::hostname(), std::process::id());
        let publisher = Publisher::start(
            settings.broker.clone(),
            settings.queued_delays(),
            format!("{worker} publish"),
        )
        .await?;
        let pause = Pause::until_redis_answers();
        let breakers = Breakers::new(
            BreakerStore::new(store.clone()),
            pause.clone(),
            settings.pipedrive.probe_interval,
        );
        Ok(Self {
            directory: Directory::new(settings, &store, client.clone()),
            genesys: enrichment::access::client(settings, &store)?,
            store,
            client,
            publisher,
            pause,
            breakers,
            outcomes: OutcomeCounter::default(),
            worker,
        })
    }
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

/// What readiness shows of the alarm.
struct Reports {
    /// Why its notifications cannot be delivered.
    trouble: watch::Receiver<Option<String>>,
    /// How long the day's tokens and writes last.
    forecast: watch::Receiver<Vec<String>>,
}

/// The alarm, the monitor of the queues that it watches, and what readiness shows of it.
fn alarm(
    settings: &config::Settings,
    shared: &Shared,
) -> anyhow::Result<(Alarm, QueueMonitor, Reports)> {
    let (head, head_of_queue) = watch::channel(None);
    let (seen, queues) = watch::channel(None);
    let (trouble, seen_trouble) = watch::channel(None);
    let (forecast, seen_forecast) = watch::channel(Vec::new());
    let sources = Sources {
        pause: shared.pause.clone(),
        outcomes: shared.outcomes.clone(),
        queues,
        head,
        bucket: token_bucket(&settings.pipedrive, &shared.store),
        trouble,
        forecast,
    };
    let alarm = Alarm::new(
        sources,
        shared.store.clone(),
        settings.alarm.clone(),
        &settings.proxies,
        settings.pipedrive.time_zone.clone(),
    )?;
    let queue_monitor = QueueMonitor {
        broker: settings.broker.clone(),
        delays: settings.queued_delays(),
        name: format!("{} queues", shared.worker),
        head: head_of_queue,
        ages: QueueAges::new(shared.store.clone()),
        seen,
    };
    let reports = Reports {
        trouble: seen_trouble,
        forecast: seen_forecast,
    };
    Ok((alarm, queue_monitor, reports))
}

fn consumer(
    settings: &config::Settings,
    shared: &Shared,
    consuming: watch::Sender<bool>,
) -> Consumer {
    Consumer {
        broker: settings.broker.clone(),
        delays: settings.queued_delays(),
        concurrency: settings.worker.concurrency,
        grace_period: settings.worker.grace_period,
        name: format!("{} consume", shared.worker),
        pipeline: Arc::new(pipeline(settings, shared)),
        pause: shared.pause.clone(),
        breakers: shared.breakers.clone(),
        probe_poll: PROBE_POLL.min(settings.pipedrive.probe_interval),
        consuming,
    }
}

fn tasks(
    settings: config::Settings,
    shared: Shared,
    queue_monitor: QueueMonitor,
    alarm: Alarm,
) -> Tasks {
    let probe_interval = settings.pipedrive.probe_interval;
    Tasks {
        directory: shared.directory.map(|directory| DirectorySync {
            directory,
            pause: shared.pause.clone(),
        }),
        refresher: refresher(&shared.client, &shared.pause, probe_interval),
        pause_supervisor: PauseSupervisor {
            first_start: FirstStart {
                broker: settings.broker.clone(),
                prefix: settings.redis.prefix.clone(),
            },
            pause: shared.pause,
            pauses: Pauses::new(shared.store.clone()),
            // Two containers may have the same name and process id.
            worker: format!("{}#{:04x}", shared.worker, rand::random::<u16>()),
            day: SpentDay {
                bucket: token_bucket(&settings.pipedrive, &shared.store),
                client: shared.client.clone(),
            },
            store: shared.store,
            client: shared.client.clone(),
            probe_interval,
            breakers: shared.breakers.clone(),
        },
        breakers: shared.breakers,
        rotation: Rotation {
            files: settings.secret_files,
            client: shared.client,
            genesys: shared.genesys.zip(settings.genesys.client_id),
            broker: settings.broker,
            redis: settings.redis,
        },
        queue_monitor,
        alarm,
    }
}

/// Builds Pipedrive's client, with the budget and an app's tokens in `store`.
///
/// # Errors
///
/// When there is no credential, or not exactly one.
pub fn client(settings: &config::Settings, store: &Store) -> anyhow::Result<Client> {
    settings.check_published_secrets()?;
    let credential = settings.credential()?;
    let pipedrive = &settings.pipedrive;
    let http = pipedrive::http_client(
        outbound::http(&settings.proxies),
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
    let budget = Arc::new(TracedBudget(token_bucket(pipedrive, store)));
    Ok(Client::new(http, client, budget))
}

/// The task that refreshes an app's tokens before they expire.
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
    TokenBucket::new(store.clone(), TokenBucketSettings::of(settings))
}

fn pipeline(settings: &config::Settings, shared: &Shared) -> Pipeline {
    let (store, client) = (&shared.store, shared.client.clone());
    let (pipedrive, region) = (&settings.pipedrive, settings.phone.default_region);
    let timing = Timing::new(pipedrive);
    Pipeline {
        poison_guard: PoisonGuard::new(DeliveryAttempts::new(store.clone(), settings.worker.lease)),
        refused: RefusedBodies::new(store.clone()),
        interactions: InteractionStore::new(store.clone(), settings.worker.lease),
        enrichment: enrichment::access::enrichment(settings, store, shared.genesys.as_ref()),
        finder: PersonFinder {
            reader: PersonReader {
                client: client.clone(),
                directory: shared.directory.clone(),
                counts_deals: pipedrive.link_open_deal && shared.directory.is_some(),
                access: Access::default(),
                region,
                search_international: pipedrive.search_international,
                timing,
            },
            people: People::new(store.clone(), settings.worker.lease),
            link_open_deal: pipedrive.link_open_deal,
        },
        settle_policy: SettlePolicy {
            settle_delay: settings.genesys.settle_delay.as_ref().map(|it| it.duration),
            legs_wait: settings.genesys.legs_wait,
            records_internal_calls: settings.ingest.internal_calls,
        },
        recorder: Recorder {
            owners: (settings.genesys.owner && shared.genesys.is_some())
                .then(|| Owners::new(client.clone(), OwnerStore::new(store.clone()))),
            client,
            // An intent is searched for as long as it is stored.
            lookup: ActivityLookup::new(settings.redis.done_ttl.max(settings.redis.open_ttl)),
            style: Style {
                call_type: pipedrive.call_type.clone(),
                chat_type: pipedrive.chat_type.clone(),
                fallback_owner: pipedrive.fallback_owner_id.map(UserId),
                person_url: person_url(&pipedrive.base_url),
                interaction_url: enrichment::access::interaction_url(&settings.genesys)
                    .unwrap_or_default(),
                time_zone: pipedrive.time_zone.clone(),
            },
            link_open_deal: pipedrive.link_open_deal,
            directory: shared.directory.clone(),
            timing,
        },
        reader: settings.phone.reader(),
        settlement: Settlement {
            schedule: RetrySchedule::new(settings.retry.delays.clone(), settings.retry.max_age)
                .with_settle_delay(settings.genesys.settle_delay.clone()),
            publisher: shared.publisher.clone(),
            outcomes: shared.outcomes.clone(),
            pause: shared.pause.clone(),
            breakers: shared.breakers.clone(),
            waiting: WaitingList::new(store.clone()),
            worker: shared.worker.clone(),
        },
    }
}

/// Where people are shown, up to their id: on the company's own host. The host that serves every company shows none.
fn person_url(base_url: &Url) -> Option<String> {
    let host = base_url.host_str()?;
    let is_company = host.ends_with(".pipedrive.com") && host != "api.pipedrive.com";
    is_company.then(|| format!("https://{host}/person/"))
}
