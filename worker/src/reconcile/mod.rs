//! Every conversation that ended is accounted for: Genesys' own record is compared with what the bridge knows. It reads,
//! and changes nothing.

mod customer_end;
mod dead_letters;
mod ended;
mod listing;
mod report;
mod standing;

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context;
use genesys::Client;
use jiff::Timestamp;
use shared::clock;
use shared::config::Settings;
use shared::domain::ids::InteractionId;
use shared::domain::phone::{Party, Reader};

use crate::enrichment::access;
use crate::store::coverage::{self, Trace};
use crate::store::{Store, WaitingList};

use ended::{Ended, Recorded};
use standing::{Known, Patience, Standing, standing};

pub(crate) use report::{Report, Row};

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
    reader: Reader,
}

impl Reconciler {
    /// A reconciler; nothing is asked yet.
    pub fn new(settings: Settings, client: Client, store: Store) -> Self {
        let reader = settings.phone.reader();
        Self {
            settings,
            client,
            store,
            reader,
        }
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
    ) -> anyhow::Result<Report> {
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
        let known = self.known(&ended).await?;
        let (patience, now) = (self.patience(), clock::now());
        let rows = ended
            .iter()
            .zip(known)
            .map(|(ended, known)| self.row(ended, standing(ended, &known, patience, now)));
        Ok(Report::new(from, to, rows.collect()))
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

    fn row(&self, ended: &Ended, standing: Standing) -> Row {
        let template = access::interaction_url(&self.settings.genesys);
        let template = template.filter(|template| !template.is_empty());
        Row {
            conversation: ended.id.as_str().to_owned(),
            ended: ended.at,
            standing,
            genesys: template.map(|template| template.replace("{id}", ended.id.as_str())),
        }
    }

    /// What Redis and the dead letter queue know, in the order of the conversations.
    async fn known(&self, ended: &[Ended]) -> anyhow::Result<Vec<Known>> {
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
        let dead = dead_letters::reasons(&self.settings.broker).await?;
        let known = ids.iter().zip(traces);
        Ok(known
            .map(|(id, trace)| known_of(id, trace, &waiting, &dead))
            .collect())
    }
}

fn known_of(
    id: &InteractionId,
    trace: Trace,
    waiting: &HashMap<String, String>,
    dead: &HashMap<String, String>,
) -> Known {
    Known {
        activity: trace.activity,
        is_seen: trace.is_seen,
        waits: waiting.get(id.as_str()).cloned(),
        dead: dead.get(id.as_str()).cloned(),
    }
}
