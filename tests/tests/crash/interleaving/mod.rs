//! The state machines under arbitrary interleavings: two workers, crashes, leases that end, answers that are lost, a Redis
//! that forgets, on a real one, against a Pipedrive that carries out each request once.
//!
//! Two rules are kept. A request ends within its lease: one ends by itself only while nothing is being sent. And no one
//! looks for what Redis forgot before what was being sent then has ended. What happens without them is the hole that
//! `docs/RELIABILITY.md` names.

mod activity;
mod person;

use bridge_tests::servers::{Environment, connect_to_redis};
use proptest::prelude::*;
use shared::config::{self, Settings};
use worker::store::Store;

/// Next move of an interleaving.
#[derive(Clone, Copy, Debug)]
enum Move {
    /// A worker does its next step; one that has nothing to do takes a delivery of this event.
    Work { worker: usize, event: usize },
    /// The same, and if that step sends something, the answer is lost.
    WorkUnanswered { worker: usize, event: usize },
    /// A worker process dies at once.
    Crash { worker: usize },
    /// A lease expires before its holder is done.
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

/// Two workers that want one effect, and what came of it.
trait World: Sized {
    /// Nothing has happened yet.
    fn new(redis: Redis) -> Self;
    /// The Redis of both.
    fn redis(&mut self) -> &mut Redis;
    /// One step of a worker.
    async fn work(&mut self, worker: usize, event: usize, is_answered: bool);
    /// A worker forgets what it was about.
    fn crash(&mut self, worker: usize);
    /// Whether a worker is sending something.
    fn is_sending(&self) -> bool;
    /// Whether a worker brought its delivery to its end.
    fn is_finished(&self, worker: usize) -> bool;
    /// What holds at any time.
    fn check(&self) -> Result<(), TestCaseError>;
    /// What holds once both events were brought to their end.
    fn check_end(&self) -> Result<(), TestCaseError>;

    async fn make(&mut self, step: Move) {
        match step {
            Move::Work { worker, event } => self.work(worker, event, true).await,
            Move::WorkUnanswered { worker, event } => self.work(worker, event, false).await,
            Move::Crash { worker } => self.crash(worker),
            Move::Expire if self.is_sending() => {}
            Move::Expire => self.redis().end_leases().await,
            Move::Forget => self.redis().forget().await,
        }
    }
}

/// What the workers remember.
struct Redis {
    settings: Settings,
    store: Store,
    connection: redis::aio::MultiplexedConnection,
    /// Whether nothing was ever forgotten.
    is_first_epoch: bool,
}

impl Redis {
    async fn new() -> Self {
        let url = Environment::shared().await.redis_url();
        let prefix = format!("test-{}", uuid::Uuid::new_v4().simple());
        let variables = [
            ("BRIDGE__REDIS__URL".to_owned(), url.to_string()),
            ("BRIDGE__REDIS__PREFIX".to_owned(), prefix),
        ];
        let settings = config::load_from(None, variables).expect("settings");
        let store = Store::new(settings.redis.clone()).expect("an address");
        let connected = store.connect(async || Ok(true)).await;
        connected.expect("Redis answers");
        let connection = connect_to_redis(url).await;
        Self {
            settings,
            store,
            connection: connection.expect("Redis answers"),
            is_first_epoch: true,
        }
    }

    async fn end_leases(&mut self) {
        for sort in ["lease:", "person-lock:"] {
            self.delete(sort).await;
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
        let pattern = format!("{}:{name}*", self.settings.redis.prefix);
        let keys = redis::cmd("KEYS").arg(pattern).to_owned();
        let keys: redis::RedisResult<Vec<String>> = keys.query_async(&mut self.connection).await;
        let keys = keys.expect("Redis answers");
        if !keys.is_empty() {
            let delete = redis::cmd("DEL").arg(keys).to_owned();
            let deleted = delete.exec_async(&mut self.connection).await;
            deleted.expect("Redis answers");
        }
    }
}

async fn play<W: World>(moves: Vec<Move>) -> Result<(), TestCaseError> {
    let mut world = W::new(Redis::new().await);
    for step in moves {
        world.make(step).await;
        world.check()?;
    }
    // Left alone, a worker that is started anew brings each event to its end.
    for event in 0..2 {
        (0..2).for_each(|worker| world.crash(worker));
        world.redis().end_leases().await;
        for _ in 0..4 {
            if !world.is_finished(0) {
                world.work(0, event, true).await;
            }
        }
        prop_assert!(world.is_finished(0), "never finished");
        world.check()?;
    }
    world.check_end()
}

fn explore<W: World>() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let cases = ProptestConfig {
        cases: 200,
        // What failed once belongs into a test of its own.
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(cases, |(moves in moves())| {
        runtime.block_on(play::<W>(moves))?;
    });
}

#[test]
fn no_interleaving_of_two_workers_writes_twice_or_forgets_an_event_or_never_ends() {
    explore::<activity::Recording>();
}

#[test]
fn no_interleaving_of_two_workers_creates_a_person_twice_or_finds_another() {
    explore::<person::Lookup>();
}
