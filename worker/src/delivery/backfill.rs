//! When a message may be taken from the backfill queue: what was made from Genesys' record waits for live events.

use std::time::Duration;

use lapin::Channel;
use lapin::options::{BasicGetOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use pipedrive::Allowance;
use shared::broker::topology;
use shared::error::chain;

use crate::delivery::message::{Delivery, Received};
use crate::store::{Day, TokenBucket};

/// Between two looks into the queue that found nothing to take.
const IDLE: Duration = Duration::from_secs(2);
/// Between two messages, so that live events are seen in between.
const BUSY: Duration = Duration::from_millis(50);
const DAY: Duration = Duration::from_secs(86_400);
/// Part of a day's allowance that live events keep, whatever the hour.
const KEPT_ALWAYS: u64 = 10;
/// Further part that they keep at the beginning of a day; it shrinks evenly until the reset.
const KEPT_FOR_A_DAY: u64 = 4;

/// Takes messages from the backfill queue.
#[derive(Debug)]
pub(crate) struct Backfill {
    /// The budget that live events go before in.
    pub bucket: TokenBucket,
}

/// What a look into the backfill queue came to.
#[derive(Debug)]
pub(crate) enum Look {
    /// A message to process.
    Message(Delivery<Received>),
    /// Nothing may be taken, or nothing is there.
    Nothing,
}

/// Whether an allowance of `limit` a day, of which `spent` is spent, leaves room beside live events `until_reset`. A
/// tenth is theirs at any hour, and up to a quarter more for the rest of the day.
#[must_use]
pub(crate) fn leaves_room(limit: u64, spent: u64, until_reset: Duration) -> bool {
    let rest = until_reset.min(DAY).as_secs();
    let for_rest =
        u128::from(limit / KEPT_FOR_A_DAY) * u128::from(rest) / u128::from(DAY.as_secs());
    let for_rest = u64::try_from(for_rest).unwrap_or(u64::MAX);
    let kept = (limit / KEPT_ALWAYS).saturating_add(for_rest);
    spent.saturating_add(kept) < limit
}

impl Backfill {
    /// How long to wait before the next look.
    pub(crate) fn pause(was_taken: bool) -> Duration {
        if was_taken { BUSY } else { IDLE }
    }

    /// Takes a message, if the work queue is empty and the day's allowances leave room. Not to be cancelled: a message
    /// that was taken would wait until the channel closes.
    ///
    /// # Errors
    ///
    /// When the channel fails.
    pub(crate) async fn take(&self, channel: &Channel) -> lapin::Result<Look> {
        if length(channel, topology::BACKFILL_QUEUE).await? == 0
            || length(channel, topology::WORK_QUEUE).await? > 0
            || !self.is_affordable().await
        {
            return Ok(Look::Nothing);
        }
        let options = BasicGetOptions::default();
        let got = channel
            .basic_get(topology::BACKFILL_QUEUE.into(), options)
            .await?;
        Ok(got.map_or(Look::Nothing, |got| {
            Look::Message(Delivery::new(got.delivery))
        }))
    }

    async fn is_affordable(&self) -> bool {
        match self.bucket.today().await {
            Ok(day) => self.has_room(day),
            Err(error) => {
                tracing::debug!(
                    error = chain(&error),
                    "Cannot read what is spent of the day: nothing is taken from {}",
                    topology::BACKFILL_QUEUE
                );
                false
            }
        }
    }

    /// An allowance whose limit is not known has room until it is spent.
    fn has_room(&self, day: Day) -> bool {
        let has_room = |limit: Option<u64>, spent, of| {
            limit.is_none_or(|limit| leaves_room(limit, spent, self.bucket.until_renewed(of)))
        };
        has_room(day.tokens(), day.spent(), Allowance::Tokens)
            && has_room(day.writes_limit, day.writes, Allowance::Writes)
    }
}

async fn length(channel: &Channel, queue: &str) -> lapin::Result<u32> {
    let options = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let found = channel.queue_declare(queue.into(), options, FieldTable::default());
    Ok(found.await?.message_count())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn live_events_keep_a_third_of_a_new_day_and_a_tenth_of_its_last_hour() {
        for (until_reset, most) in [
            (DAY, 650),
            (DAY / 2, 775),
            (HOUR, 890),
            (Duration::ZERO, 900),
        ] {
            assert!(leaves_room(1_000, most - 1, until_reset), "{until_reset:?}");
            assert!(!leaves_room(1_000, most, until_reset), "{until_reset:?}");
        }
    }

    #[test]
    fn a_spent_day_leaves_no_room_and_one_without_tokens_neither() {
        for (limit, spent) in [(0, 0), (1_000, 1_000), (1_000, 2_000), (u64::MAX, u64::MAX)] {
            assert!(!leaves_room(limit, spent, HOUR), "{limit} {spent}");
        }
        assert!(leaves_room(u64::MAX, 0, DAY));
    }
}
