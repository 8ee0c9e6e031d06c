//! What a test does to a running sandbox, and what it reads from it.

#![expect(
    clippy::must_use_candidate,
    reason = "most methods are called for what they change"
)]

mod conditions;
mod meter;
mod records;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::SandboxConfig;
use super::log::{Answer, RequestRecord};
use super::model::{Activity, CallLog, Deal, Note, Organization, Person, User};
use super::state::State;
use super::world::World;

pub use meter::{Meter, Reading};
pub use records::NewPerson;

/// A handle on the state of a sandbox. Copies of it are handles on the same state.
#[derive(Clone)]
pub struct Control {
    state: Arc<Mutex<State>>,
}

impl fmt::Debug for Control {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Control").finish_non_exhaustive()
    }
}

impl Control {
    pub(super) fn new(config: SandboxConfig) -> Self {
        Self {
            state: Arc::new(Mutex::new(State::new(config))),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A handler that panicked has failed its own request; the records are still worth reading.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the state while no other thread does.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.lock())
    }

    /// The API token that is valid now.
    pub fn api_token(&self) -> String {
        self.lock().gateway.api_token.clone()
    }

    /// The truth log: every request since the start, oldest first.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.requests_since(0)
    }

    /// The requests from `number` on.
    pub fn requests_since(&self, number: u64) -> Vec<RequestRecord> {
        self.lock().log.since(number).cloned().collect()
    }

    /// How many requests there were, those included that the log has dropped.
    pub fn request_count(&self) -> u64 {
        self.lock().log.total()
    }

    /// How many requests may still change something: those in progress, even if their client has
    /// gone, and those whose effect comes late.
    pub fn unsettled_requests(&self) -> usize {
        let is_unsettled =
            |record: &&RequestRecord| record.effect_is_pending || record.answer == Answer::Pending;
        self.lock().log.since(0).filter(is_unsettled).count()
    }

    /// The tokens that all requests have cost.
    pub fn tokens_spent(&self) -> u64 {
        self.lock().gateway.tokens_spent
    }

    /// What is left of the day, if it has a limit.
    pub fn budget_left(&self) -> Option<u64> {
        self.lock().gateway.budget_left()
    }

    /// A person, deleted or not.
    pub fn person(&self, id: i64) -> Option<Person> {
        self.lock().world.persons.get(&id).cloned()
    }

    /// An activity, deleted or not.
    pub fn activity(&self, id: i64) -> Option<Activity> {
        self.lock().world.activities.get(&id).cloned()
    }

    /// How many persons exist.
    pub fn person_count(&self) -> usize {
        let state = self.lock();
        let persons = state.world.persons.values();
        persons.filter(|person| !person.is_deleted).count()
    }

    /// All organisations in the sandbox.
    pub fn organizations(&self) -> Vec<Organization> {
        self.lock().world.organizations.values().cloned().collect()
    }

    /// The persons that exist, by id.
    pub fn persons(&self) -> Vec<Person> {
        let all = self.all_persons();
        all.into_iter()
            .filter(|person| !person.is_deleted)
            .collect()
    }

    /// Every person, deleted and merged ones too.
    pub fn all_persons(&self) -> Vec<Person> {
        self.lock().world.persons.values().cloned().collect()
    }

    /// The activities that exist, by id.
    pub fn activities(&self) -> Vec<Activity> {
        let all = self.all_activities();
        all.into_iter()
            .filter(|activity| !activity.is_deleted)
            .collect()
    }

    /// Every activity, deleted ones too.
    pub fn all_activities(&self) -> Vec<Activity> {
        self.lock().world.activities.values().cloned().collect()
    }

    /// The activities whose primary participant is this person.
    pub fn activities_of(&self, person_id: i64) -> Vec<Activity> {
        let all = self.activities();
        all.into_iter()
            .filter(|activity| activity.person_id == Some(person_id))
            .collect()
    }

    /// The deals that exist.
    pub fn deals(&self) -> Vec<Deal> {
        let state = self.lock();
        state
            .world
            .deals
            .values()
            .filter(|deal| !deal.is_deleted)
            .cloned()
            .collect()
    }

    /// The notes that exist.
    pub fn notes(&self) -> Vec<Note> {
        let state = self.lock();
        state
            .world
            .notes
            .values()
            .filter(|note| !note.is_deleted)
            .cloned()
            .collect()
    }

    /// The call logs that exist.
    pub fn call_logs(&self) -> Vec<CallLog> {
        let state = self.lock();
        state
            .world
            .call_logs
            .iter()
            .filter(|log| !log.is_deleted)
            .cloned()
            .collect()
    }

    /// All users of the company.
    pub fn users(&self) -> Vec<User> {
        self.lock().world.users.values().cloned().collect()
    }

    fn world<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        self.with(|state| work(&mut state.world))
    }

    /// Forgets everything that happened: records, log, faults, budget. The first token is valid again.
    pub fn reset(&self) {
        self.with(State::reset);
    }
}
