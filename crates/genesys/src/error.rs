//! What can come of a call, and what it means.

use std::error::Error;
use std::time::Duration;

/// A call did not give what was asked for.
///
/// No message contains a credential, an address with a signature, or a customer's data.
#[derive(Debug, thiserror::Error)]
pub enum GenesysError {
    /// Nothing was sent: no address, no connection, no TLS.
    #[error("Genesys cannot be reached to {operation}")]
    Unreachable {
        /// Operation that failed, named for the error's text.
        operation: &'static str,
        /// Cause of the failure.
        #[source]
        source: reqwest::Error,
    },
    /// The request was sent, and no complete answer came in time.
    #[error("no complete answer from Genesys to {operation}")]
    NoAnswer {
        /// Operation that failed, named for the error's text.
        operation: &'static str,
        /// Cause of the failure.
        #[source]
        source: reqwest::Error,
    },
    /// Genesys reports success, and the answer cannot be used.
    #[error("Genesys' answer {status} to {operation} cannot be read: {reason}")]
    Unreadable {
        /// Operation that failed, named for the error's text.
        operation: &'static str,
        /// HTTP status of the answer.
        status: u16,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Genesys answered with another record than the one asked for.
    #[error("Genesys answered with another record to {operation}")]
    Mismatched {
        /// Operation that failed, named for the error's text.
        operation: &'static str,
    },
    /// The token endpoint refuses the client id or secret. An operator has to correct them.
    #[error(
        "Genesys refuses the OAuth client with {status} ({code}): check the client id and secret"
    )]
    Denied {
        /// HTTP status of the refusal, 4xx.
        status: u16,
        /// Genesys' code, such as `invalid_client`.
        code: String,
    },
    /// A new access token was refused too (401): the OAuth client was disabled, or belongs to another region.
    #[error(
        "Genesys refuses a new access token to {operation}: check the OAuth client and its region"
    )]
    Unauthorized {
        /// Operation that failed, named for the error's text.
        operation: &'static str,
    },
    /// The role of the OAuth client lacks a permission, or the organisation lacks the feature.
    #[error(
        "Genesys forbids to {operation} ({code}): it needs {}",
        needs(permissions)
    )]
    Forbidden {
        /// Operation that failed, named for the error's text.
        operation: &'static str,
        /// Genesys' code, such as `missing.any.permissions`, or `forbidden` where it gave none.
        code: String,
        /// Names of permissions: those that the answer names, else those that the documentation does.
        permissions: Vec<String>,
        /// Whether the answer named them. If not, the feature may be missing rather than the permission.
        is_named: bool,
    },
    /// Genesys has no such record, or not yet: analytics lags by minutes.
    #[error("Genesys does not have what is needed to {operation}")]
    NotFound {
        /// Operation that failed, named for the error's text.
        operation: &'static str,
    },
    /// The rate limit is reached; the request was not carried out.
    #[error("Genesys' rate limit leaves no room to {operation} for {}s", wait.as_secs())]
    RateLimited {
        /// Operation that failed, named for the error's text.
        operation: &'static str,
        /// How long to wait.
        wait: Duration,
    },
    /// Genesys failed, or a gateway before it did.
    #[error("Genesys failed to {operation} with {status}")]
    Server {
        /// Operation that failed, named for the error's text.
        operation: &'static str,
        /// HTTP status: 408, 425 or 5xx.
        status: u16,
    },
    /// Genesys refuses the request as it is.
    #[error("Genesys refuses to {operation} with {status}: {message}")]
    Rejected {
        /// Operation that failed, named for the error's text.
        operation: &'static str,
        /// HTTP status of the answer.
        status: u16,
        /// Genesys' reason, without customers' data.
        message: String,
    },
    /// What was to be asked for cannot be an id of Genesys. Nothing was sent.
    #[error("what was given to {operation} is not an id of Genesys")]
    NotAnId {
        /// Operation that failed, named for the error's text.
        operation: &'static str,
    },
    /// The caller's budget of requests failed. Nothing was sent.
    #[error("the budget of requests is not available to {operation}")]
    Budget {
        /// Operation that failed, named for the error's text.
        operation: &'static str,
        /// Cause of the failure.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

fn needs(permissions: &[String]) -> String {
    if permissions.is_empty() {
        return "a permission that Genesys does not name".to_owned();
    }
    permissions.join(", ")
}

impl GenesysError {
    /// Whether the same call may succeed later without anyone's help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::NoAnswer { .. }
            | Self::Unreadable { .. }
            | Self::RateLimited { .. }
            | Self::Server { .. }
            | Self::Budget { .. } => true,
            Self::Mismatched { .. }
            | Self::Denied { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::Rejected { .. }
            | Self::NotAnId { .. } => false,
        }
    }

    /// Whether the organisation does not have, or does not show, what was asked for: 403 and 404.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        match self {
            Self::Forbidden { .. } | Self::NotFound { .. } => true,
            Self::Unreachable { .. }
            | Self::NoAnswer { .. }
            | Self::Unreadable { .. }
            | Self::Mismatched { .. }
            | Self::Denied { .. }
            | Self::Unauthorized { .. }
            | Self::RateLimited { .. }
            | Self::Server { .. }
            | Self::Rejected { .. }
            | Self::NotAnId { .. }
            | Self::Budget { .. } => false,
        }
    }

    /// How long Genesys, or the budget, wants nothing to be sent.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { wait, .. } => Some(*wait),
            Self::Unreachable { .. }
            | Self::NoAnswer { .. }
            | Self::Unreadable { .. }
            | Self::Mismatched { .. }
            | Self::Denied { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::Server { .. }
            | Self::Rejected { .. }
            | Self::NotAnId { .. }
            | Self::Budget { .. } => None,
        }
    }

    /// A stable code for headers and metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "genesys_unreachable",
            Self::NoAnswer { .. } => "genesys_no_answer",
            Self::Unreadable { .. } => "genesys_unreadable",
            Self::Mismatched { .. } => "genesys_mismatched",
            Self::Denied { .. } => "genesys_denied",
            Self::Unauthorized { .. } => "genesys_unauthorized",
            Self::Forbidden { .. } => "genesys_forbidden",
            Self::NotFound { .. } => "genesys_not_found",
            Self::RateLimited { .. } => "genesys_rate_limited",
            Self::Server { .. } => "genesys_server_error",
            Self::Rejected { .. } => "genesys_rejected",
            Self::NotAnId { .. } => "genesys_not_an_id",
            Self::Budget { .. } => "genesys_budget",
        }
    }
}
