//! The time. No other module asks the system for it: decisions take `now` as an argument.

use jiff::Timestamp;

/// The present moment, UTC.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that may ask")]
pub fn now() -> Timestamp {
    Timestamp::now()
}
