//! The state machine under arbitrary interleavings: two workers, crashes, leases that end, answers that are lost, on a
//! real Redis, against a Pipedrive that does what it is told once it is told.
//!
//! The rule that a request ends within its lease is kept: a lease ends by itself only while nothing is being sent. What
//! happens without it is the hole that `docs/RELIABILITY.md` tells of.

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
    /// A worker does its next step.
    Work(usize),
    /// A worker dies.
    Crash(usize),
    /// A worker does its next step, and if that sends something, the answer is lost.
    WorkUnanswered(usize),
    /// A lease ends.
    Expire,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        8 => (0..2_usize).prop_map(Move::Work),
        1 => (0..2_usize).prop_map(Move::Crash),
        2 => (0..2_usize).prop_map(Move::WorkUnanswered),
        2 => Just(Move::Expire),
    ];
    proptest::collection::vec(one, 1..40)
}

/// Where a worker stands with its delivery.
#[derive(Default)]
enum At {
    #[default]
    Idle,
    Claimed(Lease, Box<Job>),
    Created(Lease, Box<Job>, ActivityId),
    Finished,
}

struct World {
    ledger: Ledger,
    redis: redis::aio::MultiplexedConnection,
    lease_key: String,
    interaction: InteractionId,
    event: EventKey,
    facts: Facts,
    /// The activities that Pipedrive holds.
    activities: Vec<ActivityId>,
    workers: [At; 2],
}

impl World {
    async fn new(settings: &Settings) -> Self {
        let store = Store::new(settings.redis.clone()).expect("an address");
        store
            .connect(async || Ok(true))
            .await
            .expect("Redis answers");
        let id = uuid::Uuid::new_v4().to_string();
        let body = bridge_tests::app::call(&id, "+15550123456");
        let Ok(Recognised::Event(event)) = recognise(body.as_bytes(), None, &Filter::everything())
        else {
            unreachable!("a call is an event")
        };
        let client = redis::Client::open(Environment::shared().await.redis_url().as_str())
            .expect("an address");
        let key = event.interaction.idempotency_key();
        Self {
            ledger: Ledger::new(store, settings.worker.lease),
            redis: client
                .get_multiplexed_async_connection()
                .await
                .expect("Redis answers"),
            lease_key: format!("{}:lease:{{{key}}}", settings.redis.prefix),
            facts: Facts::of(&event, shared::clock::now()),
            interaction: event.interaction.clone(),
            event: event.key.clone(),
            activities: Vec::new(),
            workers: [At::Idle, At::Idle],
        }
    }

    /// One step of a worker, as the pipeline takes them: claim, look or create, mark as recorded.
    async fn work(&mut self, worker: usize, is_answered: bool) {
        let at = std::mem::take(&mut self.workers[worker]);
        self.workers[worker] = match at {
            At::Idle => self.claim().await,
            At::Claimed(lease, job) => self.record(lease, job, is_answered).await,
            At::Created(lease, job, id) => match lease.complete(&job, id).await {
                Ok(()) => At::Finished,
                Err(_) => At::Idle,
            },
            At::Finished => At::Finished,
        };
    }

    async fn claim(&self) -> At {
        let owner = Ledger::new_owner();
        let epoch = self.ledger.epoch().expect("Redis is connected");
        let request = ClaimRequest {
            interaction: &self.interaction,
            event: &self.event,
            facts: &self.facts,
            epoch: &epoch,
            is_surely_new: true,
            owner: &owner,
        };
        match self.ledger.claim(&request).await.expect("Redis answers") {
            Claim::Granted(lease, job) => At::Claimed(lease, job),
            Claim::Duplicate => At::Finished,
            _ => At::Idle,
        }
    }

    async fn record(&mut self, lease: Lease, job: Box<Job>, is_answered: bool) -> At {
        let known = match job.activity {
            Step::Done(id) => Some(id),
            Step::Intent(_) => self.activities.first().copied(),
            Step::Open => None,
        };
        let is_told = job.written.replace(digest.clone()) == Some(digest);
        let now = shared::clock::now();
        let intended = match known {
            Some(id) if is_told => return At::Written(lease, job, id),
            Some(_) => lease.doubt_update(Some(now), "").await,
            None => lease.intend_activity(&job, now).await,
        };
        if intended.is_err() {
            return At::Idle;
        }
        let id = ActivityId(self.activities.len() as u64 + 1);
        self.activities.push(id);
        if is_answered {
            return At::Created(lease, job, id);
        }
        let given_back = lease.release().await;
        drop(given_back);
        At::Idle
    }

    async fn expire(&mut self) {
        let deleted: Result<i64, _> = redis::cmd("DEL")
            .arg(&self.lease_key)
            .query_async(&mut self.redis)
            .await;
        deleted.expect("Redis answers");
    }
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
            Move::Work(worker) => world.work(worker, true).await,
            Move::WorkUnanswered(worker) => world.work(worker, false).await,
            Move::Crash(worker) => world.workers[worker] = At::Idle,
            Move::Expire => world.expire().await,
        }
        prop_assert!(world.activities.len() <= 1, "written twice");
    }
    // Left alone, a worker that is started anew brings it to its end.
    world.workers[0] = At::Idle;
    world.expire().await;
    for _ in 0..3 {
        world.work(0, true).await;
    }
    prop_assert!(matches!(world.workers[0], At::Finished), "never finished");
    prop_assert_eq!(world.activities.len(), 1);
    Ok(())
}

#[test]
fn no_interleaving_of_two_workers_writes_twice_or_never_ends() {
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
