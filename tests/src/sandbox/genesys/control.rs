//! A handle on a sandbox: fills it, lets it fail, and reads what was asked of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::config::SandboxConfig;
use super::contract::Feature;
use super::faults::FaultRule;
use super::held::Held;
use super::model::Directory;
use super::state::State;

/// How an organisation answers that does not have a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// The OAuth client may not read it: 403.
    Forbidden,
    /// There is none of that id: 404.
    NotFound,
}

/// A handle on a sandbox.
#[derive(Clone, Debug)]
pub struct Control(Arc<Mutex<State>>);

#[expect(
    clippy::must_use_candidate,
    reason = "what a change returns is often of no interest"
)]
impl Control {
    pub(super) fn new(config: &SandboxConfig, origin: &str) -> Self {
        Self(Arc::new(Mutex::new(State::new(config, origin))))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds users, queues, wrap-up codes and contacts.
    pub fn add_directory(&self, directory: Directory) {
        self.lock().world.extend(directory);
    }

    /// Adds a conversation, or replaces the one with its id.
    pub fn add_conversation(&self, held: Held) {
        let id = held.conversation.id.clone();
        self.lock().world.held.insert(id, held);
    }

    /// Removes a conversation; whether there was one.
    pub fn remove_conversation(&self, id: &str) -> bool {
        self.lock().world.held.remove(id).is_some()
    }

    /// A conversation of the sandbox with its artefacts, by its id.
    pub fn conversation(&self, id: &str) -> Option<Held> {
        self.lock().world.held.get(id).cloned()
    }

    /// Takes a permission from the OAuth client's role. All are held at first.
    pub fn revoke(&self, permission: &str) {
        self.lock().revoked.insert(permission.to_owned());
    }

    /// Gives a permission back.
    pub fn grant(&self, permission: &str) {
        self.lock().revoked.remove(permission);
    }

    /// Takes a feature from the organisation, or gives it back.
    pub fn set_lack(&self, feature: Feature, lack: Option<Lack>) {
        let lacks = &mut self.lock().lacks;
        match lack {
            Some(lack) => lacks.insert(feature, lack),
            None => lacks.remove(&feature),
        };
    }

    /// Puts a fault in force, and returns the number by which it can be lifted.
    pub fn add_fault(&self, rule: FaultRule) -> u64 {
        self.lock().faults.add(rule)
    }

    /// Lifts a fault; whether it was in force.
    pub fn remove_fault(&self, id: u64) -> bool {
        self.lock().faults.remove(id)
    }

    /// From now on requests are answered as they should be.
    pub fn clear_faults(&self) {
        self.lock().faults.clear();
    }

    /// Changes how many requests a window allows, and opens a new one.
    pub fn set_limit(&self, allowed: u64, window: Duration) {
        let limiter = &mut self.lock().limiter;
        (limiter.allowed, limiter.window) = (allowed, window);
        limiter.reset();
    }

    /// Changes how long access tokens serve that are handed out from now on.
    pub fn set_token_life(&self, life: Duration) {
        self.lock().oauth.life = life;
    }

    /// Ends every access token before its time.
    pub fn end_tokens(&self) {
        self.lock().oauth.end_tokens();
    }

    /// Replaces the OAuth client's secret. Tokens serve on.
    pub fn set_client_secret(&self, secret: &str) {
        secret.clone_into(&mut self.lock().oauth.client_secret);
    }

    /// How many access tokens were handed out.
    pub fn tokens_issued(&self) -> usize {
        self.lock().oauth.issued()
    }

    /// Every access token that was handed out, to check that none is logged.
    pub fn issued_tokens(&self) -> Vec<String> {
        self.lock().oauth.tokens()
    }

    /// Changes how long addresses of transcripts serve that are handed out from now on.
    pub fn set_document_life(&self, life: Duration) {
        self.lock().world.document_life = life;
    }

    /// Ends the addresses of transcripts that were handed out.
    pub fn end_documents(&self) {
        self.lock().world.end_documents();
    }

    /// Requests that were let in, by operation: `GET /api/v2/users/{userId}`.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        self.lock().counts.clone()
    }

    /// Requests of one operation.
    pub fn count(&self, operation: &str) -> usize {
        self.lock().counts.get(operation).copied().unwrap_or(0)
    }

    /// Requests that the rate limit refused.
    pub fn limited(&self) -> usize {
        self.lock().limited
    }

    /// Requests that were refused as invalid, with the reason. A correct client has none.
    pub fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }
}
