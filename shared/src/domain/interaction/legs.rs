//! What agents did: their legs, their talk and their work after it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::known::Known;
use crate::domain::event::{Direction, Disconnect, Kind};
use crate::domain::facts::Facts;

/// One agent's leg. Durations are in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// The agent: name, else Genesys' user id.
    pub agent: Option<String>,
    /// The queue: name, else Genesys' queue id.
    pub queue: Option<String>,
    /// When it began to ring.
    pub started: Timestamp,
    /// End of the leg.
    pub ended: Timestamp,
    /// How long the agent talked.
    pub talk_ms: Option<u64>,
    /// How long the agent held the customer.
    pub hold_ms: Option<u64>,
    /// Whether the agent talked at all: not when a call was declined, or rang in vain.
    pub was_answered: bool,
    /// Whether it was handed on to another leg.
    pub was_transferred: bool,
}

/// The legs by time, as far as their ends are known.
pub(super) fn legs(known: &Known<'_>) -> Vec<Leg> {
    let ends = known.timed().filter(|facts| facts.kind == Kind::UserEnd);
    let leg = |facts: &Facts| Leg {
        agent: facts.details.agent.clone(),
        queue: facts.details.queue.clone(),
        started: facts.began(None),
        ended: facts.at,
        talk_ms: facts.details.duration_ms,
        hold_ms: facts.details.hold_ms,
        was_answered: was_answered(facts),
        was_transferred: is_transferred(facts),
    };
    ends.map(leg).collect()
}

/// The agents who took part, by time. An agent who answered none of the known legs did not.
pub(super) fn agents(known: &Known<'_>) -> Vec<String> {
    known.distinct(|facts| {
        let took_part = facts.kind != Kind::UserEnd || was_answered(facts);
        facts.details.agent.as_deref().filter(|_| took_part)
    })
}

/// Whether the agent talked on the leg. One that says neither how long it was talked on nor how long it rang, nor that it
/// ended without an answer, is taken for one.
pub(super) fn was_answered(facts: &Facts) -> bool {
    let details = &facts.details;
    let talked = details.duration_ms.unwrap_or(0) > 0 || details.hold_ms.unwrap_or(0) > 0;
    let rang = details.duration_ms.is_some() || details.ringing_ms.is_some_and(|ms| ms > 0);
    let ended_without = |why: &Disconnect| why.is_no_answer() || why.is_busy() || why.is_failure();
    talked || !(rang || details.disconnect.as_ref().is_some_and(ended_without))
}

/// Whether another leg follows: this one was transferred, or offered to an agent who did not take it.
pub(super) fn is_handed_on(facts: &Facts) -> bool {
    let was_offered = facts.details.direction == Some(Direction::Inbound);
    facts.kind == Kind::UserEnd && (is_transferred(facts) || was_offered && !was_answered(facts))
}

fn is_transferred(facts: &Facts) -> bool {
    let why = facts.details.disconnect.as_ref();
    why.is_some_and(Disconnect::is_transfer)
}

/// `acw` and `wrapup` both say how long the after-call work of one leg took: each leg's counts once. Events without a
/// session, which older versions kept, count once an agent.
pub(super) fn after_call(known: &Known<'_>) -> Option<u64> {
    let mut longest: BTreeMap<Option<&str>, u64> = BTreeMap::new();
    for facts in known.timed().filter(|facts| facts.kind.enriches()) {
        if let Some(ms) = facts.details.after_call_ms {
            let leg = facts
                .details
                .session
                .as_deref()
                .or(facts.details.agent.as_deref());
            let leg = longest.entry(leg).or_default();
            *leg = ms.max(*leg);
        }
    }
    // A `wrapup` event names no agent: it repeats what some `acw` says, unless there is none.
    let unnamed = longest.remove(&None);
    if longest.is_empty() {
        unnamed
    } else {
        Some(longest.values().sum())
    }
}

/// The sum of what is known; nothing where nothing is.
pub(super) fn sum(values: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    values.flatten().reduce(u64::saturating_add)
}
