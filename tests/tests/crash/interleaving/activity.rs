//! Two events of one interaction: claim, look and intend, create or change, mark as recorded.

use std::collections::BTreeSet;

use pipedrive::ActivityId;
use proptest::prelude::*;
use shared::domain::event::{Filter, Recognised, recognise};
use shared::domain::facts::Facts;
use shared::domain::ids::{EventKey, InteractionId};
use worker::store::{Claim, ClaimRequest, Effect, InteractionStore, Lease, Progress};

use super::{Redis, World};

/// Where a worker stands with its delivery.
#[derive(Default)]
enum At {
    #[default]
    Idle,
    Claimed(Lease, Box<Progress>),
    /// About to create the activity, or to change this one.
    Intended(Lease, Box<Progress>, Option<ActivityId>),
    Written(Lease, Box<Progress>, ActivityId),
    Finished,
}

/// A worker, and the event that it works on.
#[derive(Default)]
struct Worker {
    at: At,
    event: usize,
}

/// An event of the call.
struct Event {
    interaction: InteractionId,
    key: EventKey,
    facts: Facts,
}

pub(super) struct Recording {
    redis: Redis,
    interactions: InteractionStore,
    interaction: InteractionId,
    events: [Event; 2],
    /// What each activity in Pipedrive contains: the digests of events.
    activities: Vec<BTreeSet<String>>,
    workers: [Worker; 2],
}

impl World for Recording {
    fn new(redis: Redis) -> Self {
        let names = ["customer-end-voice-inbound", "user-end-voice-inbound"];
        let events = names.map(Event::sample);
        let interaction = events[0].interaction.clone();
        assert_eq!(interaction, events[1].interaction, "two events of one call");
        Self {
            interactions: InteractionStore::new(redis.store.clone(), redis.settings.worker.lease),
            redis,
            interaction,
            events,
            activities: Vec::new(),
            workers: Default::default(),
        }
    }

    fn redis(&mut self) -> &mut Redis {
        &mut self.redis
    }

    async fn work(&mut self, worker: usize, event: usize, is_answered: bool) {
        let at = std::mem::take(&mut self.workers[worker].at);
        if matches!(at, At::Idle | At::Finished) {
            self.workers[worker].event = event;
        }
        self.workers[worker].at = match at {
            At::Idle | At::Finished => self.claim(event).await,
            At::Claimed(lease, job) => self.intend(lease, job).await,
            At::Intended(lease, job, known) => self.write(lease, job, known, is_answered).await,
            At::Written(lease, job, id) => match lease.complete(&job, id).await {
                Ok(()) => At::Finished,
                Err(_) => At::Idle,
            },
        };
    }

    fn crash(&mut self, worker: usize) {
        self.workers[worker] = Worker::default();
    }

    fn is_sending(&self) -> bool {
        let mut workers = self.workers.iter();
        workers.any(|worker| matches!(worker.at, At::Intended(..)))
    }

    fn is_finished(&self, worker: usize) -> bool {
        matches!(self.workers[worker].at, At::Finished)
    }

    /// One activity at most, and it contains what a worker has finished.
    fn check(&self) -> Result<(), TestCaseError> {
        prop_assert!(self.activities.len() <= 1, "written twice");
        for worker in &self.workers {
            let event = &self.events[worker.event];
            let is_written = || self.activities[0].contains(&event.key.digest());
            prop_assert!(
                !matches!(worker.at, At::Finished) || is_written(),
                "not written"
            );
        }
        Ok(())
    }

    fn check_end(&self) -> Result<(), TestCaseError> {
        let written = self.activities[0].len();
        prop_assert_eq!(written, 2, "one event is not in the activity any more");
        Ok(())
    }
}

impl Recording {
    async fn claim(&self, event: usize) -> At {
        let event = &self.events[event];
        let epoch = self.interactions.epoch().expect("Redis is connected");
        let request = ClaimRequest {
            interaction: &self.interaction,
            event: &event.key,
            facts: &event.facts,
            epoch: &epoch,
            known_unrecorded: self.redis.is_first_epoch,
            owner: &InteractionStore::new_owner(),
        };
        match self
            .interactions
            .claim(&request)
            .await
            .expect("Redis answers")
        {
            Claim::Granted(lease, job) => At::Claimed(lease, job),
            Claim::Duplicate => At::Finished,
            _ => At::Idle,
        }
    }

    /// Finds out what is there, and writes down what is about to be sent.
    async fn intend(&self, lease: Lease, mut job: Box<Progress>) -> At {
        let found = (!self.activities.is_empty()).then_some(ActivityId(1));
        let known = match job.activity {
            Effect::Done(id) => Some(id),
            Effect::Intended(_) => found,
            Effect::NotTried if job.known_unrecorded => None,
            Effect::NotTried if self.is_sending() => return give_back(lease).await,
            Effect::NotTried => {
                job.adopted = found.is_some();
                found
            }
        };
        let digest = format!("{:?}", digests(&job));
        let is_written = job.written.replace(digest.clone()) == Some(digest);
        let now = shared::clock::now();
        let intended = match known {
            Some(id) if is_written => return At::Written(lease, job, id),
            Some(_) => {
                let doubting = lease.doubt_update(Some(now), "", &job.answered, &job);
                doubting.await
            }
            None => lease.intend_activity(&job, now).await,
        };
        match intended {
            Ok(()) => At::Intended(lease, job, known),
            Err(_) => At::Idle,
        }
    }

    /// Pipedrive carries the write out, and its answer arrives or is lost.
    async fn write(
        &mut self,
        lease: Lease,
        job: Box<Progress>,
        known: Option<ActivityId>,
        is_answered: bool,
    ) -> At {
        let id = known.unwrap_or_else(|| self.create());
        let mut written = digests(&job);
        if job.adopted {
            written.append(&mut self.activities[0]);
        }
        self.activities[0] = written;
        if is_answered {
            At::Written(lease, job, id)
        } else {
            give_back(lease).await
        }
    }

    fn create(&mut self) -> ActivityId {
        self.activities.push(BTreeSet::new());
        ActivityId(self.activities.len() as u64)
    }
}

impl Event {
    fn sample(name: &str) -> Self {
        let body = bridge_tests::bridge::sample(&format!("eventbridge-{name}"));
        let Ok(Recognised::Event(event)) = recognise(&body, None, &Filter::everything()) else {
            unreachable!("{name} is an event")
        };
        Self {
            facts: Facts::of(&event, shared::clock::now()),
            interaction: event.interaction.clone(),
            key: event.key.clone(),
        }
    }
}

/// The digests of the events that an activity has to contain.
fn digests(job: &Progress) -> BTreeSet<String> {
    job.facts.keys().cloned().collect()
}

async fn give_back(lease: Lease) -> At {
    // A lost lease cannot be given back.
    lease.release().await.ok();
    At::Idle
}
