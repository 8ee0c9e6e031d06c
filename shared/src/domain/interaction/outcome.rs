//! What came of an interaction, as far as its events say.

use super::known::Known;
use super::legs::Leg;
use crate::domain::event::{Direction, Disconnect, Kind};
use crate::domain::facts::Facts;

/// What came of an interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Customer and company spoke.
    Connected,
    /// The customer gave up before an agent answered.
    Abandoned {
        /// After how many milliseconds, if that is known.
        after_ms: Option<u64>,
    },
    /// The call was not answered.
    NoAnswer,
    /// The other side did not want to be disturbed.
    Busy,
    /// The customer left a message.
    Voicemail,
    /// The customer asked to be called back, and that has not happened yet.
    Callback,
    /// The connection could not be made, or broke before it was answered.
    Failed,
    /// The events do not say. The end of a customer's session alone does not: whether an agent spoke stands in the agent's
    /// leg alone, or in Genesys' own record.
    Unknown,
}

/// What came of it by its legs, else by how the customer's session ended.
pub(super) fn outcome(known: &Known<'_>, legs: &[Leg], duration_ms: Option<u64>) -> Outcome {
    let whole = known.of_kind(Kind::Completed);
    let spoke_by_whole = whole
        .map(|facts| &facts.details)
        .any(|details| details.agent.is_some() || details.duration_ms.is_some_and(|ms| ms > 0));
    let has_notes = known.ranked().any(|facts| facts.kind > Kind::UserEnd);
    if legs.iter().any(|leg| leg.was_answered) || spoke_by_whole || has_notes {
        return Outcome::Connected;
    }
    match known.chief().map(|facts| facts.channel.as_str()) {
        Some("voicemail") => return Outcome::Voicemail,
        Some("callback") => return Outcome::Callback,
        Some(_) | None => {}
    }
    let ends = known.ranked().filter(|facts| facts.kind != Kind::Completed);
    let ends: Vec<&Facts> = ends.collect();
    let ended = |is: fn(&Disconnect) -> bool| {
        let mut reasons = ends
            .iter()
            .filter_map(|facts| facts.details.disconnect.as_ref());
        reasons.any(is)
    };
    let is_inbound = |facts: &&&Facts| facts.details.direction == Some(Direction::Inbound);
    let session = ends.iter().find(|facts| facts.kind == Kind::CustomerEnd);
    let gave_up = session.filter(is_inbound).is_some_and(|facts| {
        let why = facts.details.disconnect.as_ref();
        why.is_some_and(Disconnect::is_by_customer)
    });
    if ended(Disconnect::is_busy) {
        Outcome::Busy
    } else if !legs.is_empty() && gave_up {
        Outcome::Abandoned {
            after_ms: duration_ms,
        }
    } else if ended(Disconnect::is_failure) {
        Outcome::Failed
    } else if !legs.is_empty() || ended(Disconnect::is_no_answer) {
        Outcome::NoAnswer
    } else {
        Outcome::Unknown
    }
}
