//! Which side of an event is outside the company.

use super::known::{self, Known};
use crate::domain::event::{Direction, Kind};
use crate::domain::facts::Facts;

/// Which side of an event is outside the company.
pub(super) struct Sides<'k> {
    /// The direction of the conversation: that of the session that began first.
    pub direction: Option<Direction>,
    is_own: &'k dyn Fn(&str) -> bool,
}

impl<'k> Sides<'k> {
    pub(super) fn new(known: &Known<'_>, is_own: &'k dyn Fn(&str) -> bool) -> Self {
        let sessions = known.ranked().filter(|facts| facts.kind != Kind::Completed);
        let directed = sessions.filter_map(|facts| {
            let direction = facts.details.direction?;
            Some((
                facts.kind > Kind::UserEnd,
                facts.at_receipt,
                facts.began(None),
                direction,
            ))
        });
        let first =
            directed.min_by_key(|(is_note, at_receipt, start, _)| (*is_note, *at_receipt, *start));
        Self {
            direction: first.map(|(_, _, _, direction)| direction),
            is_own,
        }
    }

    /// The number outside the company. Without any direction it is one side only if the other is the company's own.
    pub(super) fn number(&self, facts: &Facts) -> Option<String> {
        let details = &facts.details;
        if details.number.is_some() {
            return details.number.clone();
        }
        match details.direction.or(self.direction) {
            Some(Direction::Inbound) => details.from.clone(),
            Some(Direction::Outbound) => details.to.clone(),
            None => {
                let is_ours = |side: &String| known::is_ours(side, self.is_own);
                match (&details.from, &details.to) {
                    (Some(from), Some(to)) if is_ours(to) && !is_ours(from) => Some(from.clone()),
                    (Some(from), Some(to)) if is_ours(from) && !is_ours(to) => Some(to.clone()),
                    (_, _) => None,
                }
            }
        }
    }
    /// Both sides of the events of which neither is taken for the customer's, each once.
    pub(super) fn untaken(&self, known: &Known<'_>) -> Vec<String> {
        let untaken = known.timed().filter(|facts| self.number(facts).is_none());
        let mut both: Vec<String> = Vec::new();
        for side in untaken.flat_map(|facts| [&facts.details.from, &facts.details.to]) {
            both.extend(side.clone().filter(|side| !both.contains(side)));
        }
        both
    }
}
