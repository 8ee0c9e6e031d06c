//! A day of the call centre of which not all reached the bridge: events that were withheld, and bodies that were cut off.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::ensure;
use futures_util::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use shared::broker::topology;
use shared::clock;
use shared::domain::ids::sha256_hex_of;
use worker::commands::reconcile::{Span, reconcile};

use super::PATIENCE;
use super::call_centre::CallCentre;
use super::day_truth::wrong;
use crate::sandbox::call_centre::{Delivery, Plan};
use crate::servers::wait_until;

/// Of a hundred conversations, no event of so many comes.
const SILENT: u64 = 1;
/// Of a hundred events of the others, so many never come.
const WITHHELD: u64 = 3;
/// Of a hundred others, the bodies of so many are cut off.
const CUT: u64 = 1;
/// How many webhooks are on their way at once.
const AT_ONCE: usize = 8;
/// Conversations within one patience.
const WITHIN_PATIENCE: usize = 200;
/// How long ago a day began: all of its conversations are over, and Redis remembers them.
const BEGAN: SignedDuration = SignedDuration::from_hours(14);

/// A plan of a day that ended some hours ago.
#[must_use]
pub fn recent(conversations: usize) -> Plan {
    let opens = clock::now().checked_sub(BEGAN).unwrap_or_default();
    Plan {
        conversations,
        // Times in notes have no parts of a second.
        opens: Timestamp::from_second(opens.as_second()).unwrap_or_default(),
        ..Plan::default()
    }
}

/// What happens to an event on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Arrives,
    Withheld,
    Cut,
}

/// The fate of an event; all copies of it share it.
fn fate(delivery: &Delivery) -> Fate {
    let event = format!("{} {}", delivery.conversation, delivery.leaf);
    let of_event = drawn(&event);
    if drawn(&delivery.conversation) < SILENT || of_event < WITHHELD {
        Fate::Withheld
    } else if of_event < WITHHELD + CUT {
        Fate::Cut
    } else {
        Fate::Arrives
    }
}

/// A number below a hundred, the same for the same name.
fn drawn(name: &str) -> u64 {
    let digest = sha256_hex_of(name.as_bytes());
    u64::from_str_radix(&digest[..8], 16).unwrap_or(0) % 100
}

/// The beginning of a body: of one a few bytes, of another nearly all.
fn cut(delivery: &Delivery) -> Vec<u8> {
    let body = &delivery.body;
    let part = usize::try_from(drawn(body)).unwrap_or(0);
    body.as_bytes()[..body.len() * part / 100].to_vec()
}

/// How many events met which fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Those that arrived whole.
    pub whole: usize,
    /// Those that never came.
    pub withheld: usize,
    /// Those that were cut off.
    pub cut: usize,
}

impl CallCentre {
    /// Posts the webhooks of the day, but for those that are withheld.
    pub async fn post_with_gaps(&self) -> Sent {
        let mut sent = Sent::default();
        let mut bodies = Vec::new();
        for delivery in self.day.deliveries() {
            match fate(delivery) {
                Fate::Withheld => sent.withheld += 1,
                Fate::Arrives => {
                    sent.whole += 1;
                    bodies.push(delivery.body.clone().into_bytes());
                }
                Fate::Cut => {
                    sent.cut += 1;
                    bodies.push(cut(delivery));
                }
            }
        }
        let posts = stream::iter(bodies).map(|body| self.app.post(body));
        posts.buffer_unordered(AT_ONCE).count().await;
        sent
    }

    /// Waits until no message waits, for as long as the day is.
    ///
    /// # Panics
    ///
    /// Panics if that never comes.
    pub async fn wait_until_worked(&self) {
        let delays = self.app.settings.queued_delays();
        let mut queues = vec![
            topology::WORK_QUEUE.to_owned(),
            topology::BACKFILL_QUEUE.to_owned(),
        ];
        queues.extend(delays.iter().map(topology::retry_queue));
        let worked = wait_until("a day that is worked off", self.patience(), async || {
            for queue in &queues {
                let waiting = self.app.vhost().message_count(queue).await?;
                ensure!(waiting == 0, "{waiting} messages wait in {queue}");
            }
            Ok(())
        });
        worked.await.unwrap_or_else(|error| panic!("{error:#}"));
        self.app.wait_until_idle().await;
    }

    /// Waits until each record says the truth, and there is one for each conversation.
    ///
    /// # Panics
    ///
    /// Panics if that never comes.
    pub async fn wait_for_the_truth(&self) {
        let right = wait_until(
            "a day that is recorded as it was",
            self.patience(),
            async || {
                let wrong = wrong(self);
                let counts: Vec<_> = wrong
                    .iter()
                    .map(|(what, all)| (what, all.len(), &all[0]))
                    .collect();
                ensure!(wrong.is_empty(), "{counts:#?}");
                Ok(())
            },
        );
        right.await.unwrap_or_else(|error| panic!("{error:#}"));
        self.wait_until_worked().await;
        assert!(wrong(self).is_empty(), "a later event made a record wrong");
        let recorded: BTreeSet<_> = self
            .day
            .happenings
            .iter()
            .filter(|one| one.truth.is_recorded)
            .map(|one| &one.truth.conversation)
            .collect();
        let activities = self.app.pipedrive.activities().len();
        assert_eq!(activities, recorded.len(), "one record for each");
    }

    /// Compares the day with Genesys' record, as `worker reconcile` does. Whether nothing was missing.
    ///
    /// # Panics
    ///
    /// Panics if a server does not answer.
    pub async fn reconcile(&self, repair: bool) -> bool {
        let span = Span {
            from: clock::now() - BEGAN - SignedDuration::from_hours(1),
            to: None,
            repair,
            json: false,
        };
        let compared = reconcile(&self.app.settings, &span).await;
        compared.unwrap_or_else(|error| panic!("{error:#}"))
    }

    fn patience(&self) -> Duration {
        let times = self.day.happenings.len() / WITHIN_PATIENCE + 1;
        PATIENCE * u32::try_from(times).unwrap_or(1)
    }
}
