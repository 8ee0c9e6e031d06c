//! Builds the way of a message: the consumer and its pipeline.

use std::sync::Arc;
use std::time::Duration;

use pipedrive::UserId;
use shared::config;
use tokio::sync::watch;
use url::Url;

use super::client::token_bucket;
use super::parts::Shared;
use crate::activity::lookup::ActivityLookup;
use crate::activity::owners::Owners;
use crate::activity::recorder::Recorder;
use crate::activity::style::Style;
use crate::consumer::Consumer;
use crate::delivery::backfill::Backfill;
use crate::delivery::poison::PoisonGuard;
use crate::delivery::retry::RetrySchedule;
use crate::delivery::settling::SettlePolicy;
use crate::effect::timing::Timing;
use crate::enrichment;
use crate::person::access::Access;
use crate::person::finder::PersonFinder;
use crate::person::reader::PersonReader;
use crate::pipeline::Pipeline;
use crate::settlement::Settlement;
use crate::store::{
    DeliveryAttempts, InteractionStore, OwnerStore, People, RefusedBodies, WaitingList,
};

/// While a breaker is open: longest time after which a newly arrived message is tried, if a probe is due.
const PROBE_POLL: Duration = Duration::from_secs(1);

pub(super) fn consumer(
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
        backfill: Backfill {
            bucket: token_bucket(&settings.pipedrive, &shared.store),
        },
        consuming,
    }
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
