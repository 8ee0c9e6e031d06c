//! Metrics of the client. Names are spelled here only.

use metrics::Unit;

/// Requests, by endpoint and status.
pub const REQUESTS: &str = "bridge_pipedrive_requests_total";
/// Histogram of the time from sending a request to its answer.
pub const REQUEST_SECONDS: &str = "bridge_pipedrive_request_seconds";
/// Tokens that this process spent.
pub const TOKENS_SPENT: &str = "bridge_pipedrive_tokens_spent_total";
/// Refreshes of an app's tokens, by outcome.
pub const REFRESHES: &str = "bridge_pipedrive_token_refreshes_total";
/// When the access token ends.
pub const TOKEN_EXPIRY: &str = "bridge_pipedrive_access_token_expiry_timestamp_seconds";

const REFRESH_OUTCOMES: [&str; 5] = ["refreshed", "not_kept", "put_back", "denied", "failed"];

/// Describes all, and starts those whose labels are known at zero: a counter that appears with its first count hides that
/// count from `increase()`.
pub fn register() {
    metrics::describe_counter!(REQUESTS, "Requests to Pipedrive, by endpoint and status");
    metrics::describe_counter!(TOKENS_SPENT, "Pipedrive tokens that this process spent");
    metrics::describe_counter!(REFRESHES, "Refreshes of the OAuth tokens, by outcome");
    metrics::describe_histogram!(
        REQUEST_SECONDS,
        Unit::Seconds,
        "Duration of requests to Pipedrive"
    );
    metrics::describe_gauge!(
        TOKEN_EXPIRY,
        Unit::Seconds,
        "When the access token ends, in Unix time; 0 without one"
    );
    for outcome in REFRESH_OUTCOMES {
        metrics::counter!(REFRESHES, "outcome" => outcome).increment(0);
    }
    metrics::counter!(TOKENS_SPENT).increment(0);
    metrics::gauge!(TOKEN_EXPIRY).set(0);
}
