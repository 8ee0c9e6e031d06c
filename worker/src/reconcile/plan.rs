//! When a worker compares by itself, and what. Pure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use shared::config;

use crate::store::LastTimes;

const DAY_SECONDS: i64 = 86_400;

/// A comparison that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The last hours.
    Window,
    /// The day, which includes them.
    Night,
}

/// The comparison that is due, if one is.
pub(super) fn due(settings: &config::Reconcile, last: LastTimes, now: Timestamp) -> Option<Due> {
    let next = last.window.checked_add(signed(settings.interval)).ok()?;
    if now < next {
        None
    } else if last.night < latest_night(settings, now) {
        Some(Due::Night)
    } else {
        Some(Due::Window)
    }
}

/// From when on conversations are compared at `now`. The day overlaps with the one before: what was on its way then is
/// seen again.
pub(super) fn from(due: Due, settings: &config::Reconcile, now: Timestamp) -> Timestamp {
    let window = signed(settings.window);
    let back = match due {
        Due::Window => window,
        Due::Night => window.saturating_add(SignedDuration::from_secs(DAY_SECONDS)),
    };
    now.checked_sub(back).unwrap_or(Timestamp::MIN)
}

/// The last time of day at which the day is compared.
fn latest_night(settings: &config::Reconcile, now: Timestamp) -> Timestamp {
    let at = i64::from(settings.nightly_at.seconds);
    let into = (now.as_second() - at).rem_euclid(DAY_SECONDS);
    Timestamp::from_second(now.as_second() - into).unwrap_or(Timestamp::MIN)
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> config::Reconcile {
        config::load_from(None, []).unwrap().reconcile
    }

    fn time(text: &str) -> Timestamp {
        format!("2026-03-10T{text}:00Z").parse().unwrap()
    }

    fn due_at(window: &str, night: &str, now: &str) -> Option<Due> {
        let last = LastTimes {
            window: time(window),
            night: time(night),
        };
        due(&settings(), last, time(now))
    }

    #[test]
    fn the_last_two_hours_are_compared_every_quarter_of_an_hour() {
        assert_eq!(due_at("12:00", "03:00", "12:14"), None);
        assert_eq!(due_at("12:00", "03:00", "12:15"), Some(Due::Window));
        let from = from(Due::Window, &settings(), time("12:15"));
        assert_eq!(from, time("10:15"));
    }

    #[test]
    fn the_day_is_compared_once_a_night() {
        assert_eq!(due_at("02:44", "00:00", "02:59"), Some(Due::Window));
        assert_eq!(due_at("02:55", "00:00", "03:05"), None);
        assert_eq!(due_at("02:45", "00:00", "03:00"), Some(Due::Night));
        assert_eq!(due_at("02:55", "03:00", "03:05"), None);
        let from = from(Due::Night, &settings(), time("03:00"));
        assert_eq!(from, time("01:00") - SignedDuration::from_hours(24));
    }

    #[test]
    fn a_worker_that_was_away_at_night_compares_the_day_as_soon_as_it_is_back() {
        let last = LastTimes {
            window: time("00:00"),
            night: time("03:00") - SignedDuration::from_hours(24),
        };

        assert_eq!(due(&settings(), last, time("09:00")), Some(Due::Night));
    }
}
