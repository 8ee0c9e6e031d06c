//! Faults on demand: what goes wrong with which requests.
//!
//! A fault befalls a request only after it was authenticated, charged and found well-formed, so that no fault hides a
//! request that the real API would have refused; and where the records refuse it, the refusal is what is answered.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The answer takes longer, before the effect, after it, or both.
    Latency {
        /// Milliseconds before anything is changed.
        #[serde(default)]
        before_ms: u64,
        /// Milliseconds between the change and its answer.
        #[serde(default)]
        after_ms: u64,
    },
    /// The connection is cut and nothing has happened.
    CutBeforeEffect,
    /// Everything has happened and the connection is cut without a byte of the answer.
    CutAfterEffect,
    /// The connection is cut; what was asked happens some time later.
    ApplyLate {
        /// Milliseconds from the cut to the effect.
        delay_ms: u64,
    },
    /// Everything has happened and half of the answer arrives.
    TruncateAnswer,
    /// Another answer than the true one.
    Answer {
        /// Whether what was asked happens all the same.
        applied: bool,
        /// The status.
        status: u16,
        /// The headers, as pairs of name and value.
        #[serde(default)]
        headers: Vec<(String, String)>,
        /// The body.
        #[serde(default)]
        body: String,
    },
}

impl Fault {
    /// A delay before anything is changed.
    #[must_use]
    pub fn latency_before(delay: Duration) -> Self {
        Self::Latency {
            before_ms: millis(delay),
            after_ms: 0,
        }
    }

    /// A delay between the change and its answer.
    #[must_use]
    pub fn latency_after(delay: Duration) -> Self {
        Self::Latency {
            before_ms: 0,
            after_ms: millis(delay),
        }
    }

    /// The effect comes this long after the connection was cut.
    #[must_use]
    pub fn apply_late(delay: Duration) -> Self {
        Self::ApplyLate {
            delay_ms: millis(delay),
        }
    }

    /// An error of the server which changed nothing.
    #[must_use]
    pub fn server_error_before_effect(status: u16) -> Self {
        Self::json(
            false,
            status,
            r#"{"success":false,"error":"Internal server error"}"#,
        )
    }

    /// An error of the server after all was done.
    #[must_use]
    pub fn server_error_after_effect(status: u16) -> Self {
        Self::json(
            true,
            status,
            r#"{"success":false,"error":"Internal server error"}"#,
        )
    }

    /// Too many requests in two seconds.
    #[must_use]
    pub fn burst_limit() -> Self {
        let body = r#"{"success":false,"error":"rate limit exceeded","errorCode":429}"#;
        Self::json(false, 429, body)
            .with_header("x-ratelimit-remaining", "0")
            .with_header("x-ratelimit-reset", "2")
    }

    /// The day's tokens are used up.
    #[must_use]
    pub fn daily_budget_exceeded(retry_after: Duration) -> Self {
        let body = r#"{"success":false,"error":"daily request budget exceeded","errorCode":429}"#;
        Self::json(false, 429, body).with_header("retry-after", &retry_after.as_secs().to_string())
    }

    /// The token is not taken.
    #[must_use]
    pub fn unauthorized() -> Self {
        let body = r#"{"success":false,"error":"unauthorized access","errorCode":401}"#;
        Self::json(false, 401, body).with_header("x-401-by-gw", "true")
    }

    /// A permission or cap is in the way.
    #[must_use]
    pub fn forbidden() -> Self {
        let body = concat!(
            r#"{"success":false,"error":"Scope and URL mismatch","errorCode":403,"#,
            r#""error_info":"Please check developers.pipedrive.com"}"#
        );
        Self::json(false, 403, body)
    }

    /// The page that Cloudflare shows to whoever goes on in spite of 429.
    #[must_use]
    pub fn cloudflare_block() -> Self {
        let body = concat!(
            "<!DOCTYPE html><html><head><title>Access denied</title></head>",
            "<body><h1>Access denied</h1><p>This error is produced by Cloudflare.</p></body></html>"
        );
        Self::Answer {
            applied: false,
            status: 403,
            headers: vec![(
                "content-type".to_owned(),
                "text/html; charset=UTF-8".to_owned(),
            )],
            body: body.to_owned(),
        }
    }

    /// The item or resource is not there.
    #[must_use]
    pub fn not_found() -> Self {
        Self::json(
            false,
            404,
            r#"{"success":false,"error":"Not found.","code":"ERR_NOT_FOUND"}"#,
        )
    }

    /// The item was there once.
    #[must_use]
    pub fn gone() -> Self {
        Self::json(
            false,
            410,
            r#"{"success":false,"error":"The item is deleted.","errorCode":410}"#,
        )
    }

    /// All was done, and the answer is 200 with something that is not JSON.
    #[must_use]
    pub fn unreadable_answer() -> Self {
        Self::json(true, 200, r#"{"success":tr"#)
    }

    /// 200 with `success: false`, whether or not anything was done.
    #[must_use]
    pub fn unsuccessful_answer(applied: bool) -> Self {
        Self::json(
            applied,
            200,
            r#"{"success":false,"error":"Something went wrong","data":null}"#,
        )
    }

    fn json(applied: bool, status: u16, body: &str) -> Self {
        let content_type = ("content-type".to_owned(), "application/json".to_owned());
        Self::Answer {
            applied,
            status,
            headers: vec![content_type],
            body: body.to_owned(),
        }
    }

    /// Adds a header to another answer; no other fault has any.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// A word for the log and for reports.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Latency { .. } => "latency".to_owned(),
            Self::CutBeforeEffect => "cut before effect".to_owned(),
            Self::CutAfterEffect => "cut after effect".to_owned(),
            Self::ApplyLate { .. } => "applied late".to_owned(),
            Self::TruncateAnswer => "answer truncated".to_owned(),
            Self::Answer {
                applied: true,
                status,
                ..
            } => format!("{status} after effect"),
            Self::Answer {
                applied: false,
                status,
                ..
            } => format!("{status} before effect"),
        }
    }
}

/// Which requests a fault befalls.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// The method, or any.
    #[serde(default)]
    pub method: Option<String>,
    /// The path as it is requested. `*` stands for one segment, `**` at the end for the rest.
    pub path: String,
    /// What goes wrong.
    pub fault: Fault,
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
            after: 0,
            times: None,
            probability: None,
            seed: 0,
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
    pub(super) fn strike(&mut self, method: &str, path: &str) -> Misfortune {
        let mut misfortune = Misfortune::default();
        for armed in &mut self.rules {
            let is_latency = matches!(armed.rule.fault, Fault::Latency { .. });
            if (!is_latency && misfortune.fault.is_some()) || !armed.strikes(method, path) {
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
    fn strikes(&mut self, method: &str, path: &str) -> bool {
        let Self { rule, chance, .. } = self;
        let concerns = rule.method.as_deref().is_none_or(|wanted| wanted == method)
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

fn millis(delay: Duration) -> u64 {
    u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)
}
