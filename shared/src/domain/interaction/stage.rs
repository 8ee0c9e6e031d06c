//! How far an interaction is known to have come.

use super::known::Known;
use super::legs;

/// How far an interaction is known to have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// An event that is whole by itself, or the end of a customer's session, is known.
    Ended,
    /// Agents' legs or their notes are known, and no end of the customer's session.
    Legs,
    /// Only legs are known that were handed on, or that an agent did not answer: another leg follows.
    HandedOn,
}

/// The stage by the kinds of the known events, and by how the legs ended.
pub(super) fn stage(known: &Known<'_>) -> Stage {
    if known.ranked().any(|facts| !facts.kind.enriches()) {
        Stage::Ended
    } else if known.ranked().all(legs::is_handed_on) {
        Stage::HandedOn
    } else {
        Stage::Legs
    }
}
