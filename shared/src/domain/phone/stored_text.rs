//! What people typed into the CRM where a number belongs: numbers, with words and other numbers around them.

use super::attempt;
use super::reader::SHORTEST_NUMBER;
use super::text::{self, count_digits, has_letters};
use super::{E164, Region};

/// A number that stands in a stored text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct StoredNumber {
    /// The number as it is written.
    pub text: String,
    /// Whether it is the text as a whole. What was cut out may be the beginning of a number, such as of `1 800 555 CALL`.
    pub is_whole: bool,
}

/// The numbers that may stand in a text: the text as a whole, and those between separators and words, as in
/// `202-555-0103 cell / Tel. 202-555-0104`.
pub(super) fn numbers_of(stored: &str, region: Option<Region>) -> Vec<StoredNumber> {
    let whole = text::unwrap(stored.trim()).text;
    let whole = text::without_extension(&whole);
    let mut numbers = Vec::new();
    if !has_letters(whole) && count_digits(whole) > 0 {
        numbers.push(StoredNumber {
            text: whole.to_owned(),
            is_whole: true,
        });
    }
    let stored = text::plain_characters(stored.trim());
    let parts = split(&stored);
    let Some(first) = parts.first() else {
        return numbers;
    };
    let full =
        read(first, region).map_or_else(|| count_digits(first), |number| number.national().len());
    // What follows may leave out the area code of the first: `030 1234567 / 1234568`.
    let stands_alone = |number: &&&str| is_prefixed(number) || count_digits(number) >= full;
    let parts = parts.iter().filter(stands_alone);
    numbers.extend(parts.map(|part| StoredNumber {
        text: (*part).to_owned(),
        is_whole: false,
    }));
    numbers
}

/// Whether a text begins with a country code.
pub(super) fn has_country_code(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with('+') || text.starts_with("00")
}

/// Whether what was cut out of a text is a whole number beyond doubt.
pub(super) fn is_certain(number: &StoredNumber, region: Option<Region>) -> bool {
    number.is_whole || number.text.starts_with('0') || read(&number.text, region).is_some()
}

fn read(text: &str, region: Option<Region>) -> Option<E164> {
    attempt::best(text, region, None)
        .ok()
        .map(|(parsed, _)| parsed.number)
}

/// The numbers in a list, without words around them.
fn split(text: &str) -> Vec<&str> {
    text.split([';', '|', '\n', '\r'])
        .flat_map(|part| split_list(part, ','))
        .flat_map(|part| split_list(part, '/'))
        .filter_map(without_words)
        .collect()
}

/// Splits a list, unless what is between its numbers parts an area code from the rest: `030/1234567`.
fn split_list(text: &str, separator: char) -> Vec<&str> {
    let parts = text.split(separator);
    let is_list = parts.clone().all(|part| {
        let digits = count_digits(part);
        digits == 0 || digits >= SHORTEST_NUMBER
    });
    if is_list { parts.collect() } else { vec![text] }
}

/// Cuts what stands before the first digit and behind the last, and an extension. Nothing is left of what is no number: a
/// word among its digits or tied to them, as in `1-800-FLOWERS`, or an address.
fn without_words(text: &str) -> Option<&str> {
    let begin = text.find(|c: char| c.is_ascii_digit())?;
    let end = text.rfind(|c: char| c.is_ascii_digit())? + 1;
    let before = text[..begin].trim_end_matches(['+', '(', ' ']);
    let is_tied_before = before.len() == begin && before.ends_with(is_of_word);
    let is_tied_behind = text[end..]
        .trim_start_matches(['-', '.', '_'])
        .starts_with(is_of_word);
    let number = text::without_extension(text[before.len()..end].trim_start());
    let is_number = !has_letters(number) && count_digits(number) >= SHORTEST_NUMBER;
    (is_number && !is_tied_before && !is_tied_behind && !text.contains('@')).then_some(number)
}

fn is_of_word(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

/// Whether it begins with a country code or a trunk prefix, and so is no part of a number.
fn is_prefixed(text: &str) -> bool {
    text.trim_start_matches('(').starts_with(['+', '0'])
}
