//! What Pipedrive may count.

use std::collections::VecDeque;

/// Microseconds of simulated time.
pub(super) type Time = u64;

/// Pipedrive's window.
const WINDOW: Time = 2_000_000;

/// What a limit of so many requests in 2 seconds may mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// In any 2 seconds.
    AnyWindow,
    /// In each 2 seconds, which begin so many milliseconds after the even second.
    FixedWindows(u64),
    /// A bucket that is full at first and is filled evenly.
    Bucket,
}

/// Counts the requests of one limit by one reading.
#[derive(Debug)]
pub(super) struct Count {
    reading: Reading,
    limit: u32,
    times: VecDeque<Time>,
    /// Of a bucket: what is in it, and since when.
    bucket: (f64, Time),
}

impl Count {
    pub(super) fn new(reading: Reading, limit: u32) -> Self {
        Self {
            reading,
            limit,
            times: VecDeque::new(),
            bucket: (f64::from(limit), 0),
        }
    }

    pub(super) fn limit(&self) -> u32 {
        self.limit
    }

    pub(super) fn is_by(&self, reading: Reading) -> bool {
        self.reading == reading
    }

    /// Whether a request at `now` is let in.
    pub(super) fn fits(&mut self, now: Time) -> bool {
        self.left(now) >= 1
    }

    pub(super) fn add(&mut self, now: Time) {
        self.times.push_back(now);
        self.bucket.0 -= 1.0;
    }

    /// What the header says is left.
    pub(super) fn left(&mut self, now: Time) -> u32 {
        let from = match self.reading {
            Reading::AnyWindow => now.saturating_sub(WINDOW),
            Reading::FixedWindows(phase) => {
                let phase = phase * 1_000;
                ((now + WINDOW - phase) / WINDOW * WINDOW + phase).saturating_sub(WINDOW + 1)
            }
            Reading::Bucket => return self.filled(now),
        };
        while self.times.front().is_some_and(|time| *time <= from) {
            self.times.pop_front();
        }
        let used = u32::try_from(self.times.len()).unwrap_or(u32::MAX);
        self.limit.saturating_sub(used)
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "less than a limit"
    )]
    fn filled(&mut self, now: Time) -> u32 {
        let (level, since) = self.bucket;
        let more = (now - since) as f64 * f64::from(self.limit) / WINDOW as f64;
        self.bucket = ((level + more).min(f64::from(self.limit)), now);
        self.bucket.0.max(0.0) as u32
    }
}
