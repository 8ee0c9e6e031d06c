//! Every conversation that ended is accounted for: Genesys' own record is compared with what the bridge knows. Comparing
//! changes nothing; a repair publishes the events of what is missing to the backfill queue.

mod customer_end;
mod ended;
mod listing;
mod plan;
mod queues;
mod repair;
mod report;
mod routine;
mod standing;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use anyhow::Context;
use genesys::Client;
use jiff::{SignedDuration, Timestamp};
use shared::broker::Publisher;
use shared::clock;
use shared::config::Settings;
use shared::domain::ids::InteractionId;
use shared::domain::phone::{Party, Reader};

use crate::enrichment::{self, access};
use crate::metrics as names;
use crate::store::coverage::{self, Trace};
use crate::store::{Reconciliations, Store, WaitingList};

use ended::{Ended, Recorded};
use queues::Queues;
use standing::{Known, Patience, Standing, is_repairable, lacks_end, standing};

pub(crate) use report::{Report, Row};
pub(crate) use routine::Routine;

/// Genesys' analytics are behind by that much: of what ended later, nothing can be said yet.
pub(crate) const BEHIND: SignedDuration = SignedDuration::from_secs(120);

/// From the end of a conversation to its event in the work queue: triggers and EventBridge take seconds.
const DELIVERY: Duration = Duration::from_secs(120);
/// What a record may take beyond the waits of the settings.
const MARGIN: Duration = Duration::from_secs(300);

/// Compares Genesys' record with what the bridge knows.
#[derive(Debug)]
pub(crate) struct Reconciler {
    settings: Settings,
    client: Client,
    store: Store,
    reconciliations: Reconciliations,
    reader: Reader,
}

/// A comparison, and what may be repaired.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// The report.
    pub report: Report,
    repairable: Vec<Ended>,
}

impl Reconciler {
    /// A reconciler; nothing is asked yet.
    pub fn new(settings: Settings, client: Client, store: Store) -> Self {
        let reader = settings.phone.reader();
        Self {
            settings,
            client,
            reconciliations: Reconciliations::new(store.clone()),
            store,
            reader,
        }
    }

    /// What workers share of comparisons.
    pub fn reconciliations(&self) -> &Reconciliations {
        &self.reconciliations
    }

    /// Compares the conversations that ended from `from` until `to`. `seen` learns how many were listed so far.
    ///
    /// # Errors
    ///
    /// When Genesys, RabbitMQ or Redis does not answer.
    pub async fn compare(
        &self,
        from: Timestamp,
        to: Timestamp,
        seen: &mut (dyn FnMut(usize) + Send),
    ) -> anyhow::Result<Comparison> {
        let listed = listing::ended(&self.client, (from, to), seen)
            .await
            .context("cannot list the conversations that ended")?;
        let is_own = |number: &str| {
            let party = self.reader.read(Some(number)).party;
            matches!(party, Party::Own | Party::Internal)
        };
        let filter = self.settings.ingest.filter();
        let recorded = Recorded {
            filter: &filter,
            internal_calls: self.settings.ingest.internal_calls,
            is_own: &is_own,
        };
        let ended: Vec<Ended> = listed
            .iter()
            .filter_map(|details| Ended::of(details, &recorded))
            .collect();
        let queues = queues::read(&self.settings.broker).await?;
        let known = self.known(&ended, &queues).await?;
        let (patience, now) = (self.patience(), clock::now());
        let mut repairable = Vec::new();
        let mut rows = Vec::with_capacity(ended.len());
        for (ended, known) in ended.into_iter().zip(known) {
            let standing = standing(&ended, &known, patience, now);
            let lacks_end = lacks_end(&ended, &known, patience, now);
            let is_repairable = is_repairable(&standing, lacks_end, known.was_published);
            let is_missing = lacks_end || standing == Standing::Missing;
            rows.push(Row {
                conversation: ended.id.as_str().to_owned(),
                ended: ended.at,
                standing,
                lacks_end,
                repaired: known.was_published && !is_missing,
                published: false,
                genesys: self.link(&ended.id),
            });
            if is_repairable {
                repairable.push(ended);
            }
        }
        Ok(Comparison {
            report: Report::new(from, to, rows, queues.work),
            repairable,
        })
    }

    /// Publishes the events of what is missing in a comparison. `seen` learns how many conversations were published so far.
    ///
    /// # Errors
    ///
    /// When RabbitMQ or Redis does not answer. What was published stays published, and a repair may be run again.
    pub async fn repair(
        &self,
        publisher: &Publisher,
        comparison: &mut Comparison,
        seen: &mut (dyn FnMut(usize) + Send),
    ) -> anyhow::Result<()> {
        let missing = &comparison.repairable;
        repair::publish(publisher, &self.reconciliations, missing, seen).await?;
        let ids: HashSet<&str> = missing.iter().map(|ended| ended.id.as_str()).collect();
        comparison.report.note_published(&ids);
        metrics::counter!(names::COVERAGE_PUBLISHED).increment(comparison.report.counts.published);
        Ok(())
    }

    /// How long events and records are awaited: legs alone wait longest.
    fn patience(&self) -> Patience {
        let genesys = &self.settings.genesys;
        let settling = genesys.settle_delay.as_ref();
        let settling = settling.map_or(Duration::ZERO, |delay| delay.duration);
        Patience {
            delivery: DELIVERY,
            settling: settling + genesys.legs_wait + MARGIN,
        }
    }

    fn link(&self, id: &InteractionId) -> Option<String> {
        let template = access::interaction_url(&self.settings.genesys);
        let template = template.filter(|template| !template.is_empty());
        template.map(|template| template.replace("{id}", id.as_str()))
    }

    /// What Redis and the queues know, in the order of the conversations.
    async fn known(&self, ended: &[Ended], queues: &Queues) -> anyhow::Result<Vec<Known>> {
        let ids: Vec<&InteractionId> = ended.iter().map(|ended| &ended.id).collect();
        let of_redis = "cannot read what Redis knows of the conversations";
        let traces = coverage::traces(&self.store, &ids)
            .await
            .context(of_redis)?;
        let waiting = WaitingList::new(self.store.clone())
            .all()
            .await
            .context(of_redis)?;
        let waiting: HashMap<String, String> = waiting
            .into_iter()
            .map(|message| (message.interaction, message.reason))
            .collect();
        let published = self.reconciliations.published(&ids).await;
        let published = published.context(of_redis)?;
        let known = ids.iter().zip(traces).zip(published);
        Ok(known
            .map(|((id, trace), was_published)| Known {
                was_published,
                has_backlog: queues.backfill > 0,
                waits: waiting.get(id.as_str()).cloned(),
                dead: queues.dead.get(id.as_str()).cloned(),
                ..self.traced(&trace)
            })
            .collect())
    }

    fn traced(&self, trace: &Trace) -> Known {
        let kept = trace.enrichment.as_deref().unwrap_or_default();
        Known {
            activity: trace.activity,
            absent: enrichment::absent(kept, self.settings.genesys.summary),
            is_seen: trace.is_seen,
            has_end: trace.has_end,
            ..Known::default()
        }
    }
}
