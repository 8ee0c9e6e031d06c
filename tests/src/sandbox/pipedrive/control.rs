//! What a test does to a running sandbox, and what it reads from it.

#![expect(
    clippy::must_use_candidate,
    reason = "most methods are called for what they change"
)]

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::config::{Behaviour, Limits};
use super::faults::FaultRule;
use super::handlers::{activities, deals, persons};
use super::log::{Answer, RequestRecord};
use super::model::{Activity, CallLog, Contact, Deal, Note, Person, User};
use super::oauth::OAuthConfig;
use super::state::State;
use super::world::{self, TOKEN_USER, World};
use super::{SandboxConfig, faults};

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

    /// Does something with the state while nobody else does.
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

    /// The users.
    pub fn users(&self) -> Vec<User> {
        self.lock().world.users.values().cloned().collect()
    }

    /// Adds a person with phone numbers in any form, the first of them the primary one.
    pub fn add_person(&self, name: &str, phones: &[&str]) -> i64 {
        self.world(|world| {
            let mut person = persons::new_person(world, name, TOKEN_USER);
            person.phones = contacts(phones);
            let id = person.id;
            world.put_person(person);
            id
        })
    }

    /// Gives a person other phone numbers; whether there was one.
    pub fn set_phones(&self, id: i64, phones: &[&str]) -> bool {
        self.world(|world| {
            let Some(mut person) = world.person(id).cloned() else {
                return false;
            };
            person.phones = contacts(phones);
            person.update_time = world::now();
            world.put_person(person);
            true
        })
    }

    /// Adds an activity of nobody that was created, and changed last, at some time.
    pub fn add_activity(&self, subject: &str, at: Timestamp) -> i64 {
        self.world(|world| {
            let mut activity = activities::new_activity(world, TOKEN_USER);
            subject.clone_into(&mut activity.subject);
            (activity.add_time, activity.update_time) = (at, at);
            let id = activity.id;
            world.put_activity(activity);
            id
        })
    }

    /// Adds an open deal of a person.
    pub fn add_deal(&self, title: &str, person_id: i64) -> i64 {
        self.world(|world| {
            let mut deal = deals::new_deal(world, title, TOKEN_USER);
            deal.person_id = Some(person_id);
            let id = deal.id;
            world.deals.insert(id, deal);
            id
        })
    }

    /// Deletes a deal; whether there was one.
    pub fn delete_deal(&self, id: i64) -> bool {
        self.world(|world| {
            let deal = world.deals.get_mut(&id).filter(|deal| !deal.is_deleted);
            deal.map(|deal| deal.is_deleted = true).is_some()
        })
    }

    /// Adds a user.
    pub fn add_user(&self, name: &str, email: &str) -> i64 {
        self.world(|world| world.add_user(name, email))
    }

    /// Adds an organization.
    pub fn add_organization(&self, name: &str) -> i64 {
        self.world(|world| world.add_organization(name))
    }

    /// Adds a type of activities, such as one for chats.
    pub fn add_activity_type(&self, name: &str, key: &str) -> i64 {
        self.world(|world| world.add_activity_type(name, key, true))
    }

    /// Deletes a person; whether there was one.
    pub fn delete_person(&self, id: i64) -> bool {
        self.world(|world| world.delete_person(id))
    }

    /// Merges `loser` into `survivor`; whether both existed.
    pub fn merge_persons(&self, loser: i64, survivor: i64) -> bool {
        self.world(|world| world.merge_persons(loser, survivor))
    }

    fn world<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        self.with(|state| work(&mut state.world))
    }

    /// Puts a fault in force, and returns the number by which it can be lifted.
    pub fn add_fault(&self, rule: FaultRule) -> u64 {
        self.lock().faults.add(rule)
    }

    /// Lifts one fault; whether it was still in force.
    pub fn remove_fault(&self, id: u64) -> bool {
        self.lock().faults.remove(id)
    }

    /// Lifts every fault.
    pub fn clear_faults(&self) {
        self.lock().faults.clear();
    }

    /// The faults in force, with what is left of their counts.
    pub fn faults(&self) -> Vec<(u64, faults::FaultRule)> {
        self.lock()
            .faults
            .rules()
            .map(|(id, rule)| (id, rule.clone()))
            .collect()
    }

    /// The limits in force.
    pub fn limits(&self) -> Limits {
        self.lock().gateway.limits
    }

    /// Changes the limits. What was counted so far still counts.
    pub fn set_limits(&self, limits: Limits) {
        self.lock().gateway.limits = limits;
    }

    /// Leaves so many tokens of the day, and if given, ends the day after that long: then the whole limit is back.
    pub fn set_budget_left(&self, tokens: u64, day_ends_in: Option<Duration>) {
        self.lock().gateway.set_budget_left(tokens, day_ends_in);
    }

    /// Replaces the API token by a random one, which is returned. The old one gets 401 from now on.
    pub fn rotate_api_token(&self) -> String {
        self.lock().gateway.rotate(None)
    }

    /// Replaces the API token by this one.
    pub fn set_api_token(&self, api_token: &str) {
        self.lock().gateway.rotate(Some(api_token.to_owned()));
    }

    /// Installs the app anew, and returns its refresh token. Every token that it had before is worth nothing.
    pub fn install_app(&self) -> String {
        self.world(|world| world.oauth.install())
    }

    /// Installs the app once more, and returns that installation's refresh token. The first one's serve on.
    pub fn install_app_beside(&self) -> String {
        self.world(|world| world.oauth.install_beside())
    }

    /// The app, and how its tokens live.
    pub fn app(&self) -> OAuthConfig {
        self.lock().world.oauth.config.clone()
    }

    /// Replaces the app's secret. The old one is refused from now on.
    pub fn set_app_secret(&self, secret: &str) {
        secret.clone_into(&mut self.lock().world.oauth.config.client_secret);
    }

    /// Lets answers tell this `api_domain`.
    pub fn set_api_domain(&self, api_domain: &str) {
        self.lock().world.oauth.config.api_domain = Some(api_domain.to_owned());
    }

    /// Changes how long access tokens live that are handed out from now on.
    pub fn set_access_token_life(&self, life: Duration) {
        self.lock().world.oauth.config.life = life;
    }

    /// Ends every access token before its time.
    pub fn end_access_tokens(&self) {
        self.world(|world| world.oauth.end_access_tokens());
    }

    /// How often each refresh token was exchanged, those left out that never were.
    pub fn token_exchanges(&self) -> Vec<usize> {
        self.lock().world.oauth.exchanges()
    }

    /// Every access and refresh token that was ever handed out.
    pub fn issued_tokens(&self) -> Vec<String> {
        self.lock().world.oauth.issued().to_vec()
    }

    /// Closes the account, whose every request then gets 402, or opens it again.
    pub fn set_account_closed(&self, closed: bool) {
        self.lock().gateway.account_closed = closed;
    }

    /// Changes how long a change takes to show up in searches, from now on.
    pub fn set_search_lag(&self, lag: Duration) {
        self.world(|world| {
            world.index.catch_up(&world.persons);
            world.behaviour.search_lag = lag;
        });
    }

    /// The answers to open questions that are given now.
    pub fn behaviour(&self) -> Behaviour {
        self.lock().world.behaviour
    }

    /// Changes the answers to open questions.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        self.lock().world.behaviour = behaviour;
    }

    /// Forgets everything that happened: records, log, faults, budget. The first token is valid again.
    pub fn reset(&self) {
        self.with(State::reset);
    }
}

/// Phone numbers, the first of them the primary one.
fn contacts(phones: &[&str]) -> Vec<Contact> {
    let contact = |(position, phone): (usize, &&str)| Contact {
        value: (*phone).to_owned(),
        primary: position == 0,
        label: "work".to_owned(),
    };
    phones.iter().enumerate().map(contact).collect()
}
