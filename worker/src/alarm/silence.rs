//! Whether webhooks have stopped coming. Pure.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use shared::config::Hours;

/// When webhooks are expected.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// How long none may come; zero: any time.
    pub allowed: Duration,
    /// The hours in which that counts; none: always.
    pub hours: Option<Hours>,
    /// Time zone of the hours.
    pub zone: TimeZone,
}

impl Expectation {
    /// How long there was silence, if that is longer than allowed. It counts from the last webhook, from the beginning of
    /// the hours, or, where no webhook is known, from `since`.
    pub(super) fn silence(
        &self,
        last: Option<Timestamp>,
        since: Timestamp,
        now: Timestamp,
    ) -> Option<SignedDuration> {
        if self.allowed.is_zero() {
            return None;
        }
        let mut silence = now.duration_since(last.unwrap_or(since));
        if let Some(hours) = &self.hours {
            silence = silence.min(hours.lasted(now, &self.zone)?);
        }
        let allowed = SignedDuration::try_from(self.allowed).unwrap_or(SignedDuration::MAX);
        (silence > allowed).then_some(silence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn silence(hours: Option<&str>, last: Option<&str>, now: &str) -> Option<i64> {
        let expectation = Expectation {
            allowed: Duration::from_secs(3_600),
            hours: hours.map(|hours| Hours::parse(hours).unwrap()),
            zone: TimeZone::UTC,
        };
        let since = time("2026-03-10T06:00:00Z");
        let silence = expectation.silence(last.map(time), since, time(now));
        silence.map(|silence| silence.as_mins())
    }

    #[test]
    fn an_hour_without_a_webhook_is_allowed_and_more_is_not() {
        let last = Some("2026-03-10T12:00:00Z");

        assert_eq!(silence(None, last, "2026-03-10T13:00:00Z"), None);
        assert_eq!(silence(None, last, "2026-03-10T13:01:00Z"), Some(61));
    }

    #[test]
    fn a_night_does_not_count() {
        let hours = Some("Mon-Fri 09:00-17:00");
        let yesterday = Some("2026-03-09T16:50:00Z");

        assert_eq!(silence(hours, yesterday, "2026-03-10T03:00:00Z"), None);
        assert_eq!(silence(hours, yesterday, "2026-03-10T09:59:00Z"), None);
        assert_eq!(silence(hours, yesterday, "2026-03-10T10:01:00Z"), Some(61));
    }

    #[test]
    fn where_no_webhook_ever_came_the_worker_s_start_counts() {
        assert_eq!(silence(None, None, "2026-03-10T07:00:00Z"), None);
        assert_eq!(silence(None, None, "2026-03-10T07:30:00Z"), Some(90));
    }

    #[test]
    fn zero_switches_it_off() {
        let expectation = Expectation {
            allowed: Duration::ZERO,
            hours: None,
            zone: TimeZone::UTC,
        };

        let (since, now) = (time("2026-03-10T06:00:00Z"), time("2026-03-12T06:00:00Z"));
        assert_eq!(expectation.silence(None, since, now), None);
    }
}
