//! All that is known of one interaction, folded from the facts of its events.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::event::Channel;
use super::facts::{Direction, Facts};
use super::ids::InteractionId;

/// One interaction as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Interaction {
    /// Genesys' conversation id.
    pub id: InteractionId,
    /// How customer and company spoke.
    pub channel: Channel,
    /// Who began.
    pub direction: Option<Direction>,
    /// The customer's number or address as it was told.
    pub number: Option<String>,
    /// The customer's name.
    pub customer: Option<String>,
    /// When it began; where nobody told, the end less the duration.
    pub started: Timestamp,
    /// How long it lasted.
    pub duration_ms: Option<u64>,
    /// How long agents talked, all together.
    pub talk_ms: Option<u64>,
    /// How long agents held the customer, all together.
    pub hold_ms: Option<u64>,
    /// How long after-call work lasted, all together.
    pub after_call_ms: Option<u64>,
    /// Agents in the order in which they took part.
    pub agents: Vec<String>,
    /// Queues in the order in which they took part.
    pub queues: Vec<String>,
    /// Wrap-up code ids in order.
    pub wrapup_codes: Vec<String>,
    /// What agents wrote, in order.
    pub wrapup_notes: Vec<String>,
    /// Where the recording is.
    pub recording_url: Option<String>,
    /// What was spoken of.
    pub summary: Option<String>,
    /// Whether an event came cut off, and no other tells what is missing.
    pub is_partial: bool,
}

impl Interaction {
    /// Folds the facts of all events known so far, by event key. The same facts give the same interaction, whatever the
    /// order in which they came. `None` when there are none.
    ///
    /// What the customer's own events say of the customer outranks what an agent's leg says, whose number may be that
    /// of a colleague asked for advice; within one kind the later event wins. What came cut off comes last, and is left
    /// out where the whole of it is known.
    #[must_use]
    pub fn merge(id: &InteractionId, facts: &BTreeMap<String, Facts>) -> Option<Self> {
        let mut ranked: Vec<(&String, &Facts)> = facts
            .iter()
            .filter(|(key, told)| !is_superseded(key, told, facts))
            .collect();
        ranked.sort_by(|(key, a), (other, b)| {
            let (is_part, is_other_part) = (a.part.is_some(), b.part.is_some());
            (is_part, a.kind, b.at, key).cmp(&(is_other_part, b.kind, a.at, other))
        });
        let mut timed = ranked.clone();
        timed.sort_by_key(|(key, facts)| (facts.at, facts.kind, *key));
        let (_, chief) = ranked.first()?;

        let customers: Vec<&Facts> = ranked.iter().map(|(_, facts)| *facts).collect();
        let legs = || {
            timed
                .iter()
                .map(|(_, facts)| *facts)
                .filter(|facts| facts.kind.enriches())
        };
        let told = || timed.iter().map(|(_, facts)| *facts);

        let duration_ms = customers.iter().find_map(|facts| facts.duration_ms);
        Some(Self {
            id: id.clone(),
            channel: chief.channel.clone(),
            direction: customers.iter().find_map(|facts| facts.direction),
            number: customers.iter().find_map(|facts| facts.number.clone()),
            customer: customers.iter().find_map(|facts| facts.customer.clone()),
            started: started(&customers, chief, duration_ms),
            duration_ms,
            talk_ms: sum(legs().map(|facts| facts.duration_ms)),
            hold_ms: sum(legs().map(|facts| facts.hold_ms)),
            after_call_ms: after_call(legs()),
            agents: distinct(told().map(|facts| facts.agent.as_deref())),
            queues: distinct(told().map(|facts| facts.queue.as_deref())),
            wrapup_codes: distinct(told().map(|facts| facts.wrapup_code.as_deref())),
            wrapup_notes: distinct(told().map(|facts| facts.wrapup_notes.as_deref())),
            recording_url: customers
                .iter()
                .find_map(|facts| facts.recording_url.clone()),
            summary: customers.iter().find_map(|facts| facts.summary.clone()),
            is_partial: customers.iter().any(|facts| facts.part.is_some()),
        })
    }
}

/// Whether `told` came cut off, and more is known of the same event: the whole of it, or a longer part. Where the cut took
/// a part of its key too, any event of its kind is taken for the same: what a part tells must not count twice.
fn is_superseded(key: &String, told: &Facts, facts: &BTreeMap<String, Facts>) -> bool {
    let Some(part) = &told.part else {
        return false;
    };
    facts
        .iter()
        .filter(|(_, other)| other.kind == told.kind)
        .any(|(other_key, other)| match &other.part {
            None => part.of.as_ref().is_none_or(|of| of == other_key),
            Some(longer) => {
                (part.of.is_none() || part.of == longer.of)
                    && (longer.bytes, other_key) > (part.bytes, key)
            }
        })
}

fn started(customers: &[&Facts], chief: &Facts, duration_ms: Option<u64>) -> Timestamp {
    if let Some(started) = customers.iter().find_map(|facts| facts.started) {
        return started;
    }
    // A time that was told goes before that of a receipt, whoever told it.
    let told = customers.iter().find(|facts| !facts.at_receipt);
    let chief = told.copied().unwrap_or(chief);
    let lasted = chief.duration_ms.or(duration_ms).or(chief.after_call_ms);
    let lasted = i64::try_from(lasted.unwrap_or(0)).unwrap_or(0);
    chief
        .at
        .checked_sub(SignedDuration::from_millis(lasted))
        .unwrap_or(chief.at)
}

/// `acw` and `wrapup` both tell the after-call work of an agent: each agent's counts once.
fn after_call<'f>(legs: impl Iterator<Item = &'f Facts>) -> Option<u64> {
    let mut longest: BTreeMap<Option<&str>, u64> = BTreeMap::new();
    for facts in legs {
        if let Some(ms) = facts.after_call_ms {
            let agent = longest.entry(facts.agent.as_deref()).or_default();
            *agent = ms.max(*agent);
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

fn sum(values: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    values.flatten().reduce(u64::saturating_add)
}

fn distinct<'f>(values: impl Iterator<Item = Option<&'f str>>) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for value in values.flatten() {
        if !seen.iter().any(|known| known == value) {
            seen.push(value.to_owned());
        }
    }
    seen
}

#[cfg(test)]
#[path = "interaction_tests.rs"]
mod tests;
