//! The search index over persons: a copy of its own, fed later than the records when a lag is set.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use super::behaviour::SearchMode;
use super::digits::{Packed, digits_of, suffixes};
use super::model::Person;

/// Fewer digits would match nearly every number.
const SHORTEST_DIGITS: usize = 2;

/// What a search looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SearchField {
    Name,
    Email,
    Phone,
}

/// What is searched for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Query<'q> {
    pub(super) term: &'q str,
    pub(super) fields: &'q [SearchField],
    pub(super) exact: bool,
    pub(super) mode: SearchMode,
}

/// A person as it was when the index last took it in.
#[derive(Debug)]
struct Document {
    person: Person,
    name: String,
    emails: Vec<String>,
}

/// The index. What it answers is as old as the lag.
#[derive(Debug, Default)]
pub(super) struct SearchIndex {
    documents: BTreeMap<i64, Document>,
    /// Every suffix of every number's digits, with the person's id. Digits are part of a number exactly if one of its
    /// suffixes begins with them, so a look-up is one range of an ordered set, whatever the number of persons.
    suffixes: BTreeSet<(Packed, i64)>,
    /// Persons by their whole e-mail addresses, in small letters.
    emails: HashMap<String, BTreeSet<i64>>,
    /// Changes that the index does not show yet, by the time at which it will.
    pending: BTreeSet<(Instant, i64)>,
}

impl SearchIndex {
    /// Notes that a person changed; the index shows it once `lag` is over.
    pub(super) fn touch(&mut self, id: i64, lag: Duration) {
        self.pending.insert((Instant::now() + lag, id));
    }

    /// Takes in every change whose lag is over.
    pub(super) fn catch_up(&mut self, persons: &BTreeMap<i64, Person>) {
        let now = Instant::now();
        while let Some(&(due, id)) = self.pending.first() {
            if due > now {
                break;
            }
            self.pending.pop_first();
            self.take_in(id, persons.get(&id));
        }
    }

    fn take_in(&mut self, id: i64, person: Option<&Person>) {
        if let Some(old) = self.documents.remove(&id) {
            self.forget(id, &old);
        }
        let Some(person) = person.filter(|person| !person.is_deleted) else {
            return;
        };
        for phone in &person.phones {
            let digits = digits_of(&phone.value);
            self.suffixes
                .extend(suffixes(&digits).map(|suffix| (suffix, id)));
        }
        let emails = person.emails.iter().map(|email| email.value.to_lowercase());
        let document = Document {
            person: person.clone(),
            name: person.name.to_lowercase(),
            emails: emails.collect(),
        };
        for email in &document.emails {
            self.emails.entry(email.clone()).or_default().insert(id);
        }
        self.documents.insert(id, document);
    }

    fn forget(&mut self, id: i64, old: &Document) {
        for phone in &old.person.phones {
            let digits = digits_of(&phone.value);
            for suffix in suffixes(&digits) {
                self.suffixes.remove(&(suffix, id));
            }
        }
        for email in &old.emails {
            if let Some(ids) = self.emails.get_mut(email) {
                ids.remove(&id);
            }
        }
    }

    /// The persons that match in one of the fields, by id.
    pub(super) fn find(&self, query: Query<'_>) -> Vec<&Person> {
        let mut ids = BTreeSet::new();
        if query.mode != SearchMode::Blind {
            if query.fields.contains(&SearchField::Phone) {
                ids.extend(self.with_number(query));
            }
            ids.extend(self.with_text(query));
        }
        ids.iter().map(|id| &self.documents[id].person).collect()
    }

    fn with_text(&self, query: Query<'_>) -> Vec<i64> {
        let text = query.term.trim().to_lowercase();
        let in_names = query.fields.contains(&SearchField::Name);
        let in_emails = query.fields.contains(&SearchField::Email);
        if in_emails && !in_names && query.exact {
            return self
                .emails
                .get(&text)
                .into_iter()
                .flatten()
                .copied()
                .collect();
        }
        let hits = |value: &String| {
            if query.exact {
                *value == text
            } else {
                value.contains(&text)
            }
        };
        if !in_names && !in_emails {
            return Vec::new();
        }
        let matching = self.documents.iter().filter(|(_, document)| {
            (in_names && hits(&document.name)) || (in_emails && document.emails.iter().any(hits))
        });
        matching.map(|(id, _)| *id).collect()
    }

    fn with_number(&self, query: Query<'_>) -> BTreeSet<i64> {
        // Whatever the mode, a hit has these digits somewhere.
        let key = match query.mode {
            SearchMode::ByWord => longest_digits(query.term),
            _ => digits_of(query.term),
        };
        if key.len() < SHORTEST_DIGITS {
            return BTreeSet::new();
        }
        let candidates: BTreeSet<_> = self
            .suffixes
            .range((Packed::of(&key), i64::MIN)..=(Packed::last_with(&key), i64::MAX))
            .map(|entry| entry.1)
            .collect();
        let is_hit = |id: &i64| {
            let phones = &self.documents[id].person.phones;
            phones.iter().any(|phone| is_hit(&phone.value, query))
        };
        candidates.into_iter().filter(is_hit).collect()
    }
}

/// Whether a stored number matches.
fn is_hit(stored: &str, query: Query<'_>) -> bool {
    let (term, exact) = (query.term.trim(), query.exact);
    let digits = |compare: fn(&str, &str) -> bool| {
        let (stored, wanted) = (digits_of(stored), digits_of(term));
        if exact {
            stored == wanted
        } else {
            compare(&stored, &wanted)
        }
    };
    match query.mode {
        SearchMode::DigitsAnywhere => digits(|stored, wanted| stored.contains(wanted)),
        SearchMode::Prefix => digits(|stored, wanted| stored.starts_with(wanted)),
        SearchMode::Suffix => digits(|stored, wanted| stored.ends_with(wanted)),
        SearchMode::Literal if exact => stored == term,
        SearchMode::Literal => stored.contains(term),
        SearchMode::ByWord => {
            let stored: Vec<_> = words(stored).collect();
            words(term).all(|word| stored.contains(&word))
                && (!exact || stored.len() == words(term).count())
        }
        SearchMode::Blind => false,
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
}

fn longest_digits(term: &str) -> String {
    let digits = words(term).map(digits_of);
    digits.max_by_key(String::len).unwrap_or_default()
}
