//! What the outside conditions of a sandbox are: faults, limits, tokens, and the answers to open questions.

#![expect(
    clippy::must_use_candidate,
    reason = "most methods are called for what they change"
)]

use std::time::Duration;

use super::super::behaviour::Behaviour;
use super::super::budget::DailyHeaders;
use super::super::config::Limits;
use super::super::faults::FaultRule;
use super::super::oauth::OAuthConfig;
use super::Control;

impl Control {
    /// Puts a fault in force, and returns the number by which it can be lifted.
    pub fn add_fault(&self, rule: FaultRule) -> u64 {
        self.lock().faults.add(rule)
    }

    /// Lifts one fault; whether it was still in force.
    pub fn remove_fault(&self, id: u64) -> bool {
        self.lock().faults.remove(id)
    }

    /// From now on requests are answered as they should be.
    pub fn clear_faults(&self) {
        self.lock().faults.clear();
    }

    /// The faults in force, with what is left of their counts.
    pub fn faults(&self) -> Vec<(u64, FaultRule)> {
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

    /// Lets answers name this `api_domain`.
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

    /// Lets every cursor that was handed out so far expire.
    pub fn expire_cursors(&self) {
        self.world(|world| world.cursor_generation += 1);
    }

    /// Changes what the headers on the day's tokens say.
    pub fn set_daily_headers(&self, headers: DailyHeaders) {
        self.lock().gateway.daily_headers = headers;
    }

    /// Lets another integration of the company spend tokens of the day, once.
    pub fn spend_elsewhere(&self, tokens: u64) {
        self.lock().gateway.budget.spent += tokens;
    }

    /// Lets another integration of the company spend so many tokens each second from now on.
    pub fn set_drain(&self, tokens_per_second: u64) {
        self.lock().gateway.budget.set_drain(tokens_per_second);
    }

    /// The answers to open questions that are given now.
    pub fn behaviour(&self) -> Behaviour {
        self.lock().world.behaviour
    }

    /// Changes the answers to open questions.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        self.lock().world.behaviour = behaviour;
    }
}
