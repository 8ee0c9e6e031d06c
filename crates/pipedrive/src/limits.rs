//! The limits that an answer states in its headers.

use std::fmt;

/// What an answer's headers say of the limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests in 2 seconds, and those left; of searches in the answer to a search.
    pub requests: Option<(u32, u32)>,
    /// The company's tokens a day: `x-daily-ratelimit-token-limit`. Not documented, and at times absent.
    pub daily_limit: Option<u64>,
    /// What is left of them: `x-daily-ratelimit-token-remaining`.
    pub daily_left: Option<u64>,
    /// What is left of the user's writes today: `x-daily-requests-left`. Only in answers to writes with an API token.
    pub writes_left: Option<u64>,
}

/// What there is only so much of in a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// The company's tokens, of which all its integrations take.
    Tokens,
    /// The part of them that a setting leaves to this installation.
    Share,
    /// The writes of the credential's user: POST and PUT.
    Writes,
}

impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tokens => "the day's Pipedrive tokens",
            Self::Share => "this bridge's own Pipedrive tokens",
            Self::Writes => "the day's writes to Pipedrive",
        })
    }
}
