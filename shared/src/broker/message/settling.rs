//! How long a message has waited for the other events of its interaction, as its headers carry it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use lapin::types::{AMQPValue, FieldTable};

use super::headers::{put, retried};

/// How long a message has waited for the other events of its interaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settling {
    /// Sum of the delays of these waits. Not the time by the clock: a message may also have waited in a backlog.
    pub waited: Duration,
    /// Whether the end of the customer's session was known when the last of these waits began.
    pub is_end_known: bool,
}

impl Settling {
    /// Has waited for as long as anything could ask for.
    pub const OVER: Self = Self {
        waited: Duration::MAX,
        is_end_known: true,
    };
    const END_KNOWN: &str = "ended";
    const LEGS: &str = "legs";

    /// With one more wait, for `delay`.
    #[must_use]
    pub fn and(self, delay: Duration, is_end_known: bool) -> Self {
        Self {
            waited: self.waited.saturating_add(delay),
            is_end_known,
        }
    }

    /// The moment from which a message that was received then is late: these waits are none of its delay.
    #[must_use]
    pub fn after(self, received: Timestamp) -> Timestamp {
        let waited = SignedDuration::try_from(self.waited);
        let due = waited
            .ok()
            .and_then(|waited| received.checked_add(waited).ok());
        due.unwrap_or(received)
    }

    pub(super) fn read(what: Option<String>, waited_ms: Option<i64>) -> Self {
        let waited_ms = waited_ms.and_then(|ms| u64::try_from(ms).ok());
        Self {
            waited: Duration::from_millis(waited_ms.unwrap_or(0)),
            is_end_known: what.is_some_and(|what| what == Self::END_KNOWN),
        }
    }

    pub(super) fn write(self, headers: &mut FieldTable) {
        if self == Self::default() {
            return;
        }
        let what = if self.is_end_known {
            Self::END_KNOWN
        } else {
            Self::LEGS
        };
        put(headers, retried::SETTLING, what);
        let waited_ms = i64::try_from(self.waited.as_millis()).unwrap_or(i64::MAX);
        headers.insert(
            retried::SETTLED_MS.into(),
            AMQPValue::LongLongInt(waited_ms),
        );
    }
}
