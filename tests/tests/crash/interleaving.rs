//! The state machine under arbitrary interleavings: two events of one interaction, two workers, crashes, leases that end,
//! answers that are lost, a Redis that forgets, on a real one, against a Pipedrive that does what it is told once it is told.
//!
//! Two rules are kept. A request ends within its lease: one ends by itself only while nothing is being sent. And nobody
//! looks for what Redis forgot before what was being sent then has ended. What happens without them is the hole that
//! `docs/RELIABILITY.md` tells of.

use std::collections::BTreeSet;

use bridge_tests::services::Environment;
use proptest::prelude::*;
use shared::config::{self, Settings};
use shared::domain::event::{Filter, Recognised, recognise};
use shared::domain::facts::Facts;
use shared::domain::ids::{ActivityId, EventKey, InteractionId};
use worker::redis::{Claim, ClaimRequest, Job, Lease, Ledger, Step, Store};

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Move {
    /// A worker does its next step; one that has nothing to do takes a delivery of this event.
    Work { worker: usize, event: usize },
    /// The same, and if that step sends something, the answer is lost.
    WorkUnanswered { worker: usize, event: usize },
    /// A worker dies.
    Crash { worker: usize },
    /// A lease ends.
    Expire,
    /// Redis loses all it knows.
    Forget,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let pair = || (0..2_usize, 0..2_usize);
    let one = prop_oneof![
        8 => pair().prop_map(|(worker, event)| Move::Work { worker, event }),
        2 => pair().prop_map(|(worker, event)| Move::WorkUnanswered { worker, event }),
        1 => (0..2_usize).prop_map(|worker| Move::Crash { worker }),
        2 => Just(Move::Expire),
        1 => Just(Move::Forget),
    ];
    proptest::collection::vec(one, 1..40)
}

/// Where a worker stands with its delivery.
#[derive(Default)]
enum At {
    #[default]
    Idle,
    Claimed(Lease, Box<Job>),
    /// About to create the activity, or to change this one.
    Intended(Lease, Box<Job>, Option<ActivityId>),
    Written(Lease, Box<Job>, ActivityId),
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

struct World {
    store: Store,
    ledger: Ledger,
    redis: redis::aio::MultiplexedConnection,
    prefix: String,
    /// Whether Redis never forgot anything.
    is_first_epoch: bool,
    interaction: InteractionId,
    events: [Event; 2],
    /// What each activity tells that Pipedrive holds: the digests of events.
    activities: Vec<BTreeSet<String>>,
    workers: [Worker; 2],
}

impl World {
    async fn new(settings: &Settings) -> Self {
        let store = Store::new(settings.redis.clone()).expect("an address");
        store
            .connect(async || Ok(true))
            .await
            .expect("Redis answers");
        let client = redis::Client::open(Environment::shared().await.redis_url().as_str())
            .expect("an address");
        let names = ["customer-end-voice-inbound", "user-end-voice-inbound"];
        let events = names.map(Event::sample);
        let interaction = events[0].interaction.clone();
        assert_eq!(interaction, events[1].interaction, "two events of one call");
        Self {
            ledger: Ledger::new(store.clone(), settings.worker.lease),
            store,
            redis: client
                .get_multiplexed_async_connection()
                .await
                .expect("Redis answers"),
            prefix: settings.redis.prefix.clone(),
            is_first_epoch: true,
            interaction,
            events,
            activities: Vec::new(),
            workers: Default::default(),
        }
    }

    /// One step of a worker, as the pipeline takes them: claim, look and intend, create or change, mark as recorded.
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

    async fn claim(&self, event: usize) -> At {
        let event = &self.events[event];
        let epoch = self.ledger.epoch().expect("Redis is connected");
        let request = ClaimRequest {
            interaction: &self.interaction,
            event: &event.key,
            facts: &event.facts,
            epoch: &epoch,
            is_surely_new: self.is_first_epoch,
            owner: &Ledger::new_owner(),
        };
        match self.ledger.claim(&request).await.expect("Redis answers") {
            Claim::Granted(lease, job) => At::Claimed(lease, job),
            Claim::Duplicate => At::Finished,
            _ => At::Idle,
        }
    }

    /// Finds out what is there, and writes down what is about to be sent.
    async fn intend(&self, lease: Lease, mut job: Box<Job>) -> At {
        let found = (!self.activities.is_empty()).then_some(ActivityId(1));
        let known = match job.activity {
            Step::Done(id) => Some(id),
            Step::Intent(_) => found,
            Step::Open if job.is_clean => None,
            Step::Open if self.is_sending() => return give_back(&lease).await,
            Step::Open => {
                job.is_inherited = found.is_some();
                found
            }
        };
        let digest = format!("{:?}", told(&job));
        let is_told = job.written.replace(digest.clone()) == Some(digest);
        let now = shared::clock::now();
        let intended = match known {
            Some(id) if is_told => return At::Written(lease, job, id),
            Some(_) => lease.doubt_update(Some(now), "").await,
            None => lease.intend_activity(&job, now).await,
        };
        match intended {
            Ok(()) => At::Intended(lease, job, known),
            Err(_) => At::Idle,
        }
    }

    /// Pipedrive does it, and tells, or does not.
    async fn write(
        &mut self,
        lease: Lease,
        job: Box<Job>,
        known: Option<ActivityId>,
        is_answered: bool,
    ) -> At {
        let id = known.unwrap_or_else(|| self.create());
        let mut told = told(&job);
        if job.is_inherited {
            told.append(&mut self.activities[0]);
        }
        self.activities[0] = told;
        if is_answered {
            At::Written(lease, job, id)
        } else {
            give_back(&lease).await
        }
    }

    fn create(&mut self) -> ActivityId {
        self.activities.push(BTreeSet::new());
        ActivityId(self.activities.len() as u64)
    }

    fn is_sending(&self) -> bool {
        let mut workers = self.workers.iter();
        workers.any(|worker| matches!(worker.at, At::Intended(..)))
    }

    async fn expire(&mut self) {
        if !self.is_sending() {
            self.delete("lease:").await;
        }
    }

    async fn forget(&mut self) {
        self.delete("").await;
        self.is_first_epoch = false;
        let connected = self.store.connect(async || Ok(false)).await;
        connected.expect("Redis answers");
    }

    /// Deletes what begins with `name`.
    async fn delete(&mut self, name: &str) {
        let pattern = format!("{}:{name}*", self.prefix);
        let keys = redis::cmd("KEYS").arg(pattern).to_owned();
        let keys: Vec<String> = keys.query_async(&mut self.redis).await.expect("an answer");
        if !keys.is_empty() {
            let deleted = redis::cmd("DEL")
                .arg(keys)
                .exec_async(&mut self.redis)
                .await;
            deleted.expect("Redis answers");
        }
    }

    /// One activity at most, and what a worker is done with is in it.
    fn check(&self) -> Result<(), TestCaseError> {
        prop_assert!(self.activities.len() <= 1, "written twice");
        for worker in &self.workers {
            let event = &self.events[worker.event];
            let is_told = || self.activities[0].contains(&event.key.digest());
            prop_assert!(!matches!(worker.at, At::Finished) || is_told(), "not told");
        }
        Ok(())
    }
}

impl Event {
    fn sample(name: &str) -> Self {
        let body = bridge_tests::app::sample(&format!("eventbridge-{name}"));
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

/// The events that an activity is to tell.
fn told(job: &Job) -> BTreeSet<String> {
    job.facts.keys().cloned().collect()
}

async fn give_back(lease: &Lease) -> At {
    // One that is lost is nobody's to give back.
    lease.release().await.ok();
    At::Idle
}

async fn play(moves: Vec<Move>) -> Result<(), TestCaseError> {
    let url = Environment::shared().await.redis_url().to_string();
    let prefix = format!("test-{}", uuid::Uuid::new_v4().simple());
    let variables = [
        ("BRIDGE__REDIS__URL".to_owned(), url),
        ("BRIDGE__REDIS__PREFIX".to_owned(), prefix),
    ];
    let settings = config::load_from(None, variables).expect("settings");
    let mut world = World::new(&settings).await;
    for step in moves {
        match step {
            Move::Work { worker, event } => world.work(worker, event, true).await,
            Move::WorkUnanswered { worker, event } => world.work(worker, event, false).await,
            Move::Crash { worker } => world.workers[worker] = Worker::default(),
            Move::Expire => world.expire().await,
            Move::Forget => world.forget().await,
        }
        world.check()?;
    }
    // Left alone, a worker that is started anew brings each event to its end.
    for event in 0..2 {
        world.workers = Default::default();
        world.expire().await;
        for _ in 0..4 {
            if !matches!(world.workers[0].at, At::Finished) {
                world.work(0, event, true).await;
            }
        }
        prop_assert!(
            matches!(world.workers[0].at, At::Finished),
            "never finished"
        );
        world.check()?;
    }
    prop_assert_eq!(
        world.activities[0].len(),
        2,
        "one event is not told any more"
    );
    Ok(())
}

#[test]
fn no_interleaving_of_two_workers_writes_twice_or_forgets_an_event_or_never_ends() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let cases = ProptestConfig {
        cases: 200,
        // What failed once belongs into a test of its own.
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(cases, |(moves in moves())| {
        runtime.block_on(play(moves))?;
    });
}
