//! When an interaction is recorded: now, after a wait for its other events, or never. Pure functions.
//!
//! Genesys sends the events of one conversation within a minute or so, in any order, and none says that it is the last.
//! Each message waits in a retry queue, so that nothing rests on Redis alone; the first to return after the settle delay
//! writes one record of all that is known by then, and the others find themselves in it.

use std::time::Duration;

use shared::broker::message::Settling;
use shared::domain::event::Kind;
use shared::domain::facts::Facts;
use shared::domain::interaction::{Interaction, Stage};

use crate::store::{Effect, Progress};

/// When the record is due, as a message sees it that carries one of the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// The record is written with all that is known.
    Now,
    /// What is known makes no record, and nothing that is waited for.
    Never,
    /// The message waits once, for the shortest retry delay, for the event that it enriches.
    Deferred,
    /// The message waits for other events.
    Later {
        /// How long the message waits before it is tried again.
        wait: Duration,
        /// Whether the end of the customer's session is known.
        is_end_known: bool,
    },
}

/// What decides beside the events themselves: the past of the message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waits {
    /// How long it waited for other events.
    pub settling: Settling,
    /// Whether it failed, was redelivered, replayed or deferred.
    pub was_tried_before: bool,
    /// Whether Redis lost what was known when the message first waited.
    pub was_forgotten: bool,
}

/// Which interactions are recorded, and after which waits.
#[derive(Clone, Copy, Debug)]
pub struct SettlePolicy {
    /// How long a record waits after the end of the customer's session; without, it is written at once.
    pub settle_delay: Option<Duration>,
    /// How long agents' legs wait for that end.
    pub legs_wait: Duration,
    /// Whether calls between colleagues are recorded.
    pub records_internal_calls: bool,
}

impl SettlePolicy {
    /// Decides for a message whose event is of `kind`.
    pub(crate) fn due(
        &self,
        kind: Kind,
        interaction: &Interaction,
        progress: &Progress,
        waits: &Waits,
    ) -> Due {
        match self.settle_delay {
            Some(settle_delay) if awaits_others(progress) => {
                self.after(settle_delay, interaction, progress, waits)
            }
            Some(_) => self.now_or_never(interaction, progress),
            None => self.at_once(kind, interaction, progress, waits),
        }
    }

    fn at_once(
        &self,
        kind: Kind,
        interaction: &Interaction,
        progress: &Progress,
        waits: &Waits,
    ) -> Due {
        let due = self.now_or_never(interaction, progress);
        let waited = waits.settling.waited;
        let is_open = is_untried(progress) && interaction.stage != Stage::Ended;
        let makes_none_yet = interaction.stage == Stage::HandedOn || due == Due::Never;
        if is_open && makes_none_yet && waited < self.legs_wait {
            return self.rest_of_legs_wait(waited);
        }
        match due {
            Due::Now if is_alone(kind, progress, waits) => Due::Deferred,
            due => due,
        }
    }

    fn rest_of_legs_wait(&self, waited: Duration) -> Due {
        Due::Later {
            wait: self.legs_wait.saturating_sub(waited),
            is_end_known: false,
        }
    }

    fn after(
        &self,
        settle_delay: Duration,
        interaction: &Interaction,
        progress: &Progress,
        waits: &Waits,
    ) -> Due {
        let Settling {
            waited,
            is_end_known,
        } = waits.settling;
        // The other messages tell Redis their facts again when they return: within one more settle delay.
        let waits_again = waits.was_forgotten && waited < settle_delay.saturating_mul(2);
        match interaction.stage {
            Stage::Ended if is_end_known && !waits_again => {
                self.now_or_never(interaction, progress)
            }
            Stage::Ended => Due::Later {
                wait: settle_delay,
                is_end_known: true,
            },
            Stage::Legs | Stage::HandedOn if waited >= self.legs_wait => {
                self.now_or_never(interaction, progress)
            }
            // The customer's session mostly ends with the last leg: the first wait is the short one.
            Stage::Legs | Stage::HandedOn if waited.is_zero() || waits_again => Due::Later {
                wait: settle_delay,
                is_end_known: false,
            },
            Stage::Legs | Stage::HandedOn => self.rest_of_legs_wait(waited),
        }
    }

    fn now_or_never(&self, interaction: &Interaction, progress: &Progress) -> Due {
        if is_untried(progress) && !self.is_record(interaction) {
            Due::Never
        } else {
            Due::Now
        }
    }

    /// Whether what is known makes a record: not a call between colleagues, unless those are recorded, and not offers that
    /// no agent took.
    fn is_record(&self, interaction: &Interaction) -> bool {
        let is_wanted = self.records_internal_calls || !interaction.is_internal;
        let had_agent = interaction.legs.iter().any(|leg| leg.was_answered);
        is_wanted && (interaction.stage != Stage::HandedOn || had_agent)
    }
}

fn is_untried(progress: &Progress) -> bool {
    progress.activity == Effect::NotTried
}

/// Whether the record waits for other events: nothing that is whole by itself is known, and if it is written already, a
/// session of the customer has ended since, with which more comes.
fn awaits_others(progress: &Progress) -> bool {
    let mut known = progress.facts.values();
    if known.any(|facts| facts.kind == Kind::Completed) {
        return false;
    }
    match progress.activity {
        Effect::NotTried => true,
        Effect::Intended(_) => false,
        Effect::Done(_) => has_unrecorded_end(progress),
    }
}

fn has_unrecorded_end(progress: &Progress) -> bool {
    let is_unrecorded = |(event, facts): (&String, &Facts)| {
        !facts.kind.enriches() && !progress.recorded.contains(event)
    };
    progress.facts.iter().any(is_unrecorded)
}

/// Whether the message is the first of an interaction of which nothing but additions is known. Events arrive together, in
/// any order, and one create is cheaper than a create and an update.
fn is_alone(kind: Kind, progress: &Progress, waits: &Waits) -> bool {
    kind.enriches()
        && !waits.was_tried_before
        && waits.settling.waited.is_zero()
        && is_untried(progress)
        && progress.facts.values().all(|facts| facts.kind.enriches())
}

#[cfg(test)]
#[path = "settling_tests.rs"]
mod tests;
