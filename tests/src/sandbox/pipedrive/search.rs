//! The search index over persons: a copy of its own, fed later than the records when a lag is set.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

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

/// A person as it was when the index last took it in.
#[derive(Debug)]
struct Document {
    person: Person,
    name: String,
    emails: Vec<String>,
    digits: Vec<String>,
}

/// The index. What it answers is as old as the lag.
#[derive(Debug, Default)]
pub(super) struct SearchIndex {
    documents: BTreeMap<i64, Document>,
    /// Every suffix of every number's digits, with the person's id. Digits are part of a number exactly if one of its
    /// suffixes begins with them, so a look-up is one range of an ordered set, whatever the number of persons.
    suffixes: BTreeSet<(String, i64)>,
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
            for suffix in old.digits.iter().flat_map(|digits| suffixes(digits)) {
                self.suffixes.remove(&(suffix.to_owned(), id));
            }
        }
        let Some(person) = person.filter(|person| !person.is_deleted) else {
            return;
        };
        let digits: Vec<_> = person
            .phones
            .iter()
            .map(|phone| digits_of(&phone.value))
            .collect();
        for suffix in digits.iter().flat_map(|digits| suffixes(digits)) {
            self.suffixes.insert((suffix.to_owned(), id));
        }
        let document = Document {
            person: person.clone(),
            name: person.name.to_lowercase(),
            emails: person
                .emails
                .iter()
                .map(|email| email.value.to_lowercase())
                .collect(),
            digits,
        };
        self.documents.insert(id, document);
    }

    /// The persons that match in one of `fields`, by id.
    pub(super) fn find(&self, term: &str, fields: &[SearchField], exact: bool) -> Vec<&Person> {
        let (text, digits) = (term.trim().to_lowercase(), digits_of(term));
        let mut ids = BTreeSet::new();
        if fields.contains(&SearchField::Phone) {
            ids.extend(self.with_digits(&digits, exact));
        }
        if fields.contains(&SearchField::Name) || fields.contains(&SearchField::Email) {
            let hits = |value: &String| {
                if exact {
                    *value == text
                } else {
                    value.contains(&text)
                }
            };
            let matching = self.documents.iter().filter(|(_, document)| {
                (fields.contains(&SearchField::Name) && hits(&document.name))
                    || (fields.contains(&SearchField::Email) && document.emails.iter().any(hits))
            });
            ids.extend(matching.map(|(id, _)| *id));
        }
        ids.iter().map(|id| &self.documents[id].person).collect()
    }

    fn with_digits(&self, digits: &str, exact: bool) -> BTreeSet<i64> {
        if digits.len() < SHORTEST_DIGITS {
            return BTreeSet::new();
        }
        let from = (digits.to_owned(), i64::MIN);
        let begins = self
            .suffixes
            .range(from..)
            .take_while(|entry| entry.0.starts_with(digits));
        let ids = begins.map(|entry| entry.1);
        if !exact {
            return ids.collect();
        }
        let equals = |id: &i64| {
            self.documents[id]
                .digits
                .iter()
                .any(|stored| stored == digits)
        };
        ids.filter(equals).collect()
    }
}

fn suffixes(digits: &str) -> impl Iterator<Item = &str> {
    // Digits are ASCII, so every index is a boundary.
    (0..digits.len()).map(|start| &digits[start..])
}

/// The digits of a number as it was written. A trailing extension stays part of it.
fn digits_of(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}
