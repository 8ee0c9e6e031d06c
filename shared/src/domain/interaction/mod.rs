//! All that is known of one interaction, folded from the facts of its events.

mod customer;
mod handle;
mod known;
mod legs;
mod outcome;
mod sides;
mod stage;
mod timing;

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::event::{Channel, Direction};
use super::facts::Facts;
use super::ids::InteractionId;
use customer::Customer;
use known::Known;
use timing::Span;

pub use customer::ThirdParty;
pub use legs::Leg;
pub use outcome::Outcome;
pub use stage::Stage;
pub use timing::Session;

/// One interaction as far as it is known. Durations are in milliseconds.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and every combination occurs"
)]
pub struct Interaction {
    /// Id by which Genesys, Redis and the note know the interaction.
    pub id: InteractionId,
    /// How customer and company spoke.
    pub channel: Channel,
    /// Side that began the interaction.
    pub direction: Option<Direction>,
    /// The customer's number or address as it was given.
    pub number: Option<String>,
    /// Name of the customer, where an event gave one.
    pub customer: Option<String>,
    /// The customer's e-mail address, in lower case.
    pub email: Option<String>,
    /// Genesys' id of the customer's external contact.
    pub contact: Option<String>,
    /// Other parties outside the company, in the order in which they joined: guests of a conference, targets of a
    /// transfer, advisers. They are never the customer.
    pub third_parties: Vec<ThirdParty>,
    /// Both sides of the events, as they were given, where neither is taken for the customer's: no direction says which it
    /// is, and not just one of them is the company's own.
    pub untaken: Vec<String>,
    /// Whether a person may be created for the customer, if none is found. An agent's leg, notes, or a body that was cut
    /// off may find a person, and create none.
    pub may_create: bool,
    /// When it began; where no event says so, the end less the durations.
    pub started: Timestamp,
    /// How long it lasted: from the first start to the last end, where the customer had several sessions.
    pub duration_ms: Option<u64>,
    /// The customer's sessions, in order: a callback or a reopened thread is one of its own. Empty when none is known.
    pub sessions: Vec<Session>,
    /// How long agents talked, all together.
    pub talk_ms: Option<u64>,
    /// How long agents held the customer, all together.
    pub hold_ms: Option<u64>,
    /// How long after-call work lasted, all together.
    pub after_call_ms: Option<u64>,
    /// Agents who took part, in order. Those who declined, or did not answer, did not take part.
    pub agents: Vec<String>,
    /// Each agent's leg, in order, those that were not answered too.
    pub legs: Vec<Leg>,
    /// Queues in the order in which they took part.
    pub queues: Vec<String>,
    /// Wrap-up code ids in order.
    pub wrapup_codes: Vec<String>,
    /// What agents wrote, in order.
    pub wrapup_notes: Vec<String>,
    /// Where the recording is.
    pub recording_url: Option<String>,
    /// Genesys' id of the recording.
    pub recording: Option<String>,
    /// Whether there is a recording in Genesys, which is linked and not copied.
    pub has_recording: bool,
    /// Summary of the conversation.
    pub summary: Option<String>,
    /// Why the customer got in touch. No event says it.
    pub reason: Option<String>,
    /// What is to be done. No event says it.
    pub follow_up: Option<String>,
    /// The beginning of what was said. No event says it.
    pub transcript: Option<String>,
    /// E-mail address of the agent who talked last. No event says it.
    pub agent_email: Option<String>,
    /// What came of it.
    pub outcome: Outcome,
    /// The latest stage that is known.
    pub stage: Stage,
    /// Whether both sides belong to the company: a call between colleagues.
    pub is_internal: bool,
    /// Whether an event was cut off, and no other says what is missing.
    pub is_partial: bool,
}

/// For settings without numbers of one's own: no number is known to be the company's.
#[must_use]
pub fn no_own_numbers(_: &str) -> bool {
    false
}

impl Interaction {
    /// Folds the facts of all events known so far, by event key. The same facts give the same interaction, whatever the
    /// order in which they came. `None` when there are none. `is_own` says whether a number or address, as an event gives
    /// it, belongs to the company.
    ///
    /// What is whole by itself outranks the customer's own events, and those outrank an agent's leg, whose number may be
    /// that of a colleague asked for advice; within one kind the later event wins. What was cut off comes last, and is
    /// left out where the whole of it is known.
    #[must_use]
    pub fn merge(
        id: &InteractionId,
        facts: &BTreeMap<String, Facts>,
        is_own: &dyn Fn(&str) -> bool,
    ) -> Option<Self> {
        let known = Known::new(id, facts);
        let chief = known.chief()?;
        let customer = Customer::choose(&known, is_own);
        let Span {
            started,
            duration_ms,
            sessions,
        } = Span::of(&known, &customer, chief);
        let legs = legs::legs(&known);
        Some(Self {
            id: id.clone(),
            channel: chief.channel.clone(),
            outcome: outcome::outcome(&known, &legs, duration_ms),
            talk_ms: legs::sum(legs.iter().map(|leg| leg.talk_ms)),
            hold_ms: legs::sum(legs.iter().map(|leg| leg.hold_ms)),
            after_call_ms: legs::after_call(&known),
            agents: legs::agents(&known),
            legs,
            direction: customer.direction,
            number: customer.number,
            customer: customer.name,
            email: customer.email,
            contact: customer.contact,
            third_parties: customer.third_parties,
            untaken: customer.untaken,
            may_create: customer.may_create,
            started,
            duration_ms,
            sessions,
            queues: known.distinct(|facts| facts.details.queue.as_deref()),
            wrapup_codes: known.distinct(|facts| facts.details.wrapup_code.as_deref()),
            wrapup_notes: known.distinct(|facts| facts.details.wrapup_notes.as_deref()),
            recording_url: known.first(|facts| facts.details.recording_url.clone()),
            recording: known.first(|facts| facts.details.recording.clone()),
            summary: known.first(|facts| facts.details.summary.clone()),
            has_recording: known.ranked().any(|facts| facts.details.has_recording),
            reason: None,
            follow_up: None,
            transcript: None,
            agent_email: None,
            stage: stage::stage(&known),
            is_internal: known.is_internal(is_own),
            is_partial: known.ranked().any(|facts| facts.part.is_some()),
        })
    }
}

#[cfg(test)]
mod calls;
#[cfg(test)]
mod customer_tests;
#[cfg(test)]
mod legs_tests;
#[cfg(test)]
mod tests;
