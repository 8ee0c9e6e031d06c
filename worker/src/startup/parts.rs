//! What several parts of the worker share.

use pipedrive::Client;
use shared::broker::Publisher;
use shared::config;

use crate::alarm::OutcomeCounter;
use crate::pause::breakers::Breakers;
use crate::pause::state::Pause;
use crate::person::directory::Directory;
use crate::store::{BreakerStore, Store};
use crate::{enrichment, process};

/// What several parts share.
pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) client: Client,
    pub(super) publisher: Publisher,
    pub(super) pause: Pause,
    pub(super) breakers: Breakers,
    pub(super) outcomes: OutcomeCounter,
    pub(super) directory: Option<Directory>,
    pub(super) genesys: Option<genesys::Client>,
    /// Name of this worker in the broker's management UI and in dead letters.
    pub(super) worker: String,
}

impl Shared {
    pub(super) async fn start(
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
