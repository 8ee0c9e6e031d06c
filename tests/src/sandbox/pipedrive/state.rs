//! The one state behind every handler: how a request is admitted, and how it takes effect.

use super::call::Call;
use super::config::SandboxConfig;
use super::contract::{self, Route};
use super::error::{ApiError, gateway};
use super::faults::{Faults, Misfortune};
use super::gateway::{Credentials, Gateway, Headers};
use super::log::{Answer, RequestLog};
use super::oauth::{self, OAuthServer};
use super::reply::Reply;
use super::world::World;

/// Records, gateway, faults and log. One lock guards them, so that each request sees them as they were at one moment.
#[derive(Debug)]
pub(super) struct State {
    pub(super) config: SandboxConfig,
    pub(super) world: World,
    pub(super) gateway: Gateway,
    pub(super) faults: Faults,
    pub(super) log: RequestLog,
}

/// A request as it came off the wire.
pub(super) struct Incoming<'r> {
    pub(super) method: &'r str,
    pub(super) path: &'r str,
    pub(super) query: &'r str,
    pub(super) credentials: Credentials<'r>,
    pub(super) content_type: &'r str,
    pub(super) body: &'r [u8],
}

/// What became of a request at the door.
pub(super) struct Admission {
    /// The number of its record.
    pub(super) number: u64,
    /// Headers for its answer, whatever that will be.
    pub(super) headers: Headers,
    /// A call to carry out and what befalls it, or a refusal.
    pub(super) outcome: Result<(Call, Misfortune), Reply>,
}

impl State {
    pub(super) fn new(mut config: SandboxConfig) -> Self {
        let api_token = config.api_token.clone();
        let gateway = Gateway::new(config.limits, api_token, config.oauth_access_token.clone());
        // A reset keeps the token that was handed out.
        config.api_token = Some(gateway.api_token.clone());
        let mut world = World::new(config.behaviour);
        world.oauth = OAuthServer::new(config.oauth);
        config.oauth = world.oauth.config.clone();
        Self {
            world,
            gateway,
            faults: Faults::default(),
            log: RequestLog::new(config.log_capacity),
            config,
        }
    }

    /// Forgets everything that happened.
    pub(super) fn reset(&mut self) {
        let fresh = Self::new(self.config.clone());
        (self.world, self.gateway, self.faults) = (fresh.world, fresh.gateway, fresh.faults);
        self.log.clear();
    }

    /// Decides whether a request is let through, and what will befall it.
    pub(super) fn admit(&mut self, incoming: &Incoming<'_>) -> Admission {
        let number = self
            .log
            .open(incoming.method, incoming.path, incoming.query);
        let mut headers = Headers::new();
        let outcome = self.check(incoming, number, &mut headers);
        if let Err(refusal) = &outcome {
            self.close(number, Answer::Status(refusal.status));
        }
        Admission {
            number,
            headers,
            outcome,
        }
    }

    fn check(
        &mut self,
        incoming: &Incoming<'_>,
        number: u64,
        headers: &mut Headers,
    ) -> Result<(Call, Misfortune), Reply> {
        if incoming.path == oauth::PATH {
            let call = oauth::check(&self.world.oauth.config, incoming)?;
            return Ok((call, self.strike(incoming, number)));
        }
        let caller = self
            .gateway
            .authenticate(incoming.credentials, &self.world.oauth)?;
        let (operation, id) = match contract::route(incoming.method, incoming.path) {
            Route::Found(operation, id) => (operation, id),
            Route::WrongMethod => return Err(gateway(405, "Method not allowed")),
            Route::Unknown => return Err(gateway(404, "Resource not found")),
        };
        let behaviour = &self.world.behaviour;
        let (charged, limit_headers) = self.gateway.charge(&caller, operation, behaviour);
        *headers = limit_headers;
        charged?;
        if let Some(record) = self.log.record(number) {
            record.tokens = operation.token_cost;
        }

        let refuse = |error: ApiError| error.into_reply(operation.version);
        let query = super::validate::query(operation, incoming.query).map_err(refuse)?;
        let body = super::validate::body(operation, incoming.content_type, incoming.body)
            .map_err(refuse)?;
        let call = Call {
            operation,
            id: id.to_owned(),
            query,
            body,
            user_id: caller.user_id,
        };
        Ok((call, self.strike(incoming, number)))
    }

    /// Faults of a request, for its entry in the log.
    fn strike(&mut self, incoming: &Incoming<'_>, number: u64) -> Misfortune {
        let misfortune = self.faults.strike(
            incoming.method,
            incoming.path,
            incoming.query,
            incoming.body,
        );
        if let Some(record) = self
            .log
            .record(number)
            .filter(|_| !misfortune.names.is_empty())
        {
            record.fault = Some(misfortune.names.join(", "));
        }
        misfortune
    }

    /// Carries out a call and notes its effects.
    pub(super) fn execute(&mut self, number: u64, call: &Call) -> Reply {
        if !self.log.is_current(number) {
            // A late effect of a time that was forgotten must not show up in the next one.
            return gateway(503, "The sandbox was reset meanwhile.");
        }
        let version = call.operation.version;
        let result = (call.operation.handler)(&mut self.world, call);
        let reply = result.unwrap_or_else(|error| error.into_reply(version));
        if let Some(record) = self.log.record(number) {
            record.effects.clone_from(&reply.effects);
            record.effect_is_pending = false;
        }
        reply
    }

    /// Notes what the client received.
    pub(super) fn close(&mut self, number: u64, answer: Answer) {
        if let Some(record) = self.log.record(number) {
            record.answer = answer;
        }
    }
}
