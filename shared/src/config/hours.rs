//! Hours of the week, such as those in which a company is called.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::ClockTime;

/// In the order of a week.
const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// Hours of the same length on some days of the week: `Mon-Fri 09:00-17:00`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    days: Vec<Weekday>,
    from: ClockTime,
    to: ClockTime,
}

impl Hours {
    /// Reads `Mon-Fri 09:00-17:00`.
    ///
    /// # Errors
    ///
    /// When it has another form, or ends before it begins.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` are no hours: write Mon-Fri 09:00-17:00");
        let (days, hours) = text.trim().split_once(' ').ok_or_else(wrong)?;
        let (from, to) = hours.trim().split_once('-').ok_or_else(wrong)?;
        let (from, to) = (ClockTime::parse(from)?, ClockTime::parse(to)?);
        if from.seconds >= to.seconds {
            return Err(wrong());
        }
        let days = parse_days(days).ok_or_else(wrong)?;
        Ok(Self { days, from, to })
    }

    /// How long they have lasted now, in a zone: nothing outside of them.
    #[must_use]
    pub fn lasted(&self, now: Timestamp, zone: &TimeZone) -> Option<SignedDuration> {
        let local = now.to_zoned_datetime(zone.clone());
        if !self.days.contains(&local.weekday()) {
            return None;
        }
        let midnight = local.start_of_day().ok()?.timestamp();
        let into_day = now.duration_since(midnight);
        let at = |time: ClockTime| SignedDuration::from_secs(time.seconds.into());
        let is_within = at(self.from) <= into_day && into_day < at(self.to);
        is_within.then(|| into_day - at(self.from))
    }
}

/// Reads days of the week: `Mon-Fri`, `Mon`, `Mon,Wed`.
fn parse_days(text: &str) -> Option<Vec<Weekday>> {
    let position = |name: &str| {
        let name = name.trim().to_lowercase();
        DAYS.iter().position(|(day, _)| *day == name)
    };
    let mut days = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (position(first)?, position(last)?);
        days.extend(DAYS.get(first..=last)?.iter().map(|(_, day)| *day));
    }
    Some(days)
}

/// Hours, or none where the text is empty.
pub(super) fn maybe_hours<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Hours>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    Hours::parse(&text).map(Some).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lasted(hours: &str, now: &str, zone: &str) -> Option<i64> {
        let zone = TimeZone::get(zone).unwrap();
        let lasted = Hours::parse(hours)
            .unwrap()
            .lasted(now.parse().unwrap(), &zone);
        lasted.map(|lasted| lasted.as_mins())
    }

    #[test]
    fn they_begin_and_end_by_the_clock_of_their_zone() {
        // 2026-03-10 is a Tuesday.
        let hours = "Mon-Fri 09:00-17:00";

        assert_eq!(lasted(hours, "2026-03-10T09:30:00Z", "UTC"), Some(30));
        assert_eq!(
            lasted(hours, "2026-03-10T09:30:00Z", "Europe/Berlin"),
            Some(90)
        );
        assert_eq!(lasted(hours, "2026-03-10T08:59:59Z", "UTC"), None);
        assert_eq!(lasted(hours, "2026-03-10T17:00:00Z", "UTC"), None);
        assert_eq!(
            lasted(hours, "2026-03-14T12:00:00Z", "UTC"),
            None,
            "a Saturday"
        );
        assert_eq!(
            lasted("Sat,Sun 10:00-12:00", "2026-03-14T11:00:00Z", "UTC"),
            Some(60)
        );
    }

    #[test]
    fn what_are_no_hours_is_refused_with_the_form() {
        for text in [
            "always",
            "Mon-Fri",
            "Fri-Mon 09:00-17:00",
            "Mon 17:00-09:00",
            "Mon 9-17",
            "Xyz 09:00-17:00",
        ] {
            let error = Hours::parse(text).unwrap_err();
            assert!(
                error.contains("09:00-17:00") || error.contains("HH:MM"),
                "{text}: {error}"
            );
        }
    }
}
