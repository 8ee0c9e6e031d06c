//! Why consumption is paused, in words and labels.

use std::time::Duration;

use pipedrive::{Allowance, Denial, PipedriveError};

/// Why nothing is consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PauseReason {
    /// Redis does not answer.
    Redis,
    /// Redis lost data while we were connected.
    RedisLostData,
    /// Pipedrive refuses the credential.
    Unauthorized {
        /// 401, or 402 where the account is closed.
        status: u16,
    },
    /// Pipedrive refuses the app.
    Denied(Denial),
    /// There is no access token: its endpoint does not answer, or fails.
    NoToken,
    /// The app lacks a scope.
    ScopeMissing,
    /// Pipedrive refused one person after another: the credential's user sees no people.
    PeopleForbidden,
    /// Cloudflare blocks this address.
    Blocked,
    /// The day's tokens, or its writes, are spent.
    BudgetSpent {
        /// Of what nothing is left.
        of: Allowance,
        /// How long until there is more, at the latest.
        wait: Duration,
    },
}

impl PauseReason {
    /// The pause that an error of Pipedrive's calls for, if every other call would meet it as well.
    #[must_use]
    pub fn caused_by(error: &PipedriveError) -> Option<Self> {
        match error {
            PipedriveError::Store(_) => Some(Self::Redis),
            PipedriveError::Unauthorized { status } => Some(Self::Unauthorized { status: *status }),
            PipedriveError::Denied(denial) => Some(Self::Denied(*denial)),
            PipedriveError::NoToken(_) => Some(Self::NoToken),
            PipedriveError::ScopeMissing { .. } => Some(Self::ScopeMissing),
            PipedriveError::Blocked => Some(Self::Blocked),
            PipedriveError::BudgetSpent { of, wait, .. } => Some(Self::BudgetSpent {
                of: *of,
                wait: *wait,
            }),
            PipedriveError::Unreachable { .. }
            | PipedriveError::NoAnswer { .. }
            | PipedriveError::Unreadable { .. }
            | PipedriveError::Server { .. }
            | PipedriveError::RateLimited { .. }
            | PipedriveError::Forbidden { .. }
            | PipedriveError::NotFound { .. }
            | PipedriveError::Rejected { .. } => None,
        }
    }

    /// Whether Redis is the reason.
    pub fn is_redis(self) -> bool {
        matches!(self, Self::Redis | Self::RedisLostData)
    }

    /// Whether it takes the place of `present`. Redis is checked in any case, so its failure does not hide that Pipedrive
    /// refuses us; nor does a Redis that is away hide that it lost data.
    pub fn replaces(self, present: Self) -> bool {
        let is_hidden = match self {
            Self::Redis => true,
            Self::RedisLostData => !present.is_redis(),
            Self::Unauthorized { .. }
            | Self::Denied(_)
            | Self::NoToken
            | Self::ScopeMissing
            | Self::PeopleForbidden
            | Self::Blocked
            | Self::BudgetSpent { .. } => false,
        };
        !is_hidden && self != present
    }

    /// For readiness, logs and alarms: the reason and its remedy.
    #[must_use]
    pub fn explain(self) -> String {
        match self {
            Self::Redis => "Redis does not answer; work resumes by itself once it does (redis.url)".to_owned(),
            Self::RedisLostData => {
                "Redis lost data: records are searched for first; work resumes by itself".to_owned()
            }
            Self::Unauthorized { status: 402 } => {
                "Pipedrive answers 402: the company's account is not open; work resumes once it is"
                    .to_owned()
            }
            Self::Unauthorized { status } => {
                format!(
                    "Pipedrive answers {status}: the API token is not valid; set a good one (pipedrive.api_token)"
                )
            }
            Self::Denied(denial) => denial.to_string(),
            Self::NoToken => {
                "Pipedrive's token endpoint gives no access token; the worker asks again (pipedrive.oauth.token_url)"
                    .to_owned()
            }
            Self::ScopeMissing => {
                "Pipedrive answers 403 (Scope and URL mismatch): the app lacks a scope; add contacts:full, activities:full, \
                 deals:read and users:read, and install it again"
                    .to_owned()
            }
            Self::PeopleForbidden => {
                "Pipedrive answers 403 for one person after another: let the user of the API token see all people (visibility \
                 groups); work resumes by itself"
                    .to_owned()
            }
            Self::Blocked => {
                "Cloudflare blocks this address; the worker tries again from time to time (pipedrive.probe_interval)".to_owned()
            }
            Self::BudgetSpent { of, wait } => {
                let remedy = match of {
                    Allowance::Tokens => {
                        "the worker asks Pipedrive from time to time (pipedrive.budget_probe_interval); after buying more: \
                         worker resume"
                    }
                    Allowance::Share => "raise pipedrive.daily_tokens, or remove it",
                    Allowance::Writes => "Pipedrive takes so many a user and day (pipedrive.daily_writes)",
                };
                format!("{of} are spent; more in {}s at the latest; {remedy}", wait.as_secs())
            }
        }
    }

    /// All labels there are.
    pub const LABELS: [&'static str; 6] = [
        "redis",
        "unauthorized",
        "no_token",
        "blocked",
        "budget",
        "writes",
    ];

    /// The label in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Redis | Self::RedisLostData => "redis",
            Self::Unauthorized { .. }
            | Self::Denied(_)
            | Self::ScopeMissing
            | Self::PeopleForbidden => "unauthorized",
            Self::NoToken => "no_token",
            Self::Blocked => "blocked",
            Self::BudgetSpent {
                of: Allowance::Tokens | Allowance::Share,
                ..
            } => "budget",
            Self::BudgetSpent {
                of: Allowance::Writes,
                ..
            } => "writes",
        }
    }
}
