//! Durations as people read them, and as Pipedrive takes them.

/// `7 min 22 s`, rounded to seconds.
#[must_use]
pub(crate) fn minutes_and_seconds(ms: u64) -> String {
    let seconds = ms.saturating_add(500) / 1000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, seconds) => format!("{hours} h {minutes} min {seconds} s"),
    }
}

/// Reads what [`minutes_and_seconds`] writes.
#[must_use]
pub(crate) fn parse(text: &str) -> Option<u64> {
    let words: Vec<&str> = text.split(' ').collect();
    let seconds = words.chunks(2).map(|pair| match pair {
        [number, "h"] => number.parse::<u64>().ok()?.checked_mul(3600),
        [number, "min"] => number.parse::<u64>().ok()?.checked_mul(60),
        [number, "s"] => number.parse().ok(),
        _ => None,
    });
    let seconds: Option<Vec<u64>> = seconds.collect();
    seconds?
        .into_iter()
        .try_fold(0_u64, u64::checked_add)?
        .checked_mul(1000)
}

/// `HH:MM`, rounded up: a call of 20 seconds is shown as one minute, not as none. At most a day less a minute.
#[must_use]
pub(crate) fn hours_and_minutes(ms: u64) -> String {
    let minutes = ms.div_ceil(60_000).min(24 * 60 - 1);
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_for_people() {
        assert_eq!(hours_and_minutes(0), "00:00");
        assert_eq!(hours_and_minutes(20_000), "00:01");
        assert_eq!(hours_and_minutes(3_599_000), "01:00");
        assert_eq!(hours_and_minutes(u64::MAX / 2), "23:59");
        assert_eq!(minutes_and_seconds(3_725_400), "1 h 2 min 5 s");
    }

    #[test]
    fn what_was_written_is_read_again_and_nothing_else_is() {
        for ms in [0, 20_000, 61_000, 3_725_000] {
            assert_eq!(parse(&minutes_and_seconds(ms)), Some(ms));
        }
        for text in ["", "5", "soon", "5 s later", "x s"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
