//! Times and durations as Genesys and the guide write them.

use jiff::{SignedDuration, Timestamp};

/// How far the clocks of the systems involved may be apart.
pub const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(120);

/// Longest duration that is believed, in milliseconds: a year.
const LONGEST_MS: f64 = 366.0 * 86_400_000.0;

/// Reads an ISO 8601 time with its offset; anything else is absent.
pub(super) fn timestamp(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok()
}

/// Reads milliseconds since 1970; a value that is no time is absent.
#[expect(
    clippy::cast_possible_truncation,
    reason = "an f64 out of range saturates, and jiff refuses the result"
)]
pub(super) fn from_epoch_ms(ms: f64) -> Option<Timestamp> {
    if ms.is_finite() {
        Timestamp::from_millisecond(ms as i64).ok()
    } else {
        None
    }
}

/// Rounds a duration to whole milliseconds; negative ones and those above a year are absent.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked"
)]
pub(super) fn milliseconds(ms: f64) -> Option<u64> {
    (0.0..=LONGEST_MS)
        .contains(&ms)
        .then_some(ms.round() as u64)
}
