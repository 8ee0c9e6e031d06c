//! Why consumption is paused, in words and labels.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use pipedrive::ports::StoreError;
use pipedrive::{Allowance, Denial, PipedriveError};
use redis::RedisError;

use super::redis_trouble::RedisTrouble;
use crate::store::OpenBreaker;

/// Why nothing is consumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PauseReason {
    /// Redis cannot be used.
    Redis(RedisTrouble),
    /// RabbitMQ does not answer whether Redis lost its data.
    Witness,
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
    /// An operation fails for every message.
    Broken(Arc<OpenBreaker>),
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
            PipedriveError::Store(error) => redis_trouble(error).map(Self::Redis),
            PipedriveError::Unauthorized { status } => Some(Self::Unauthorized { status: *status }),
            PipedriveError::Denied(denial) => Some(Self::Denied(*denial)),
            PipedriveError::NoToken(_) => Some(Self::NoToken),
            PipedriveError::ScopeMissing { .. } => Some(Self::ScopeMissing),
            PipedriveError::BudgetSpent { of, wait, .. } => Some(Self::BudgetSpent {
                of: *of,
                wait: *wait,
            }),
            PipedriveError::Unreachable { .. }
            | PipedriveError::NoAnswer { .. }
            | PipedriveError::Unreadable { .. }
            | PipedriveError::Blocked
            | PipedriveError::Server { .. }
            | PipedriveError::RateLimited { .. }
            | PipedriveError::Forbidden { .. }
            | PipedriveError::NotFound { .. }
            | PipedriveError::Rejected { .. } => None,
        }
    }

    /// Whether Redis is the reason.
    pub fn is_redis(&self) -> bool {
        matches!(self, Self::Redis(_) | Self::RedisLostData | Self::Witness)
    }

    /// Whether it takes the place of `present`. Redis is checked in any case, so its failure does not hide that Pipedrive
    /// refuses us; nor does a Redis that is away hide that it lost data. Without Redis no breaker is known.
    pub fn replaces(&self, present: &Self) -> bool {
        let is_hidden = match self {
            Self::Redis(_) | Self::Witness => {
                !matches!(present, Self::Redis(_) | Self::Witness | Self::Broken(_))
            }
            Self::RedisLostData => !present.is_redis(),
            // The credential, and the day, are the more telling reasons for what fails.
            Self::Broken(_) => !present.is_redis() && !matches!(present, Self::Broken(_)),
            Self::Unauthorized { .. }
            | Self::Denied(_)
            | Self::NoToken
            | Self::ScopeMissing
            | Self::PeopleForbidden
            | Self::BudgetSpent { .. } => false,
        };
        !is_hidden && self != present
    }

    /// For readiness, logs and alarms: the reason and its remedy.
    #[must_use]
    pub fn explain(&self) -> String {
        match self {
            Self::Redis(trouble) => trouble.explain(),
            Self::Witness => {
                "RabbitMQ does not answer, which knows whether Redis lost its data; start it, work resumes by itself (broker.url)"
                    .to_owned()
            }
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
            Self::Broken(breaker) => explain_breaker(breaker),
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
    pub const LABELS: [&'static str; 9] = [
        "redis",
        "rabbitmq",
        "unauthorized",
        "no_token",
        "blocked",
        "refused",
        "outage",
        "budget",
        "writes",
    ];

    /// The label in metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Redis(_) | Self::RedisLostData => "redis",
            Self::Witness => "rabbitmq",
            Self::Unauthorized { .. }
            | Self::Denied(_)
            | Self::ScopeMissing
            | Self::PeopleForbidden => "unauthorized",
            Self::NoToken => "no_token",
            Self::Broken(breaker) => match &*breaker.label {
                "outage" => "outage",
                "blocked" => "blocked",
                _ => "refused",
            },
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

/// What fails for every message, and what to do.
fn explain_breaker(breaker: &OpenBreaker) -> String {
    let remedy = match &*breaker.label {
        "outage" => "nothing to do here; see Pipedrive's status page, or what is between",
        "blocked" => "find what else sends from this address; it usually ends by itself",
        "403" => "grant the right to the user of the credential",
        "404" | "410" => "check pipedrive.base_url, and what was deleted in Pipedrive",
        "redis" => "repair or delete the key that the log names",
        _ => {
            "correct what it names: a type, an owner or a field that is gone or switched off (pipedrive.call_type, \
             pipedrive.chat_type, pipedrive.fallback_owner_id)"
        }
    };
    format!(
        "it fails for every message to {}: {}; {remedy}; one message at a time is tried, and the first that passes resumes work",
        breaker.operation, breaker.why
    )
}

/// What keeps the store of the client from being used.
fn redis_trouble(error: &StoreError) -> Option<RedisTrouble> {
    match error
        .source()
        .and_then(<dyn Error>::downcast_ref::<RedisError>)
    {
        Some(error) => RedisTrouble::of(error),
        None => Some(RedisTrouble::Away),
    }
}
