//! Faults on demand: what goes wrong with which requests.
//!
//! A fault befalls a request only after it was authenticated, charged and found well-formed, so that no fault hides a
//! request that the real API would have refused; and where the records refuse it, the refusal is what is answered.

mod distortion;
mod kinds;

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

pub use distortion::Distortion;
pub use kinds::Fault;

/// What lists hold when no `limit` is given.
const DEFAULT_PAGE: u32 = 100;

/// Which requests a fault befalls.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// The method, or any.
    #[serde(default)]
    pub method: Option<String>,
    /// The path as it is requested. `*` stands for one segment, `**` at the end for the rest.
    pub path: String,
    /// What becomes of a request that the rule matches.
    pub fault: Fault,
    /// Concerns only lists and searches that ask for more than so many records a page.
    #[serde(default)]
    pub above_limit: Option<u32>,
    /// Concerns only requests whose body contains this text.
    #[serde(default)]
    pub body_contains: Option<String>,
    /// How many requests it lets pass first.
    #[serde(default)]
    pub after: u32,
    /// How many requests it befalls; all of them if `None`.
    #[serde(default)]
    pub times: Option<u32>,
    /// The chance that it befalls a request; certainty if `None`.
    #[serde(default)]
    pub probability: Option<f64>,
    /// The seed of that chance.
    #[serde(default)]
    pub seed: u64,
}

impl FaultRule {
    /// A fault for the next request with this method and path, once.
    #[must_use]
    pub fn once(method: &str, path: &str, fault: Fault) -> Self {
        Self {
            times: Some(1),
            ..Self::always(method, path, fault)
        }
    }

    /// A fault for every request with this method and path.
    #[must_use]
    pub fn always(method: &str, path: &str, fault: Fault) -> Self {
        Self {
            method: Some(method.to_owned()),
            path: path.to_owned(),
            fault,
            above_limit: None,
            body_contains: None,
            after: 0,
            times: None,
            probability: None,
            seed: 0,
        }
    }

    /// A fault for every request of every caller.
    #[must_use]
    pub fn everywhere(fault: Fault) -> Self {
        Self {
            method: None,
            ..Self::always("", "/**", fault)
        }
    }

    /// The same fault, for pages of more than so many records alone.
    #[must_use]
    pub fn above_limit(self, records: u32) -> Self {
        Self {
            above_limit: Some(records),
            ..self
        }
    }

    /// The same fault, for requests whose body contains this text alone.
    #[must_use]
    pub fn of_body(self, text: &str) -> Self {
        Self {
            body_contains: Some(text.to_owned()),
            ..self
        }
    }

    /// The same fault, for so many requests.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self {
            times: Some(times),
            ..self
        }
    }

    /// The same fault, once so many requests have passed.
    #[must_use]
    pub fn after(self, after: u32) -> Self {
        Self { after, ..self }
    }

    /// The same fault, by a chance that a seed makes repeatable.
    #[must_use]
    pub fn by_chance(self, probability: f64, seed: u64) -> Self {
        Self {
            probability: Some(probability),
            seed,
            ..self
        }
    }
}

/// What befalls one request.
#[derive(Clone, Debug, Default)]
pub(super) struct Misfortune {
    pub(super) before: Duration,
    pub(super) after: Duration,
    pub(super) fault: Option<Fault>,
    /// The names of all of it.
    pub(super) names: Vec<String>,
}

/// The rules that are in force.
#[derive(Debug, Default)]
pub(super) struct Faults {
    rules: Vec<Armed>,
    next_id: u64,
}

#[derive(Debug)]
struct Armed {
    id: u64,
    rule: FaultRule,
    chance: StdRng,
}

impl Faults {
    pub(super) fn add(&mut self, rule: FaultRule) -> u64 {
        self.next_id += 1;
        let chance = StdRng::seed_from_u64(rule.seed);
        self.rules.push(Armed {
            id: self.next_id,
            rule,
            chance,
        });
        self.next_id
    }

    pub(super) fn remove(&mut self, id: u64) -> bool {
        let before = self.rules.len();
        self.rules.retain(|armed| armed.id != id);
        self.rules.len() < before
    }

    pub(super) fn clear(&mut self) {
        self.rules.clear();
    }

    /// The rules with their ids and what is left of them.
    pub(super) fn rules(&self) -> impl Iterator<Item = (u64, &FaultRule)> {
        self.rules.iter().map(|armed| (armed.id, &armed.rule))
    }

    /// What befalls a request: every latency that applies, and the first other fault.
    pub(super) fn strike(
        &mut self,
        method: &str,
        path: &str,
        query: &str,
        body: &[u8],
    ) -> Misfortune {
        let page = page_size(query);
        let body = String::from_utf8_lossy(body);
        let mut misfortune = Misfortune::default();
        for armed in &mut self.rules {
            let is_latency = matches!(armed.rule.fault, Fault::Latency { .. });
            if (!is_latency && misfortune.fault.is_some())
                || !armed.strikes(method, path, page, &body)
            {
                continue;
            }
            misfortune.names.push(armed.rule.fault.name());
            match &armed.rule.fault {
                Fault::Latency {
                    before_ms,
                    after_ms,
                } => {
                    misfortune.before += Duration::from_millis(*before_ms);
                    misfortune.after += Duration::from_millis(*after_ms);
                }
                fault => misfortune.fault = Some(fault.clone()),
            }
        }
        self.rules.retain(|armed| armed.rule.times != Some(0));
        misfortune
    }
}

impl Armed {
    fn strikes(&mut self, method: &str, path: &str, page: u32, body: &str) -> bool {
        let Self { rule, chance, .. } = self;
        let concerns = rule.method.as_deref().is_none_or(|wanted| wanted == method)
            && rule.above_limit.is_none_or(|limit| page > limit)
            && rule
                .body_contains
                .as_deref()
                .is_none_or(|text| body.contains(text))
            && path_matches(&rule.path, path);
        if !concerns || rule.times == Some(0) {
            return false;
        }
        if rule.after > 0 {
            rule.after -= 1;
            return false;
        }
        if !rule
            .probability
            .is_none_or(|probability| chance.random::<f64>() < probability)
        {
            return false;
        }
        rule.times = rule.times.map(|times| times - 1);
        true
    }
}

fn path_matches(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    for wanted in pattern.split('/') {
        match (wanted, segments.next()) {
            ("**", Some(_)) => return true,
            ("*", Some(_)) => {}
            (_, segment) if segment == Some(wanted) => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}

/// How many records a list is asked for; a request for one item asks for none in particular.
fn page_size(query: &str) -> u32 {
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "limit")
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(DEFAULT_PAGE)
}
