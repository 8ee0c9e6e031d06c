//! One number that calls twice: claim, look and intend, create, remember. The search knows no person yet.

use pipedrive::PersonId;
use proptest::prelude::*;
use shared::clock;
use shared::domain::phone::{E164, Party, read_party};
use worker::store::{HandleKey, InteractionStore, People, PersonClaim, PersonLease};

use super::{Redis, World};

const CALLER: &str = "+12025550143";

/// Where a worker stands with its delivery.
#[derive(Default)]
enum At {
    #[default]
    Idle,
    Claimed(PersonLease),
    /// About to create the person.
    Intended(PersonLease),
    Found(PersonLease, PersonId),
    Finished(PersonId),
}

pub(super) struct Lookup {
    redis: Redis,
    people: People,
    number: E164,
    /// Who is in Pipedrive.
    persons: Vec<PersonId>,
    workers: [At; 2],
}

impl World for Lookup {
    fn new(redis: Redis) -> Self {
        let Party::Number(number) = read_party(Some(CALLER), None) else {
            unreachable!("it is a number")
        };
        Self {
            people: People::new(redis.store.clone(), redis.settings.worker.lease),
            redis,
            number,
            persons: Vec::new(),
            workers: Default::default(),
        }
    }

    fn redis(&mut self) -> &mut Redis {
        &mut self.redis
    }

    async fn work(&mut self, worker: usize, _event: usize, is_answered: bool) {
        let at = std::mem::take(&mut self.workers[worker]);
        self.workers[worker] = match at {
            At::Idle | At::Finished(_) => self.claim().await,
            At::Claimed(lease) => self.intend(lease).await,
            At::Intended(lease) => self.create(lease, is_answered).await,
            At::Found(lease, person) => match lease.remember(person).await {
                Ok(()) => At::Finished(person),
                Err(_) => At::Idle,
            },
        };
    }

    fn crash(&mut self, worker: usize) {
        self.workers[worker] = At::Idle;
    }

    fn is_sending(&self) -> bool {
        let mut workers = self.workers.iter();
        workers.any(|at| matches!(at, At::Intended(_)))
    }

    fn is_finished(&self, worker: usize) -> bool {
        matches!(self.workers[worker], At::Finished(_))
    }

    /// One person at most, and it is theirs that every call is.
    fn check(&self) -> Result<(), TestCaseError> {
        prop_assert!(self.persons.len() <= 1, "created twice");
        for at in &self.workers {
            if let At::Finished(person) = at {
                prop_assert_eq!(Some(person), self.persons.first());
            }
        }
        Ok(())
    }

    fn check_end(&self) -> Result<(), TestCaseError> {
        prop_assert_eq!(self.persons.len(), 1);
        Ok(())
    }
}

impl Lookup {
    async fn claim(&self) -> At {
        let claim = self
            .people
            .claim(
                &HandleKey::of_number(&self.number)[0],
                &InteractionStore::new_owner(),
            )
            .await;
        match claim.expect("Redis answers") {
            PersonClaim::Known(person) => At::Finished(person),
            PersonClaim::Granted(lease) => At::Claimed(lease),
            _ => At::Idle,
        }
    }

    /// Reads the list of people that the search may not know yet, if there may be any; and writes down that there is
    /// going to be, if not.
    async fn intend(&self, lease: PersonLease) -> At {
        let may_be_forgotten = !self.redis.is_first_epoch;
        if may_be_forgotten && self.is_sending() {
            return give_back(lease).await;
        }
        let is_listed = lease.intent.is_some() || may_be_forgotten;
        if let Some(person) = self.persons.first().filter(|_| is_listed) {
            return At::Found(lease, *person);
        }
        match lease.intend(clock::now()).await {
            Ok(()) => At::Intended(lease),
            Err(_) => At::Idle,
        }
    }

    /// Pipedrive carries it out, and answers or does not.
    async fn create(&mut self, lease: PersonLease, is_answered: bool) -> At {
        let person = PersonId(self.persons.len() as u64 + 1);
        self.persons.push(person);
        if is_answered {
            At::Found(lease, person)
        } else {
            give_back(lease).await
        }
    }
}

async fn give_back(lease: PersonLease) -> At {
    // A lost lease cannot be released.
    lease.release().await.ok();
    At::Idle
}
