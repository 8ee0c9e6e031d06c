//! When an interaction began, how long it lasted, and in which sessions.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::customer::Customer;
use super::known::Known;
use crate::domain::event::{Direction, Kind};
use crate::domain::facts::Facts;

/// One session of the customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Begin of the session.
    pub started: Timestamp,
    /// End of the session.
    pub ended: Timestamp,
    /// Side that began the session.
    pub direction: Option<Direction>,
}

/// The time that an interaction took.
pub(super) struct Span {
    pub started: Timestamp,
    pub duration_ms: Option<u64>,
    pub sessions: Vec<Session>,
}

/// So much the times of two sources may differ for one session.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(2);

impl Session {
    /// How long it lasted, in milliseconds.
    #[must_use]
    pub fn lasted_ms(&self) -> u64 {
        between(self.started, self.ended).unwrap_or(0)
    }

    fn overlaps(&self, other: &Self) -> bool {
        let is_within = |inner: &Self, outer: &Self| {
            outer.started <= inner.started && inner.ended <= outer.ended
        };
        self.started < other.ended && other.started < self.ended
            || is_within(self, other)
            || is_within(other, self)
    }

    fn joined(&self, other: &Self) -> Self {
        Self {
            started: self.started.min(other.started),
            ended: self.ended.max(other.ended),
            direction: self.direction.or(other.direction),
        }
    }
}

impl Span {
    /// From the first start to the last end, whatever source says them. Times that an event says go before those of a
    /// receipt, whichever event it is.
    pub(super) fn of(known: &Known<'_>, customer: &Customer<'_>, chief: &Facts) -> Self {
        let is_whole = |facts: &&&Facts| facts.kind == Kind::Completed;
        let whole: Vec<&Facts> = customer.events.iter().filter(is_whole).copied().collect();
        let ends = customer.events.iter().filter(|facts| !is_whole(facts));
        let ends: Vec<&Facts> = ends.copied().collect();
        let said = whole.iter().find_map(|facts| facts.details.duration_ms);
        let stated = whole_sessions(&whole, said);
        let ended = ended_sessions(&ends, said);
        let extent = extent(stated.iter().chain(&ended));
        let is_extended = is_longer(extent.as_ref(), &stated);
        let sessions = joined(stated, &ended);
        match extent {
            Some(extent) if sessions.len() > 1 || is_extended => Self {
                started: extent.started,
                duration_ms: between(extent.started, extent.ended),
                sessions,
            },
            _ => Self::of_one(
                known,
                chief,
                said.or_else(|| duration(known, &ends)),
                sessions,
            ),
        }
    }

    /// The span of one session, or of none.
    fn of_one(
        known: &Known<'_>,
        chief: &Facts,
        duration_ms: Option<u64>,
        sessions: Vec<Session>,
    ) -> Self {
        let only = sessions.first();
        let lasted = only.and_then(|session| between(session.started, session.ended));
        Self {
            started: only.map_or_else(
                || without_session(known, chief, duration_ms),
                |session| session.started,
            ),
            duration_ms: duration_ms.or(lasted.filter(|ms| *ms > 0)),
            sessions,
        }
    }
}

/// From the first start to the last end.
fn extent<'s>(sessions: impl Iterator<Item = &'s Session>) -> Option<Session> {
    sessions
        .cloned()
        .reduce(|all, session| all.joined(&session))
}

/// Whether all sessions together last longer than those that are stated.
fn is_longer(all: Option<&Session>, stated: &[Session]) -> bool {
    let stated = extent(stated.iter());
    all.zip(stated.as_ref()).is_some_and(|(all, stated)| {
        let before = stated.started.duration_since(all.started);
        before + all.ended.duration_since(stated.ended) > TOLERANCE
    })
}

/// The sessions of both sources in order. One that both know is one; a stated one that holds several is these.
fn joined(stated: Vec<Session>, ended: &[Session]) -> Vec<Session> {
    let mut sessions = ended.to_vec();
    for whole in stated {
        let same: Vec<usize> = (0..ended.len())
            .filter(|index| ended[*index].overlaps(&whole))
            .collect();
        match &*same {
            [] => sessions.push(whole),
            [only] => sessions[*only] = sessions[*only].joined(&whole),
            [_, _, ..] => {}
        }
    }
    sessions.sort_by_key(|session| (session.started, session.ended));
    sessions
}

/// The sessions that events say which are whole by themselves. Of two that overlap the later event corrects the former.
fn whole_sessions(whole: &[&Facts], said: Option<u64>) -> Vec<Session> {
    let mut timed: Vec<&&Facts> = whole
        .iter()
        .filter(|facts| !facts.at_receipt || facts.details.started.is_some())
        .collect();
    timed.sort_by_key(|facts| facts.at);
    let mut sessions: Vec<Session> = Vec::new();
    for facts in timed {
        let started = facts.began(said);
        let lasted = facts
            .details
            .duration_ms
            .or(said)
            .filter(|_| facts.at_receipt);
        let ended = lasted.map_or(facts.at, |ms| after(started, ms));
        let session = Session {
            started,
            ended,
            direction: facts.details.direction,
        };
        match sessions.last_mut() {
            Some(last) if session.started < last.ended || session.ended <= last.ended => {
                *last = session;
            }
            _ => sessions.push(session),
        }
    }
    sessions
}

/// The sessions of which ends are known: those of one session id are one.
fn ended_sessions(ends: &[&Facts], said: Option<u64>) -> Vec<Session> {
    let mut by_id: BTreeMap<(Option<&str>, Timestamp), Session> = BTreeMap::new();
    for facts in ends.iter().filter(|facts| !facts.at_receipt) {
        let id = facts.details.session.as_deref();
        let session = Session {
            started: facts.began(said),
            ended: facts.at,
            direction: facts.details.direction,
        };
        let key = (
            id,
            if id.is_some() {
                Timestamp::MIN
            } else {
                facts.at
            },
        );
        by_id
            .entry(key)
            .and_modify(|known| {
                known.started = known.started.min(session.started);
                known.ended = known.ended.max(session.ended);
            })
            .or_insert(session);
    }
    let mut sessions: Vec<Session> = by_id.into_values().collect();
    sessions.sort_by_key(|session| (session.started, session.ended));
    sessions
}

/// How long it lasted by the customer's own events, else by the agents' legs: by one of them, or by all together.
fn duration(known: &Known<'_>, ends: &[&Facts]) -> Option<u64> {
    if let Some(ms) = ends.iter().find_map(|facts| facts.details.duration_ms) {
        return Some(ms);
    }
    let legs: Vec<&Facts> = legs(known).collect();
    let first = legs.iter().map(|facts| facts.began(None)).min();
    let last = legs.iter().map(|facts| facts.at).max();
    match (&*legs, first, last) {
        ([_, _, ..], Some(first), Some(last)) => between(first, last),
        (_, _, _) => known.first(|facts| facts.details.duration_ms),
    }
}

/// When it began where no session of the customer is known: with the first leg, else with the first receipt of an event,
/// which is the nearest to its end.
fn without_session(known: &Known<'_>, chief: &Facts, duration_ms: Option<u64>) -> Timestamp {
    if let Some(first) = legs(known).map(|facts| facts.began(None)).min() {
        return first;
    }
    let stated = known.ranked().find(|facts| !facts.at_receipt);
    let same = known
        .of_kind(chief.kind)
        .filter(|facts| facts.part.is_some() == chief.part.is_some());
    let chief = stated
        .or_else(|| same.min_by_key(|facts| facts.at))
        .unwrap_or(chief);
    chief.began(duration_ms)
}

/// The agents' legs that say when they ended.
fn legs<'f>(known: &Known<'f>) -> impl Iterator<Item = &'f Facts> {
    let legs = known.of_kind(Kind::UserEnd);
    legs.filter(|facts| !facts.at_receipt)
}

fn between(started: Timestamp, ended: Timestamp) -> Option<u64> {
    u64::try_from(ended.duration_since(started).as_millis()).ok()
}

fn after(started: Timestamp, ms: u64) -> Timestamp {
    let lasted = SignedDuration::from_millis(i64::try_from(ms).unwrap_or(0));
    started.checked_add(lasted).unwrap_or(started)
}
