//! Times in the company's own zone, which is named: the reader need not know that Pipedrive's API speaks UTC.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

/// `Tue 10 Mar 2026, 15:05 (Europe/Berlin)`
const FORM: &str = "%a %-d %b %Y, %H:%M (%Q)";
/// The same, where another line names the zone.
const FORM_WITHOUT_ZONE: &str = "%a %-d %b %Y, %H:%M";
/// What older versions wrote.
const OLD_FORM: &str = "%Y-%m-%d %H:%M:%S UTC";

/// A time as a note says it.
#[must_use]
pub(crate) fn written(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned_datetime(zone.clone())
        .strftime(FORM)
        .to_string()
}

/// A time in the zone that another line names.
#[must_use]
pub(crate) fn written_without_zone(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned_datetime(zone.clone())
        .strftime(FORM_WITHOUT_ZONE)
        .to_string()
}

/// Reads a time of a note, of today's form or the older one.
#[must_use]
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let of_today = || {
        let parsed = strtime::parse(FORM, text).ok()?;
        parsed
            .to_zoned_datetime()
            .ok()
            .map(|zoned| zoned.timestamp())
    };
    let older = || {
        let time = DateTime::strptime(OLD_FORM, text).ok()?;
        let zoned = time.to_zoned_datetime(TimeZone::UTC).ok()?;
        Some(zoned.timestamp())
    };
    of_today().or_else(older)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_its_zone_and_read_again() {
        let at: Timestamp = "2026-03-10T14:05:00Z".parse().unwrap();
        let berlin = TimeZone::get("Europe/Berlin").unwrap();

        for (zone, text) in [
            (berlin, "Tue 10 Mar 2026, 15:05 (Europe/Berlin)"),
            (TimeZone::UTC, "Tue 10 Mar 2026, 14:05 (UTC)"),
        ] {
            assert_eq!(written(at, &zone), text);
            assert_eq!(parse(text), Some(at), "{text}");
        }
        assert_eq!(parse("2026-03-10 14:05:00 UTC"), Some(at));
        assert_eq!(parse("call back Tuesday"), None);
    }
}
