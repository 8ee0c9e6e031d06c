//! What can come of a call, and what it means.

use std::time::Duration;

use super::oauth::{Denial, NoToken};

/// A call did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum PipedriveError {
    /// Nothing was sent: no address, no connection, no TLS.
    #[error("Pipedrive cannot be reached to {operation}")]
    Unreachable {
        /// What was tried.
        operation: &'static str,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The request was sent, no whole answer came.
    #[error("no complete answer from Pipedrive to {operation}")]
    NoAnswer {
        /// What was tried.
        operation: &'static str,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// Pipedrive says that it succeeded, but not with what.
    #[error("Pipedrive's answer {status} to {operation} cannot be read")]
    Unreadable {
        /// What was tried.
        operation: &'static str,
        /// HTTP status.
        status: u16,
    },
    /// Pipedrive failed.
    #[error("Pipedrive failed to {operation} with {status}")]
    Server {
        /// What was tried.
        operation: &'static str,
        /// HTTP status, 5xx.
        status: u16,
    },
    /// Too many requests in a short time; this one was not carried out.
    #[error("Pipedrive's rate limit leaves no room to {operation} for {}s", wait.as_secs())]
    RateLimited {
        /// What was tried.
        operation: &'static str,
        /// How long to wait.
        wait: Duration,
    },
    /// The day's tokens are spent.
    #[error("the day's tokens do not suffice to {operation}; they are back in {}s", wait.as_secs())]
    BudgetSpent {
        /// What was tried.
        operation: &'static str,
        /// How long until the reset.
        wait: Duration,
    },
    /// The token is not valid (401), or the company's account is closed (402).
    #[error(
        "Pipedrive lets nobody in ({status}): renew the API token, or pay the account, and work goes on by itself"
    )]
    Unauthorized {
        /// HTTP status.
        status: u16,
    },
    /// Cloudflare stands before Pipedrive and turns us away for a time: we went on despite rate limits.
    #[error("Cloudflare blocks this address (403 with a web page)")]
    Blocked,
    /// The token's user may not do this.
    #[error("Pipedrive forbids to {operation}: {message}")]
    Forbidden {
        /// What was tried.
        operation: &'static str,
        /// Pipedrive's reason.
        message: String,
    },
    /// No such record, or no longer.
    #[error("Pipedrive does not have what is needed to {operation}")]
    NotFound {
        /// What was tried.
        operation: &'static str,
        /// HTTP status: 404 or 410.
        status: u16,
    },
    /// Pipedrive refuses the request as it is.
    #[error("Pipedrive refuses to {operation} with {status}: {message}")]
    Rejected {
        /// What was tried.
        operation: &'static str,
        /// HTTP status.
        status: u16,
        /// Pipedrive's reason.
        message: String,
    },
    /// The app is not let in, and an operator has to mend it.
    #[error("{0}")]
    Denied(Denial),
    /// There is no access token at present.
    #[error("there is no access token")]
    NoToken(#[source] NoToken),
    /// The token bucket, or what keeps the access token, did not answer.
    #[error("Redis does not answer")]
    Redis(#[source] redis::RedisError),
}

/// No tokens were handed out.
#[derive(Debug, thiserror::Error)]
pub enum SpendError {
    /// Not within a wait that a held message may take.
    #[error("no room for {}s", .0.as_secs())]
    Busy(Duration),
    /// Not today.
    #[error("the day's tokens are spent for {}s", .0.as_secs())]
    Spent(Duration),
    /// Redis did not answer.
    #[error("the token bucket does not answer")]
    Redis(#[from] redis::RedisError),
}

impl SpendError {
    pub(super) fn during(self, operation: &'static str) -> PipedriveError {
        match self {
            Self::Busy(wait) => PipedriveError::RateLimited { operation, wait },
            Self::Spent(wait) => PipedriveError::BudgetSpent { operation, wait },
            Self::Redis(source) => PipedriveError::Redis(source),
        }
    }
}

impl From<NoToken> for PipedriveError {
    fn from(error: NoToken) -> Self {
        match error {
            NoToken::Denied(denial) => Self::Denied(denial),
            NoToken::Redis(error) => Self::Redis(error),
            NoToken::NoAnswer { .. }
            | NoToken::Failed { .. }
            | NoToken::Unreadable
            | NoToken::Late => Self::NoToken(error),
        }
    }
}

impl PipedriveError {
    /// Whether a create may have been carried out all the same. Then it is looked for before it is sent again.
    ///
    /// A 429 is never carried out: that is how every client reads it, though Pipedrive does not say so.
    #[must_use]
    pub fn outcome_is_unknown(&self) -> bool {
        match self {
            Self::NoAnswer { .. } | Self::Unreadable { .. } | Self::Server { .. } => true,
            Self::Unreachable { .. }
            | Self::RateLimited { .. }
            | Self::BudgetSpent { .. }
            | Self::Unauthorized { .. }
            | Self::Blocked
            | Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::Rejected { .. }
            | Self::Denied(_)
            | Self::NoToken(_)
            | Self::Redis(_) => false,
        }
    }

    /// Whether Pipedrive let the token in, though it did not do what was asked.
    #[must_use]
    pub fn lets_us_in(&self) -> bool {
        matches!(
            self,
            Self::Unreadable { .. }
                | Self::RateLimited { .. }
                | Self::Forbidden { .. }
                | Self::NotFound { .. }
                | Self::Rejected { .. }
        )
    }

    /// Whether the same call may succeed a moment later.
    pub(super) fn may_heal_at_once(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::NoAnswer { .. }
                | Self::Unreadable { .. }
                | Self::Server { .. }
        )
    }

    /// Pipedrive's status, where it answered.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Unreadable { status, .. }
            | Self::Server { status, .. }
            | Self::Unauthorized { status }
            | Self::NotFound { status, .. }
            | Self::Rejected { status, .. } => Some(*status),
            Self::RateLimited { .. } | Self::BudgetSpent { .. } => Some(429),
            Self::Blocked | Self::Forbidden { .. } => Some(403),
            Self::Denied(Denial::AccessToken) => Some(401),
            Self::Denied(Denial::Grant | Denial::Client | Denial::Sealed)
            | Self::NoToken(_)
            | Self::Unreachable { .. }
            | Self::NoAnswer { .. }
            | Self::Redis(_) => None,
        }
    }

    /// A stable code for headers and metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "pipedrive_unreachable",
            Self::NoAnswer { .. } => "pipedrive_no_answer",
            Self::Unreadable { .. } => "pipedrive_unreadable",
            Self::Server { .. } => "pipedrive_server_error",
            Self::RateLimited { .. } => "pipedrive_rate_limited",
            Self::BudgetSpent { .. } => "pipedrive_budget_spent",
            Self::Unauthorized { .. } | Self::Denied(_) => "pipedrive_unauthorized",
            Self::NoToken(_) => "pipedrive_no_access_token",
            Self::Blocked => "pipedrive_blocked",
            Self::Forbidden { .. } => "pipedrive_forbidden",
            Self::NotFound { .. } => "pipedrive_not_found",
            Self::Rejected { .. } => "pipedrive_rejected",
            Self::Redis(_) => "redis_unavailable",
        }
    }
}
