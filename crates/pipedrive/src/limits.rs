//! The limits that an answer states in its headers.

/// What an answer's headers say of the limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests in 2 seconds, and those left.
    pub requests: Option<(u32, u32)>,
    /// What is left of the daily tokens.
    pub daily_left: Option<u64>,
}
