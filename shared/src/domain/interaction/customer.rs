//! Who the customer of an interaction is, and who else took part from outside the company.
//!
//! A conversation can have several participants outside the company: the customer, a supplier who was called into a
//! conference, whoever a call was transferred to. The customer is the participant of the session that began first, on the
//! side that the direction names. The others are third parties, whenever their events arrive.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::handle::Handle;
use super::known::{self, Known};
use super::sides::Sides;
use crate::domain::event::{Direction, Kind, person_name};
use crate::domain::facts::Facts;

/// Times before this one are no times of a conversation: Genesys' test events happen in 1970.
const EARLIEST_SECOND: i64 = 946_684_800;

/// A party outside the company that took part and is not the customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThirdParty {
    /// Their number or address as it was given.
    pub number: Option<String>,
    /// Name of the customer.
    pub name: Option<String>,
}

/// The customer, and who else took part.
pub(super) struct Customer<'f> {
    pub number: Option<String>,
    pub name: Option<String>,
    pub email: Option<String>,
    pub contact: Option<String>,
    pub direction: Option<Direction>,
    pub may_create: bool,
    pub third_parties: Vec<ThirdParty>,
    /// Both sides of the events, where neither is taken for the customer's.
    pub untaken: Vec<String>,
    /// The customer's own events, those of all sessions.
    pub events: Vec<&'f Facts>,
}

/// One participant outside the company, by the ends of their sessions; or the far side of an agent's leg.
struct Party<'f> {
    events: Vec<&'f Facts>,
    /// When the first session began, whole events before parts and known times before those of a receipt.
    began: (bool, bool, Timestamp),
    number: Option<String>,
}

impl<'f> Party<'f> {
    fn new(events: Vec<&'f Facts>, sides: &Sides<'_>) -> Self {
        let began = |facts: &&Facts| {
            let start = facts.began(None);
            (facts.part.is_some(), facts.at_receipt, start)
        };
        Self {
            began: events
                .iter()
                .map(began)
                .min()
                .unwrap_or((true, true, Timestamp::MAX)),
            number: events.iter().find_map(|facts| sides.number(facts)),
            events,
        }
    }

    fn handle(&self) -> Option<Handle> {
        self.number.as_deref().and_then(Handle::of)
    }

    /// Whether both are one customer: by number, by e-mail address, or by the external contact that Genesys knows. A
    /// reopened thread has a new participant, and a guest's address of its own.
    fn is_same(&self, other: &Self) -> bool {
        let shares = |of: fn(&Facts) -> Option<&String>| {
            let mut theirs = other.events.iter().filter_map(|facts| of(facts));
            theirs.any(|value| self.events.iter().any(|facts| of(facts) == Some(value)))
        };
        std::ptr::eq(self, other)
            || other.handle().is_some_and(|handle| self.has(&handle))
            || shares(|facts| facts.details.email.as_ref())
            || shares(|facts| facts.details.contact.as_ref())
    }

    /// Whether it has this number or address.
    fn has(&self, handle: &Handle) -> bool {
        self.handle().is_some_and(|own| own.is_same(handle))
    }
}

impl<'f> Customer<'f> {
    pub(super) fn choose(known: &Known<'f>, is_own: &dyn Fn(&str) -> bool) -> Self {
        let sides = Sides::new(known, is_own);
        let whole = known.of_kind(Kind::Completed).collect::<Vec<_>>();
        let whole = Party::new(whole, &sides);
        let parties = parties(known, &sides);
        let others = far_sides(known, &sides, is_own);
        let chosen = match whole.handle() {
            Some(_) => Chosen::from_whole(&whole, &parties),
            None => Chosen::first(&parties, &others, is_own),
        };
        let events: Vec<&Facts> = whole.events.iter().chain(&chosen.events).copied().collect();
        let number = whole.number.clone().or(chosen.number);
        let number = number.or_else(|| known.first(|facts| sides.number(facts)));
        let own = number.as_deref().and_then(Handle::of);
        let untaken = match &number {
            Some(_) => Vec::new(),
            None => sides.untaken(known),
        };
        let first =
            |value: fn(&Facts) -> Option<String>| events.iter().find_map(|facts| value(facts));
        // Old facts may hold a placeholder.
        let name = |facts: &Facts| person_name(facts.details.customer.as_deref());
        let is_outside = |party: &&Party<'_>| !is_company(party, is_own);
        let outside = parties.iter().chain(&others).filter(is_outside);
        let direction = first_direction(&events).or(sides.direction);
        Self {
            name: first(name).or_else(|| known.first(name).filter(|_| parties.len() < 2)),
            email: first(|facts| facts.details.email.clone()).or_else(|| {
                known
                    .first(|facts| facts.details.email.clone())
                    .filter(|_| parties.len() < 2)
            }),
            contact: first(|facts| facts.details.contact.clone())
                .or_else(|| known.first(only_contact).filter(|_| parties.len() < 2)),
            may_create: events
                .iter()
                .any(|facts| vouches(facts, own.as_ref(), &sides))
                && !is_doubtful(&events, own.as_ref(), &parties, &others),
            untaken,
            third_parties: third_parties(own, &events, outside),
            direction,
            number,
            events,
        }
    }
}

/// The participant who was chosen.
struct Chosen<'f> {
    events: Vec<&'f Facts>,
    number: Option<String>,
}

impl<'f> Chosen<'f> {
    /// The sessions of a customer who is named by an event that is whole by itself. A session without any number is the
    /// customer's, if it is the only one.
    fn from_whole(whole: &Party<'f>, parties: &[Party<'f>]) -> Self {
        let is_customers = |party: &&Party<'_>| {
            party.is_same(whole) || party.handle().is_none() && parties.len() == 1
        };
        Self {
            events: sessions(parties.iter().filter(is_customers)),
            number: None,
        }
    }

    /// The participant of the session that began first. An agent's leg that began before it, with another far side,
    /// shows who was there first.
    fn first(parties: &[Party<'f>], others: &[Party<'f>], is_own: &dyn Fn(&str) -> bool) -> Self {
        let Some(first) = parties.first() else {
            let number = others.first().and_then(|party| party.number.clone());
            return Self {
                events: Vec::new(),
                number,
            };
        };
        let is_earlier = |other: &&Party<'_>| {
            let is_else = |handle: Handle| !first.has(&handle);
            other.began < first.began
                && !is_company(other, is_own)
                && first.number.is_some()
                && other.handle().is_some_and(is_else)
        };
        if let Some(earlier) = others.iter().find(is_earlier) {
            let is_same =
                |party: &&Party<'_>| earlier.handle().is_some_and(|handle| party.has(&handle));
            let events = sessions(parties.iter().filter(is_same));
            return Self {
                events,
                number: earlier.number.clone(),
            };
        }
        let is_same = |party: &&Party<'_>| party.is_same(first);
        Self {
            events: sessions(parties.iter().filter(is_same)),
            number: first.number.clone(),
        }
    }
}

fn sessions<'f, 'p>(parties: impl Iterator<Item = &'p Party<'f>>) -> Vec<&'f Facts>
where
    'f: 'p,
{
    parties
        .flat_map(|party| party.events.iter().copied())
        .collect()
}

/// The participants outside the company who have sessions of their own, the first to begin first.
fn parties<'f>(known: &Known<'f>, sides: &Sides<'_>) -> Vec<Party<'f>> {
    let mut by_participant: BTreeMap<String, Vec<&Facts>> = BTreeMap::new();
    for facts in known.of_kind(Kind::CustomerEnd) {
        let details = &facts.details;
        let ids = [&details.participant, &details.session];
        let id = ids.into_iter().flatten().next().cloned();
        let id = id.or_else(|| sides.number(facts)).unwrap_or_default();
        by_participant.entry(id).or_default().push(facts);
    }
    let parties = by_participant
        .into_values()
        .map(|events| Party::new(events, sides));
    let mut parties: Vec<Party<'_>> = parties.collect();
    parties.sort_by_key(|party| party.began);
    parties
}

/// The far sides of agents' legs, then of their notes: those of colleagues last, the first to begin first.
fn far_sides<'f>(
    known: &Known<'f>,
    sides: &Sides<'_>,
    is_own: &dyn Fn(&str) -> bool,
) -> Vec<Party<'f>> {
    let legs = known.ranked().filter(|facts| facts.kind.enriches());
    let legs = legs.map(|facts| (facts.kind, Party::new(vec![facts], sides)));
    let mut far: Vec<(Kind, Party<'_>)> =
        legs.filter(|(_, party)| party.number.is_some()).collect();
    far.sort_by_key(|(kind, party)| {
        (
            is_company(party, is_own),
            *kind > Kind::UserEnd,
            party.began,
        )
    });
    far.into_iter().map(|(_, party)| party).collect()
}

fn is_company(party: &Party<'_>, is_own: &dyn Fn(&str) -> bool) -> bool {
    let number = party.number.as_deref();
    number.is_some_and(|number| known::is_ours(number, is_own))
}

/// Whether a person may be created by what `facts` says: it is the customer's own event, whole, at a time at which it can
/// have happened, and shows the number that was chosen.
fn vouches(facts: &Facts, own: Option<&Handle>, sides: &Sides<'_>) -> bool {
    let shown = sides.number(facts).as_deref().and_then(Handle::of);
    let is_shown = match (own, &shown) {
        (Some(own), Some(shown)) => own.is_same(shown),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    facts.part.is_none()
        && !facts.kind.enriches()
        && facts.at.as_second() >= EARLIEST_SECOND
        && is_shown
}

/// Whether the customer may be a third party who was called, by the evidence of the session's own event: the conversation
/// has an external contact who is neither this participant nor any other that is known. An agent's leg whose far side this
/// is settles it. The event of a supplier who is called into a conference differs in nothing else from that of a customer
/// who is called.
fn is_doubtful(
    events: &[&Facts],
    own: Option<&Handle>,
    parties: &[Party<'_>],
    legs: &[Party<'_>],
) -> bool {
    let is_whole = |facts: &&&Facts| facts.kind == Kind::Completed;
    let is_settled = legs
        .first()
        .is_some_and(|leg| own.is_some_and(|own| leg.has(own)));
    if is_settled || events.iter().any(|facts| is_whole(&facts)) {
        return false;
    }
    let sessions = || parties.iter().flat_map(|party| &party.events);
    let is_known =
        |contact: &String| sessions().any(|facts| facts.details.contact.as_ref() == Some(contact));
    let called = events
        .iter()
        .filter(|facts| facts.details.direction == Some(Direction::Outbound));
    let mut contacts = called.flat_map(|facts| &facts.details.contacts);
    contacts.any(|contact| !is_known(contact))
}

/// The contact of a conversation that has no other.
fn only_contact(facts: &Facts) -> Option<String> {
    let contact = facts.details.contact.clone();
    contact.or_else(|| match &*facts.details.contacts {
        [only] => Some(only.clone()),
        _ => None,
    })
}

fn first_direction(events: &[&Facts]) -> Option<Direction> {
    let whole = events.iter().find(|facts| facts.kind == Kind::Completed);
    let direction = whole.and_then(|facts| facts.details.direction);
    direction.or_else(|| {
        let directed = events
            .iter()
            .filter(|facts| facts.details.direction.is_some());
        let first = directed.min_by_key(|facts| (facts.at_receipt, facts.began(None)));
        first.and_then(|facts| facts.details.direction)
    })
}

/// Everybody outside the company who is not the customer, each once.
fn third_parties<'f: 'p, 'p>(
    own: Option<Handle>,
    own_events: &[&Facts],
    parties: impl Iterator<Item = &'p Party<'f>>,
) -> Vec<ThirdParty> {
    let mut seen: Vec<Handle> = own.into_iter().collect();
    let mut third_parties = Vec::new();
    for party in parties {
        let is_customers = party
            .events
            .iter()
            .any(|facts| own_events.iter().any(|event| std::ptr::eq(*event, *facts)));
        let is_new = |handle: &Handle| !seen.iter().any(|known| known.is_same(handle));
        let Some(handle) = party
            .handle()
            .filter(|handle| !is_customers && is_new(handle))
        else {
            continue;
        };
        seen.push(handle);
        let name = |facts: &&Facts| person_name(facts.details.customer.as_deref());
        third_parties.push(ThirdParty {
            number: party.number.clone(),
            name: party.events.iter().find_map(name),
        });
    }
    third_parties
}
