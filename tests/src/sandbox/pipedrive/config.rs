//! What a sandbox is started with, and what can be changed while it runs.

use serde::{Deserialize, Serialize};

use super::behaviour::Behaviour;
use super::oauth::OAuthConfig;

/// Tokens that one seat adds to the daily budget, before the multiplier of the plan.
const DAILY_TOKENS_PER_SEAT: u64 = 30_000;

/// Requests that the Search API takes in two seconds, on every plan.
const SEARCHES_PER_2S: u32 = 10;

/// How a sandbox begins.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// The API token of the first user. A random one if it is `None`.
    pub api_token: Option<String>,
    /// An OAuth access token that is accepted as `Authorization: Bearer`, if any is.
    pub oauth_access_token: Option<String>,
    /// The app that may be installed, and how its tokens live.
    pub oauth: OAuthConfig,
    /// The limits of the company.
    pub limits: Limits,
    /// Behaviour that no source documents.
    pub behaviour: Behaviour,
    /// How many requests the log keeps; older ones are dropped, the totals stay.
    pub log_capacity: usize,
}

impl Default for SandboxConfig {
    /// No limits, no search lag: what a test of something else wants.
    fn default() -> Self {
        Self {
            api_token: None,
            oauth_access_token: None,
            oauth: OAuthConfig::default(),
            limits: Limits::unlimited(),
            behaviour: Behaviour::default(),
            log_capacity: 1_000_000,
        }
    }
}

/// Pipedrive's plans, which differ in their limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Plan {
    /// 20 requests per 2 s, 30,000 tokens a day.
    Lite,
    /// 40 requests per 2 s, 60,000 tokens a day.
    Growth,
    /// 100 requests per 2 s, 150,000 tokens a day.
    Premium,
    /// 120 requests per 2 s, 210,000 tokens a day.
    Ultimate,
    /// No limits at all, which no real plan has.
    Unlimited,
}

/// How much a company may ask. `None` means without limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Requests in any 2 seconds by one API token. An OAuth token has four times as many.
    pub requests_per_2s: Option<u32>,
    /// Requests to `/search` in any 2 seconds by one token of either sort.
    pub searches_per_2s: Option<u32>,
    /// Tokens from midnight UTC to midnight UTC by the whole company.
    pub daily_tokens: Option<u64>,
}

impl Limits {
    /// No limits at all.
    #[must_use]
    pub fn unlimited() -> Self {
        Self {
            requests_per_2s: None,
            searches_per_2s: None,
            daily_tokens: None,
        }
    }

    /// The limits of a plan with one seat.
    #[must_use]
    pub fn of_plan(plan: Plan) -> Self {
        let (requests, multiplier) = match plan {
            Plan::Lite => (20, 1),
            Plan::Growth => (40, 2),
            Plan::Premium => (100, 5),
            Plan::Ultimate => (120, 7),
            Plan::Unlimited => return Self::unlimited(),
        };
        Self {
            requests_per_2s: Some(requests),
            searches_per_2s: Some(SEARCHES_PER_2S),
            daily_tokens: Some(DAILY_TOKENS_PER_SEAT * multiplier),
        }
    }
}
