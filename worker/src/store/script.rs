//! What calls of Lua scripts have in common.

use std::time::Duration;

use redis::{ErrorKind, RedisError};

/// Milliseconds, as scripts take them.
pub(super) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A script answered a word that this version does not know: an error rather than a guess.
pub(super) fn unknown_verdict(script: &'static str, verdict: &str) -> RedisError {
    let detail = format!("{script} answered {verdict:?}");
    RedisError::from((
        ErrorKind::UnexpectedReturnType,
        "unknown verdict of a script",
        detail,
    ))
}
