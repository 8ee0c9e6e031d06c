//! The system's clock.

use jiff::Timestamp;

/// The only reading of the machine's clock in this crate.
#[expect(
    clippy::disallowed_methods,
    reason = "the crate's one place that reads it"
)]
pub fn now() -> Timestamp {
    Timestamp::now()
}
