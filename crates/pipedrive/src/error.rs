//! What can come of a call, and what it means.

use std::time::Duration;

use crate::limits::Allowance;
use crate::oauth::{Denial, NoToken};
use crate::ports::{SpendError, StoreError};

/// A call did not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub enum PipedriveError {
    /// Nothing was sent: no address, no connection, no TLS.
    #[error("Pipedrive cannot be reached to {operation}")]
    Unreachable {
        /// What the call was to do.
        operation: &'static str,
        /// What the HTTP client reports of the connection or the read that failed.
        #[source]
        source: reqwest::Error,
    },
    /// The request was sent, no whole answer came.
    #[error("no complete answer from Pipedrive to {operation}")]
    NoAnswer {
        /// What the call was to do.
        operation: &'static str,
        /// What the HTTP client reports of the connection or the read that failed.
        #[source]
        source: reqwest::Error,
    },
    /// Pipedrive reports success, but the answer is not of the documented shape.
    #[error("Pipedrive's answer {status} to {operation} cannot be read: {problem}")]
    Unreadable {
        /// What the call was to do.
        operation: &'static str,
        /// HTTP status of the answer.
        status: u16,
        /// What is wrong with the answer.
        problem: &'static str,
    },
    /// Pipedrive answered with a status of 500 or above.
    #[error("Pipedrive failed to {operation} with {status}")]
    Server {
        /// What the call was to do.
        operation: &'static str,
        /// HTTP status: 5xx, 408 or 425.
        status: u16,
    },
    /// Too many requests in a short time; this one was not carried out.
    #[error("Pipedrive's rate limit leaves no room to {operation} for {}s", wait.as_secs())]
    RateLimited {
        /// What the call was to do.
        operation: &'static str,
        /// How long to wait.
        wait: Duration,
    },
    /// The day's tokens, or its writes, are spent.
    #[error("{of} do not suffice to {operation}; they are renewed in {}s at the latest", wait.as_secs())]
    BudgetSpent {
        /// What the call was to do.
        operation: &'static str,
        /// Of what nothing is left.
        of: Allowance,
        /// How long until the reset.
        wait: Duration,
    },
    /// The token is not valid (401), or the company's account is closed (402).
    #[error(
        "Pipedrive refuses our credential ({status}): {}",
        if *status == 402 { "the company's account is not open" } else { "the token is not valid" }
    )]
    Unauthorized {
        /// HTTP status of the answer.
        status: u16,
    },
    /// Cloudflare, in front of Pipedrive, blocks us for a time: requests went on despite rate limits.
    #[error("Cloudflare blocks this address (403 with a web page)")]
    Blocked,
    /// The token's user may not do this.
    #[error("Pipedrive forbids to {operation}: {message}")]
    Forbidden {
        /// What the call was to do.
        operation: &'static str,
        /// Text that Pipedrive gave with its answer.
        message: String,
    },
    /// The token lacks a scope.
    #[error("Pipedrive forbids to {operation}: the app lacks a scope (Scope and URL mismatch)")]
    ScopeMissing {
        /// What the call was to do.
        operation: &'static str,
    },
    /// No such record, or no longer.
    #[error("Pipedrive does not have what is needed to {operation}")]
    NotFound {
        /// What the call was to do.
        operation: &'static str,
        /// HTTP status: 404 or 410.
        status: u16,
    },
    /// Pipedrive refuses the request as it is.
    #[error("Pipedrive refuses to {operation} with {status}: {message}")]
    Rejected {
        /// What the call was to do.
        operation: &'static str,
        /// HTTP status of the answer.
        status: u16,
        /// Text that Pipedrive gave with its answer.
        message: String,
    },
    /// The app has no access, which only an operator can change.
    #[error("{0}")]
    Denied(Denial),
    /// There is no access token at present.
    #[error("there is no access token")]
    NoToken(#[source] NoToken),
    /// The store of the budget or of the tokens did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SpendError {
    pub(crate) fn during(self, operation: &'static str) -> PipedriveError {
        match self {
            Self::Busy(wait) => PipedriveError::RateLimited { operation, wait },
            Self::Spent { of, wait } => PipedriveError::BudgetSpent {
                operation,
                of,
                wait,
            },
            Self::Store(error) => PipedriveError::Store(error),
        }
    }
}

impl From<NoToken> for PipedriveError {
    fn from(error: NoToken) -> Self {
        match error {
            NoToken::Denied(denial) => Self::Denied(denial),
            NoToken::Store(error) => Self::Store(error),
            NoToken::NoAnswer { .. }
            | NoToken::Failed { .. }
            | NoToken::Unreadable
            | NoToken::Late => Self::NoToken(error),
        }
    }
}

/// What an error means, whoever made the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// A stable code for headers and metrics.
    pub reason: &'static str,
    /// Pipedrive's status, where it answered.
    pub status: Option<u16>,
    /// Whether a write may have been carried out all the same. Then it is looked for before it is sent again.
    ///
    /// A 429 is never carried out: every client reads it so, though Pipedrive does not say it.
    pub outcome_is_unknown: bool,
    /// Whether Pipedrive accepted the credential, though it did not do what was asked.
    pub credential_is_accepted: bool,
    /// Whether the same read may succeed a moment later.
    pub may_heal_at_once: bool,
}

impl PipedriveError {
    /// What the error means.
    #[must_use]
    pub fn class(&self) -> Class {
        let class = |reason, status| Class {
            reason,
            status,
            outcome_is_unknown: false,
            credential_is_accepted: false,
            may_heal_at_once: false,
        };
        let unknown = |class| Class {
            outcome_is_unknown: true,
            may_heal_at_once: true,
            ..class
        };
        let accepted = |class| Class {
            credential_is_accepted: true,
            ..class
        };
        match self {
            Self::Unreachable { .. } => Class {
                may_heal_at_once: true,
                ..class("pipedrive_unreachable", None)
            },
            Self::NoAnswer { .. } => unknown(class("pipedrive_no_answer", None)),
            Self::Unreadable { status, .. } => {
                accepted(unknown(class("pipedrive_unreadable", Some(*status))))
            }
            Self::Server { status, .. } => unknown(class("pipedrive_server_error", Some(*status))),
            Self::RateLimited { .. } => accepted(class("pipedrive_rate_limited", Some(429))),
            Self::BudgetSpent { .. } => class("pipedrive_budget_spent", Some(429)),
            Self::Unauthorized { status } => class("pipedrive_unauthorized", Some(*status)),
            Self::Blocked => class("pipedrive_blocked", Some(403)),
            Self::Forbidden { .. } => accepted(class("pipedrive_forbidden", Some(403))),
            Self::ScopeMissing { .. } => class("pipedrive_forbidden", Some(403)),
            Self::NotFound { status, .. } => accepted(class("pipedrive_not_found", Some(*status))),
            Self::Rejected { status, .. } => accepted(class("pipedrive_rejected", Some(*status))),
            Self::Denied(denial) => class("pipedrive_unauthorized", denial.status()),
            Self::NoToken(_) => class("pipedrive_no_access_token", None),
            Self::Store(_) => class("redis_unavailable", None),
        }
    }
}
