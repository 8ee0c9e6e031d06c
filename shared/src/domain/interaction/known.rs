//! The facts that count, in order of authority and in order of time.

use std::collections::BTreeMap;

use crate::domain::event::Kind;
use crate::domain::facts::Facts;
use crate::domain::ids::{EventKey, InteractionId};

/// The host of the address of a company's own telephone in Genesys Cloud.
const STATION_HOST: &str = "orgspan.com";
/// Digits up to which a number is an extension of the company.
const EXTENSION_MAX_DIGITS: usize = 6;

/// The facts of an interaction, less those that others say better.
pub(super) struct Known<'f> {
    ranked: Vec<&'f Facts>,
    timed: Vec<&'f Facts>,
}

impl<'f> Known<'f> {
    pub(super) fn new(id: &InteractionId, facts: &'f BTreeMap<String, Facts>) -> Self {
        let legacy = EventKey::legacy_of_guide(id).digest();
        let counts = |(key, event): &(&String, &Facts)| {
            !is_superseded(key, event, facts) && !is_repeated(key, event, facts, &legacy)
        };
        let mut counted: Vec<(&String, &Facts)> = facts.iter().filter(counts).collect();
        counted.sort_by_key(|(key, facts)| (facts.at, facts.kind, *key));
        let timed = counted.iter().map(|(_, facts)| *facts).collect();
        counted.sort_by(|(key, a), (other, b)| {
            let (is_part, is_other_part) = (a.part.is_some(), b.part.is_some());
            (is_part, a.kind, b.at, key).cmp(&(is_other_part, b.kind, a.at, other))
        });
        let ranked = counted.into_iter().map(|(_, facts)| facts).collect();
        Self { ranked, timed }
    }

    /// The facts of most authority.
    pub(super) fn chief(&self) -> Option<&'f Facts> {
        self.ranked.first().copied()
    }

    /// All facts by authority, the highest first.
    pub(super) fn ranked(&self) -> impl Iterator<Item = &'f Facts> {
        self.ranked.iter().copied()
    }

    /// All facts by time.
    pub(super) fn timed(&self) -> impl Iterator<Item = &'f Facts> {
        self.timed.iter().copied()
    }

    /// Facts of one kind by authority: whole ones first, among those the latest.
    pub(super) fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &'f Facts> {
        self.ranked().filter(move |facts| facts.kind == kind)
    }

    /// The first value by authority.
    pub(super) fn first<T>(&self, value: impl FnMut(&'f Facts) -> Option<T>) -> Option<T> {
        self.ranked().find_map(value)
    }

    /// All different values by time.
    pub(super) fn distinct(&self, value: impl Fn(&'f Facts) -> Option<&'f str>) -> Vec<String> {
        let mut seen: Vec<String> = Vec::new();
        for value in self.timed().filter_map(value) {
            if !seen.iter().any(|known| known == value) {
                seen.push(value.to_owned());
            }
        }
        seen
    }

    /// Whether both sides of each event are the company's own, as far as both are given; and are given at least once.
    pub(super) fn is_internal(&self, is_own: &dyn Fn(&str) -> bool) -> bool {
        let mut sides = self.ranked().filter_map(|facts| {
            let details = &facts.details;
            Some((details.from.as_deref()?, details.to.as_deref()?))
        });
        let is_internal = |(from, to)| is_ours(from, is_own) && is_ours(to, is_own);
        let is_whole_by_itself = self.of_kind(Kind::Completed).next().is_some();
        let has_callback = self.ranked().any(|facts| {
            let details = &facts.details;
            details.number.is_some()
                && details.number != details.from
                && details.number != details.to
        });
        !is_whole_by_itself
            && !has_callback
            && sides.next().is_some_and(is_internal)
            && sides.all(is_internal)
    }
}

/// Whether an address is the company's: one of its numbers, one of its telephones, or an extension.
pub(super) fn is_ours(address: &str, is_own: &dyn Fn(&str) -> bool) -> bool {
    let lower = address.to_ascii_lowercase();
    let is_station = lower.starts_with("sip:") && lower.contains(STATION_HOST);
    let bare = lower.strip_prefix("tel:").unwrap_or(&lower);
    let is_extension = (2..=EXTENSION_MAX_DIGITS).contains(&bare.len())
        && bare.bytes().all(|byte| byte.is_ascii_digit());
    is_station || is_extension || is_own(address)
}

/// Whether `event` was cut off, and more is known of the same event: the whole of it, or a longer part. Where the cut
/// removed a part of its key too, any event of its kind is taken for the same: what a part says must not count twice. No
/// part of the guide's event holds its key.
fn is_superseded(key: &String, event: &Facts, facts: &BTreeMap<String, Facts>) -> bool {
    let Some(part) = &event.part else {
        return false;
    };
    let has_no_key = part.of.is_none() || event.kind == Kind::Completed;
    facts
        .iter()
        .filter(|(_, other)| other.kind == event.kind)
        .any(|(other_key, other)| match &other.part {
            None => has_no_key || part.of.as_ref() == Some(other_key),
            Some(longer) => {
                (has_no_key || part.of == longer.of)
                    && (longer.bytes, other_key) > (part.bytes, key)
            }
        })
}

/// Whether an earlier event has the same content.
fn is_repeated(
    key: &String,
    event: &Facts,
    facts: &BTreeMap<String, Facts>,
    legacy: &String,
) -> bool {
    facts.iter().any(|(other_key, other)| {
        let is_legacy = key == legacy || other_key == legacy;
        let rank = |key, at| (at, key == legacy, key);
        key != other_key
            && event.repeats(other, is_legacy)
            && rank(other_key, other.at) < rank(key, event.at)
    })
}
