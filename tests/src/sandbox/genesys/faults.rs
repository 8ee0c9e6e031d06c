//! Faults on demand: what goes wrong with which requests.

use std::time::Duration;

/// Something that goes wrong. A fault befalls a request only after it was found valid, so that no fault hides a request
/// that Genesys would have refused.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The answer takes longer.
    Latency(Duration),
    /// The connection is cut without a byte of an answer.
    Cut,
    /// Another answer than the true one.
    Answer {
        /// HTTP status that is answered instead.
        status: u16,
        /// Body that is answered instead.
        body: String,
    },
}

impl Fault {
    /// An outage: a gateway's page.
    #[must_use]
    pub fn outage() -> Self {
        Self::Answer {
            status: 503,
            body: "<html><body>Service Unavailable</body></html>".to_owned(),
        }
    }

    /// 200 with something that is not JSON.
    #[must_use]
    pub fn unreadable() -> Self {
        Self::Answer {
            status: 200,
            body: r#"{"id":"#.to_owned(),
        }
    }

    /// The token is not taken, although it serves.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::Answer {
            status: 401,
            body:
                r#"{"message":"Invalid login credentials.","code":"bad.credentials","status":401}"#
                    .to_owned(),
        }
    }
}

/// Which requests a fault befalls.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultRule {
    /// Part of the path. Empty: every path, the token endpoint's too.
    pub path: String,
    /// How many requests more. None: until it is lifted.
    pub left: Option<u64>,
    /// What becomes of a request that the rule matches.
    pub fault: Fault,
}

impl FaultRule {
    /// Befalls every request whose path contains `path`, until it is lifted.
    #[must_use]
    pub fn always(path: &str, fault: Fault) -> Self {
        Self {
            path: path.to_owned(),
            left: None,
            fault,
        }
    }

    /// Befalls the next `times` requests whose path contains `path`.
    #[must_use]
    pub fn times(times: u64, path: &str, fault: Fault) -> Self {
        Self {
            path: path.to_owned(),
            left: Some(times),
            fault,
        }
    }
}

/// The rules in force.
#[derive(Debug, Default)]
pub(super) struct Faults {
    rules: Vec<(u64, FaultRule)>,
    next: u64,
}

impl Faults {
    pub fn add(&mut self, rule: FaultRule) -> u64 {
        self.next += 1;
        self.rules.push((self.next, rule));
        self.next
    }

    pub fn remove(&mut self, id: u64) -> bool {
        let before = self.rules.len();
        self.rules.retain(|(known, _)| *known != id);
        self.rules.len() < before
    }

    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// The fault that befalls a request: of the oldest rule that fits.
    pub fn strike(&mut self, path: &str) -> Option<Fault> {
        let fits = |rule: &FaultRule| path.contains(&rule.path) && rule.left != Some(0);
        let (_, rule) = self.rules.iter_mut().find(|(_, rule)| fits(rule))?;
        if let Some(left) = &mut rule.left {
            *left -= 1;
        }
        Some(rule.fault.clone())
    }
}
