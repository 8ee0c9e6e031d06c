//! When a record is completed for which something was missing. Pure functions.

use std::time::Duration;

/// Waits before the next checks; the last one repeats.
const WAITS: [Duration; 5] = [
    Duration::from_secs(30),
    Duration::from_secs(120),
    Duration::from_secs(600),
    Duration::from_secs(600),
    Duration::from_secs(3_600),
];
/// Most checks of one conversation: about a day. By then an outage is over, or what is missing will not come.
const CHECKS_MAX: u32 = 28;

/// How long to wait after this many checks that left something open; nothing when it is given up.
pub(crate) fn next(checks: u32) -> Option<Duration> {
    if checks >= CHECKS_MAX {
        return None;
    }
    let position = usize::try_from(checks).unwrap_or(usize::MAX);
    Some(WAITS[position.min(WAITS.len() - 1)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_last_about_a_day() {
        let waits: Vec<Duration> = (0..).map_while(next).collect();
        let all: Duration = waits.iter().sum();

        assert!((23..26).contains(&(all.as_secs() / 3_600)), "{all:?}");
    }
}
