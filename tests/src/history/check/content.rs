//! What a record says: that it shows what the events make of it, and nothing that is another interaction's.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::super::verdict::Violation;
use super::super::{Activity, Began, Deal, Gone, Head, Person, Posted, comparable};
use super::Check;

/// Shorter words with a digit may stand in any note: times, durations, ids of persons.
const DISTINCT_MIN: usize = 6;

/// By the words that events state: the only interaction that states them; none, where several do.
pub(super) struct Owners<'h>(BTreeMap<&'h str, Option<&'h str>>);

impl<'h> Owners<'h> {
    pub(super) fn of(posted: &'h [Posted]) -> Self {
        let mut owners = BTreeMap::new();
        // A third party can take part in several.
        for event in posted.iter().filter(|event| event.third_party.is_none()) {
            let interaction = &*event.interaction;
            let words = event.facts.iter().flat_map(|fact| distinct_words(fact));
            for word in words.chain(distinct_words(interaction)) {
                let owner = owners.entry(word).or_insert(Some(interaction));
                owner.take_if(|owner| *owner != interaction);
            }
        }
        Self(owners)
    }

    /// The first word of a note that only another interaction states, and which. The `people` of this one are named by what
    /// another one stated, where that created them.
    fn foreign<'n>(
        &self,
        note: &'n str,
        interaction: &str,
        people: &[&Person],
    ) -> Option<(&'n str, &'h str)> {
        let is_name = |word: &&str| {
            let mut names = people.iter().map(|person| &*person.name);
            names.any(|name| distinct_words(name).any(|part| part == *word))
        };
        let words = distinct_words(note).filter(|word| !is_name(word));
        let mut owners = words.filter_map(|word| Some((word, self.0.get(word).copied()??)));
        owners.find(|(_, owner)| *owner != interaction)
    }
}

/// Words that are hardly anywhere by chance: numbered ones.
fn distinct_words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '-');
    words.filter(|word| word.len() >= DISTINCT_MIN && word.contains(|c: char| c.is_ascii_digit()))
}

impl Check<'_> {
    /// The fields of an activity are what its events make of it.
    pub(super) fn content(&mut self, interaction: &str, events: &[&Posted], activity: &Activity) {
        let people = self.people_of(events);
        let foreign = self.owners.foreign(&activity.note, interaction, &people);
        if let Some((foreign, owner)) = foreign {
            self.violations.push(Violation::ForeignFact {
                interaction: interaction.to_owned(),
                foreign: foreign.to_owned(),
                owner: owner.to_owned(),
            });
        }
        let done = wrong("done", activity.is_done.to_string(), true.to_string());
        let deal = self.wrong_deal(events, activity);
        let wrong = wrong_head(events, activity).into_iter().chain(done);
        let holders = self.wrong_holders(events, activity);
        let violations = wrong
            .chain(deal)
            .chain(holders)
            .map(|wrong| Violation::WrongField {
                interaction: interaction.to_owned(),
                field: wrong.field,
                found: wrong.found,
                expected: wrong.expected,
            });
        self.violations.extend(violations);
    }

    /// Everyone who has a number of the interaction, or had it.
    fn people_of(&self, events: &[&Posted]) -> Vec<&Person> {
        let numbers = events
            .iter()
            .flat_map(|event| [&event.number, &event.third_party]);
        let numbers = numbers.flatten().map(|number| comparable(number));
        // Who took another person in by a merge has that one's numbers, and owns none of them.
        let people = numbers.flat_map(|number| {
            let both = [&self.index.persons, &self.index.owners];
            both.into_iter().filter_map(move |all| all.get(&number))
        });
        people.flatten().copied().collect()
    }

    /// What several people with one number make of a record: it is linked to the organisation of all of them, if there is
    /// one, and names each.
    fn wrong_holders(&mut self, events: &[&Posted], activity: &Activity) -> Vec<Wrong> {
        let number = number_of(events);
        if self.doubled.contains(&number) {
            return Vec::new();
        }
        let holders = self.index.persons.get(&number);
        let holders = holders.map_or(&[][..], |holders| holders);
        let expected = common_organization(holders);
        let linked = wrong(
            "organisation",
            shown(activity.organization),
            shown(expected),
        );
        let [_, _, ..] = holders else {
            return linked.into_iter().collect();
        };
        self.counts.shared += 1;
        let note = text(&activity.note);
        let unnamed = holders.iter().find(|person| !note.contains(&*person.name));
        let unnamed =
            unnamed.and_then(|person| wrong("people", "none".to_owned(), person.name.clone()));
        linked.into_iter().chain(unnamed).collect()
    }

    /// The deal is the only one of the person who has the number. Where people were merged or deleted, it depends on when
    /// it was searched for; but it is never one of a person who has nothing to do with the number.
    fn wrong_deal(&self, events: &[&Posted], activity: &Activity) -> Option<Wrong> {
        let number = number_of(events);
        let owners = self.index.owners.get(&number).map_or(&[][..], |all| all);
        let is_touched = owners.iter().any(|owner| {
            let takes_in = |gone| gone == Some(Gone::MergedInto(owner.id));
            owner.gone.is_some() || self.history.persons.iter().any(|it| takes_in(it.gone))
        });
        let deals = &self.history.deals;
        let expected = match owners {
            all if !is_touched && (all.len() == 1 || common_organization(all).is_some()) => {
                let is_theirs = |deal: &&Deal| all.iter().any(|owner| owner.id == deal.person);
                let mut theirs = deals.iter().filter(is_theirs);
                theirs.next().filter(|_| theirs.next().is_none())
            }
            _ => activity.person.and(deals.iter().find(|deal| {
                let holder = self.survivor(deal.person);
                let mut holders = owners.iter().map(|owner| self.survivor(owner.id));
                Some(deal.id) == activity.deal && holders.any(|owner| owner == holder)
            })),
        };
        let expected = expected.map(|deal| deal.id);
        wrong("deal", shown(activity.deal), shown(expected))
    }
}

/// The customer's number by its comparable digits; empty where it is withheld.
fn number_of(events: &[&Posted]) -> String {
    let number = events.iter().find_map(|event| event.number.as_deref());
    number.map(comparable).unwrap_or_default()
}

/// The organisation to which several people belong, all of them.
fn common_organization(people: &[&Person]) -> Option<i64> {
    let [first, _, ..] = people else { return None };
    let common = first.organization;
    common.filter(|_| people.iter().all(|person| person.organization == common))
}

/// A field that is not as it should be.
struct Wrong {
    field: &'static str,
    found: String,
    expected: String,
}

fn wrong(field: &'static str, found: String, expected: String) -> Option<Wrong> {
    (found != expected).then_some(Wrong {
        field,
        found,
        expected,
    })
}

fn shown(id: Option<i64>) -> String {
    id.map_or_else(|| "none".to_owned(), |id| id.to_string())
}

/// Differences from the head that the recorded events lead to: that of the customer's side, if it is recorded; else that
/// of any agent's side, since after Redis forgot the first of them the others leave the head as it is.
fn wrong_head(events: &[&Posted], activity: &Activity) -> Vec<Wrong> {
    let note = text(&activity.note);
    let is_recorded = |event: &&&Posted| event.facts.iter().all(|fact| note.contains(&**fact));
    let recorded = events.iter().filter(is_recorded);
    let mut heads: Vec<(&Head, Option<Timestamp>)> = recorded
        .filter_map(|event| Some((event.head.as_ref()?, event.sent)))
        .collect();
    if heads.iter().any(|(head, _)| head.is_customers) {
        heads.retain(|(head, _)| head.is_customers);
    }
    let differences = heads
        .iter()
        .map(|(head, sent)| against(head, *sent, activity));
    differences.min_by_key(Vec::len).unwrap_or_default()
}

fn against(head: &Head, sent: Option<Timestamp>, activity: &Activity) -> Vec<Wrong> {
    [
        wrong("subject", activity.subject.clone(), head.subject.clone()),
        wrong("type", activity.kind.clone(), head.kind.clone()),
        wrong_time(head.began, sent, activity),
        wrong("duration", activity.duration.clone(), head.duration.clone()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A time of receipt is between the first sending and the last writing; with Redis, an earlier one can be forgotten.
fn wrong_time(began: Began, sent: Option<Timestamp>, activity: &Activity) -> Option<Wrong> {
    let before = |at: Timestamp, lasted: SignedDuration| at.checked_sub(lasted).unwrap_or(at);
    let (earliest, latest) = match began {
        Began::At(at) => (at, at),
        Began::BeforeReceipt(lasted) => (
            before(sent.unwrap_or(activity.created), lasted),
            before(activity.written, lasted),
        ),
    };
    let [earliest, latest] = [earliest, latest].map(|at| at.strftime("%Y-%m-%d %H:%M").to_string());
    if (&earliest..=&latest).contains(&&activity.due) {
        return None;
    }
    let expected = if earliest == latest {
        earliest
    } else {
        format!("{earliest} to {latest}")
    };
    wrong("time", activity.due.clone(), expected)
}

/// What is read of a note: all but its tags.
pub(super) fn text(note: &str) -> String {
    let pieces = note.split('<');
    pieces
        .map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text))
        .collect::<Vec<_>>()
        .join("\n")
}
