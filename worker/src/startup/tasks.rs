//! The background tasks beside the consumer and the admin server.

use std::time::Duration;

use pipedrive::Client;
use shared::config;
use shared::supervision::Supervisor;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::client::token_bucket;
use super::parts::Shared;
use crate::alarm::queues::QueueMonitor;
use crate::alarm::{Alarm, Sources};
use crate::credentials::refresher::TokenRefresher;
use crate::credentials::rotation::Rotation;
use crate::pause::breakers::Breakers;
use crate::pause::recovery::PauseSupervisor;
use crate::pause::spent::SpentDay;
use crate::pause::state::Pause;
use crate::person::directory::sync::DirectorySync;
use crate::reconcile::{Reconciler, Routine};
use crate::store::first_start::FirstStart;
use crate::store::{Pauses, QueueAges};

/// The background tasks beside the consumer and the admin server.
#[derive(Debug)]
pub(super) struct Tasks {
    pause_supervisor: PauseSupervisor,
    breakers: Breakers,
    rotation: Rotation,
    refresher: Option<TokenRefresher>,
    directory: Option<DirectorySync>,
    coverage: Option<Routine>,
    queue_monitor: QueueMonitor,
    alarm: Alarm,
}

impl Tasks {
    pub(super) fn start(self, supervisor: &mut Supervisor, shutdown: &CancellationToken) {
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
        if let Some(coverage) = self.coverage {
            supervisor.spawn("coverage", coverage.run(stop()));
        }
    }
}

/// What readiness shows of the alarm.
pub(super) struct Reports {
    /// Why its notifications cannot be delivered.
    pub(super) trouble: watch::Receiver<Option<String>>,
    /// How long the day's tokens and writes last.
    pub(super) forecast: watch::Receiver<Vec<String>>,
}

/// The alarm, the monitor of the queues that it watches, and what readiness shows of it.
pub(super) fn alarm(
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

pub(super) fn tasks(
    settings: config::Settings,
    shared: Shared,
    queue_monitor: QueueMonitor,
    alarm: Alarm,
) -> Tasks {
    let probe_interval = settings.pipedrive.probe_interval;
    Tasks {
        coverage: coverage(&settings, &shared),
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

/// The comparisons with Genesys' record, where Genesys is configured and they are not switched off.
fn coverage(settings: &config::Settings, shared: &Shared) -> Option<Routine> {
    let client = shared.genesys.clone()?;
    let is_on = !settings.reconcile.interval.is_zero();
    is_on.then(|| Routine {
        reconciler: Reconciler::new(settings.clone(), client, shared.store.clone()),
        publisher: shared.publisher.clone(),
        pause: shared.pause.clone(),
        settings: settings.reconcile.clone(),
    })
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
