//! The one state behind every request.

use std::collections::{BTreeMap, BTreeSet};

use super::config::SandboxConfig;
use super::contract::{self, Call, Feature, Operation};
use super::control::Lack;
use super::error::ApiError;
use super::faults::{Fault, Faults};
use super::handlers::artefacts;
use super::limits::Limiter;
use super::oauth::{self, OAuth};
use super::reply::Reply;
use super::validate;
use super::world::World;

/// Where transcripts are served, as a store beside Genesys does.
const DOCUMENTS: &str = "/transcripts/";

/// Records, limits, faults and counts. One lock guards them.
#[derive(Debug)]
pub(super) struct State {
    pub world: World,
    pub oauth: OAuth,
    pub limiter: Limiter,
    pub faults: Faults,
    pub revoked: BTreeSet<String>,
    pub lacks: BTreeMap<Feature, Lack>,
    /// Requests that reached an operation, by its name.
    pub counts: BTreeMap<String, usize>,
    /// Requests that the rate limit refused.
    pub limited: usize,
    /// Requests that were refused as invalid, with the reason. A correct client has none.
    pub violations: Vec<String>,
}

/// A request as it came off the wire.
pub(super) struct Incoming<'r> {
    pub method: &'r str,
    pub path: &'r str,
    pub query: &'r str,
    pub authorization: &'r str,
    pub content_type: &'r str,
    pub body: &'r [u8],
}

/// What is sent back, and what befalls it.
pub(super) struct Outcome {
    pub reply: Reply,
    pub fault: Option<Fault>,
}

impl State {
    pub fn new(config: &SandboxConfig, origin: &str) -> Self {
        Self {
            world: World::new(config, origin),
            oauth: OAuth::new(config),
            limiter: Limiter::new(config.allowed, config.window),
            faults: Faults::default(),
            revoked: BTreeSet::new(),
            lacks: BTreeMap::new(),
            counts: BTreeMap::new(),
            limited: 0,
            violations: Vec::new(),
        }
    }

    pub fn answer(&mut self, incoming: &Incoming<'_>) -> Outcome {
        if incoming.path == oauth::PATH {
            self.count("POST /oauth/token");
            return match self.faults.strike(incoming.path) {
                // A fault replaces the answer: no token that was never received may count as handed out.
                Some(fault) if !matches!(fault, Fault::Latency(_)) => Outcome {
                    reply: Reply::empty(503),
                    fault: Some(fault),
                },
                fault => Outcome {
                    reply: self.oauth.token(incoming),
                    fault,
                },
            };
        }
        if let Some(name) = incoming.path.strip_prefix(DOCUMENTS) {
            return self.document(incoming, name);
        }
        self.call(incoming)
    }

    fn document(&mut self, incoming: &Incoming<'_>, name: &str) -> Outcome {
        self.count("GET /transcripts/{token}");
        if !incoming.authorization.is_empty() {
            self.violations
                .push("an access token was sent to the store of documents".to_owned());
        }
        let token = name.trim_end_matches(".json");
        Outcome {
            reply: artefacts::document(&self.world, token),
            fault: self.faults.strike(incoming.path),
        }
    }

    fn call(&mut self, incoming: &Incoming<'_>) -> Outcome {
        if !self.oauth.admits(incoming.authorization) {
            let error = ApiError::new(401, "bad.credentials", "Invalid login credentials.");
            return Outcome {
                reply: error.into_reply(),
                fault: None,
            };
        }
        let (counted, within) = self.limiter.count();
        let is_refused = within.is_err();
        self.limited += usize::from(is_refused);
        let (result, fault) = match within.and_then(|()| self.check(incoming)) {
            Ok((operation, call)) => {
                let fault = self.faults.strike(incoming.path);
                ((operation.handler)(&mut self.world, &call), fault)
            }
            Err(error) => (Err(error), None),
        };
        if let Err(error) = &result
            && matches!(error.status, 400 | 405 | 415)
        {
            let (method, path) = (incoming.method, incoming.path);
            let violation = format!("{method} {path}: {}", error.message);
            self.violations.push(violation);
        }
        let mut reply = result.unwrap_or_else(ApiError::into_reply);
        for (name, value) in counted.headers(is_refused) {
            reply = reply.with_header(&name, &value);
        }
        Outcome { reply, fault }
    }

    fn check(&mut self, incoming: &Incoming<'_>) -> Result<(&'static Operation, Call), ApiError> {
        let (operation, ids) = contract::route(incoming.method, incoming.path)?;
        self.count(&operation.name());
        self.permit(operation)?;
        let query = validate::query(operation, incoming.query)?;
        let body = validate::body(operation, incoming.content_type, incoming.body)?;
        Ok((operation, Call { ids, query, body }))
    }

    fn permit(&self, operation: &Operation) -> Result<(), ApiError> {
        let held = |name: &&&str| !self.revoked.contains(**name);
        let permissions = operation.permissions;
        let is_permitted = if operation.any_permission {
            permissions.is_empty() || permissions.iter().any(|name| held(&name))
        } else {
            permissions.iter().all(|name| held(&name))
        };
        if !is_permitted {
            return Err(ApiError::missing_permission(
                operation.any_permission,
                permissions,
            ));
        }
        match operation
            .feature
            .and_then(|feature| self.lacks.get(&feature))
        {
            None => Ok(()),
            Some(Lack::Forbidden) => {
                let message = "The organization is not authorized to use this feature.";
                Err(ApiError::new(403, "not.authorized", message))
            }
            Some(Lack::NotFound) => Err(ApiError::not_found("resource")),
        }
    }

    fn count(&mut self, name: &str) {
        *self.counts.entry(name.to_owned()).or_default() += 1;
    }
}
