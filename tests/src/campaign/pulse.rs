//! When interactions are recorded: the measure of recovery.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::storm::Struck;
use crate::sandbox::pipedrive::{Answer, Change, Control, Effect, Item, RequestRecord};

/// Between two looks; as exact are the times.
const POLL: Duration = Duration::from_millis(100);

/// The moments at which something was recorded. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Pulse {
    beats: Arc<Mutex<Beats>>,
}

#[derive(Default)]
struct Beats {
    recorded: usize,
    at: Vec<Instant>,
}

impl Pulse {
    /// How many activities were created.
    pub(super) fn recorded(&self) -> usize {
        self.with(|beats| beats.recorded)
    }

    /// Watches until it is dropped.
    pub(super) async fn watch(&self, pipedrive: &Control) {
        let mut log = Log::default();
        loop {
            let created = log.created(pipedrive);
            if created > 0 {
                self.with(|beats| {
                    beats.recorded += created;
                    beats.at.push(Instant::now());
                });
            }
            sleep(POLL).await;
        }
    }

    /// For each strike, how long after it was healed something was recorded again.
    pub(super) fn recoveries(&self, strikes: &[Struck]) -> Vec<Duration> {
        self.with(|beats| {
            let after = |struck: &Struck| {
                let next = beats.at.partition_point(|beat| *beat < struck.healed);
                Some(*beats.at.get(next)? - struck.healed)
            };
            strikes.iter().filter_map(after).collect()
        })
    }

    /// The longest time without any record, and the time from the first to the last.
    pub(super) fn spans(&self) -> (Duration, Duration) {
        self.with(|beats| {
            let gaps = beats.at.windows(2).map(|pair| pair[1] - pair[0]);
            let whole = beats.at.first().zip(beats.at.last());
            let whole = whole.map_or(Duration::ZERO, |(first, last)| *last - *first);
            (gaps.max().unwrap_or_default(), whole)
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Beats) -> T) -> T {
        work(&mut self.beats.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Reads the truth log in steps.
#[derive(Default)]
struct Log {
    /// Everything before was read and will not change any more.
    next: u64,
    /// Beyond that, what was counted.
    counted: HashSet<u64>,
}

impl Log {
    /// How many activities were created since the last look.
    fn created(&mut self, pipedrive: &Control) -> usize {
        let mut created = 0;
        let mut is_settled_so_far = true;
        for record in pipedrive.requests_since(self.next) {
            if record.effects.iter().any(is_new_activity) && self.counted.insert(record.number) {
                created += 1;
            }
            is_settled_so_far &= is_settled(&record);
            if is_settled_so_far {
                self.next = record.number + 1;
            }
        }
        let next = self.next;
        self.counted.retain(|number| *number >= next);
        created
    }
}

fn is_new_activity(effect: &Effect) -> bool {
    effect.item == Item::Activity && effect.change == Change::Created
}

fn is_settled(record: &RequestRecord) -> bool {
    !record.effect_is_pending && record.answer != Answer::Pending
}
