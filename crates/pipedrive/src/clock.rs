//! The system's clock.

use jiff::Timestamp;

/// The present time.
#[expect(
    clippy::disallowed_methods,
    reason = "the crate's one place that reads it"
)]
pub fn now() -> Timestamp {
    Timestamp::now()
}
