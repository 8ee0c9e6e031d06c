//! Whether a queue only grows: more comes in than goes out, though it moves. Pure.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

/// How long it has to grow.
const SPAN: SignedDuration = SignedDuration::from_mins(15);
/// Part of the span at its beginning and its end that are compared: a wave is shorter.
const PART: SignedDuration = SignedDuration::from_mins(5);
/// Time between two samples that are kept.
const SPACING: SignedDuration = SignedDuration::from_secs(10);
/// Growth below which there is nothing to report.
const LEAST: u32 = 50;

/// Lengths of a queue within the span.
#[derive(Debug, Default)]
pub(super) struct Growth {
    samples: VecDeque<(Timestamp, u32)>,
}

impl Growth {
    /// Adds a length, and returns by how much the queue grew if it only grew: its shortest length of the last minutes is
    /// above its longest of the first ones, and it was never empty.
    pub fn observe(&mut self, length: u32, now: Timestamp) -> Option<u32> {
        let is_due = |(at, _): &(Timestamp, u32)| now.duration_since(*at) >= SPACING;
        if self.samples.back().is_none_or(is_due) {
            self.samples.push_back((now, length));
        }
        while self
            .samples
            .front()
            .is_some_and(|(at, _)| now.duration_since(*at) > SPAN)
        {
            self.samples.pop_front();
        }
        self.grown(now)
    }

    /// Forgets what was seen: consumption was paused.
    pub fn reset(&mut self) {
        self.samples.clear();
    }

    fn grown(&self, now: Timestamp) -> Option<u32> {
        let (first, _) = self.samples.front()?;
        if now.duration_since(*first) < SPAN - SPACING - SPACING {
            return None;
        }
        if self.samples.iter().any(|(_, length)| *length == 0) {
            return None;
        }
        let early = |(at, _): &&(Timestamp, u32)| at.duration_since(*first) <= PART;
        let late = |(at, _): &&(Timestamp, u32)| now.duration_since(*at) <= PART;
        let longest_early = self
            .samples
            .iter()
            .filter(early)
            .map(|(_, length)| *length)
            .max()?;
        let shortest_late = self
            .samples
            .iter()
            .filter(late)
            .map(|(_, length)| *length)
            .min()?;
        let grown = shortest_late.checked_sub(longest_early)?;
        (grown >= LEAST).then_some(grown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the last sample of `minutes` gives, of a length that depends on the second.
    fn after(minutes: i64, length: impl Fn(i64) -> u32) -> Option<u32> {
        let begin = Timestamp::from_second(1_000_000).unwrap();
        let mut growth = Growth::default();
        let mut grown = None;
        for second in (0..=minutes * 60).step_by(10) {
            grown = growth.observe(length(second), begin + SignedDuration::from_secs(second));
        }
        grown
    }

    fn count(seconds: i64) -> u32 {
        u32::try_from(seconds).unwrap()
    }

    #[test]
    fn a_queue_that_grows_for_a_quarter_of_an_hour_is_reported() {
        assert_eq!(after(10, |second| 10 + count(second)), None);
        assert_eq!(after(30, |second| 10 + count(second)), Some(300));
    }

    #[test]
    fn a_backlog_that_shrinks_a_wave_and_a_long_queue_that_stands_are_none() {
        assert_eq!(after(30, |second| 5_000 - count(second)), None);
        assert_eq!(
            after(30, |second| if second % 600 < 300 { 500 } else { 10 }),
            None
        );
        assert_eq!(after(30, |_| 5_000), None);
    }

    #[test]
    fn a_queue_that_was_empty_in_between_keeps_up() {
        let length = |second: i64| if second == 900 { 0 } else { 10 + count(second) };

        assert_eq!(after(25, length), None);
    }
}
