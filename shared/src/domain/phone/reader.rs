//! Reads what an event gives as the customer's number.

use super::library::{Parsed, Standing, Unread};
use super::text::{self, count_digits, digits_of, has_letters};
use super::{OutsideLine, OwnNumbers, Party, Reading, Reason, Region, attempt, withheld};

/// Digits below which a number without country code is an extension or a short code, unless it is assigned.
pub(super) const SHORTEST_NUMBER: usize = 7;

/// Most digits of an extension. What is longer, and no number, is the sender of a text message.
const LONGEST_EXTENSION: usize = 4;

/// Emergency and service numbers beside North America's, which end in 11.
const SERVICE_NUMBERS: [&str; 10] = [
    "110", "112", "113", "115", "117", "118", "119", "933", "988", "999",
];

/// A longer text, in bytes, is no number, nor a field of several.
const LONGEST_TEXT: usize = 1_000;

/// Between numbers that share a field.
const SEPARATORS: [&str; 10] = [
    ";", "/", "|", ",", "\n", "&", " or ", " and ", " und ", " oder ",
];

/// Reads numbers by the rules of one company: its region, its outside line, its own numbers.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    /// How numbers without country code are read; without it they are none.
    pub region: Option<Region>,
    /// What is dialled before a number to leave the company's telephone system.
    pub outside_line: Option<OutsideLine>,
    /// Numbers that are no customer's.
    pub own: OwnNumbers,
}

impl Reader {
    /// A reader that knows a region alone.
    #[must_use]
    pub fn of_region(region: Option<Region>) -> Self {
        Self {
            region,
            ..Self::default()
        }
    }

    /// Reads a text.
    ///
    /// Takes `tel:` and `sip:` addresses, percent-encoded and invisible characters, extensions and tones, any punctuation
    /// and any Unicode decimal digits, and several numbers in one text. Texts with other letters are no numbers: read as
    /// keys on a telephone they would call a wrong one.
    #[must_use]
    pub fn read(&self, raw: Option<&str>) -> Reading {
        let raw = raw.unwrap_or_default();
        if text::plain_characters(raw).trim().is_empty() {
            return Reading::new(Party::Absent, Reason::Empty);
        }
        if raw.len() > LONGEST_TEXT {
            return Reading::new(Party::Address, Reason::NoNumber);
        }
        let unwrapped = text::unwrap(raw);
        if unwrapped.is_anonymous || withheld::is_withheld(&unwrapped.text) {
            return Reading::new(Party::Withheld, Reason::WithheldWord);
        }
        let several = if unwrapped.is_sip {
            None
        } else {
            numbers_in(&unwrapped.text)
        };
        match several {
            Some(numbers) => self.read_several(&numbers),
            None => self.read_one(&unwrapped.text, unwrapped.is_sip),
        }
    }

    /// Chooses the first customer's number, else the first that may find a person, else the first.
    fn read_several(&self, numbers: &[&str]) -> Reading {
        let mut readings: Vec<Reading> = numbers
            .iter()
            .map(|number| {
                let unwrapped = text::unwrap(number);
                self.read_one(&unwrapped.text, unwrapped.is_sip)
            })
            .collect();
        let is_customer = |reading: &Reading| matches!(reading.party, Party::Number(_));
        let is_foreign = |reading: &Reading| matches!(reading.party, Party::Foreign(_));
        let chosen = readings.iter().position(is_customer);
        let chosen = chosen.or_else(|| readings.iter().position(is_foreign));
        let Reading { party, reason } = readings.swap_remove(chosen.unwrap_or(0));
        match party.number() {
            Some(_) => Reading::new(party, Reason::OneOfSeveral(Box::new(reason))),
            None => Reading::new(party, reason),
        }
    }

    fn read_one(&self, text: &str, is_sip: bool) -> Reading {
        let text = text::without_extension(text.trim());
        let text = text.trim_end_matches([',', ';', '#', '.', ' ']);
        let digits = digits_of(text);
        if has_letters(text) {
            return if is_sip {
                Reading::new(Party::Internal, Reason::Station)
            } else {
                Reading::new(Party::Address, Reason::Letters)
            };
        }
        if digits.is_empty() {
            return Reading::new(Party::Withheld, Reason::NoDigits);
        }
        if withheld::is_zeros(&digits) {
            return Reading::new(Party::Withheld, Reason::Zeros);
        }
        let outside_line = self.outside_line.as_ref().map(OutsideLine::as_str);
        let best = attempt::best(text, self.region, outside_line);
        if let Some(reason) = withheld_digits(text, &digits, best.as_ref().ok()) {
            return Reading::new(Party::Withheld, reason);
        }
        match best {
            Ok((parsed, reason))
                if parsed.standing == Standing::Valid || !is_short(text, &digits) =>
            {
                self.customer(parsed, reason)
            }
            Ok(_) => short(&digits),
            Err(unread) => self.read_rest(text, &digits, is_sip, unread),
        }
    }

    fn customer(&self, parsed: Parsed, reason: Reason) -> Reading {
        if self.own.contains(&parsed.number) {
            return Reading::new(Party::Own, Reason::OwnNumber);
        }
        let reason = match parsed.standing {
            Standing::Valid => reason,
            Standing::Possible => Reason::Unassigned(Box::new(reason)),
        };
        Reading::new(Party::Number(parsed.number), reason)
    }

    /// What digits are that are no customer's number.
    fn read_rest(&self, text: &str, digits: &str, is_sip: bool, unread: Unread) -> Reading {
        if is_short(text, digits) {
            return short(digits);
        }
        if let Some(parsed) = attempt::without_plus(text) {
            return if self.own.contains(&parsed.number) {
                Reading::new(Party::Own, Reason::OwnNumber)
            } else {
                Reading::new(Party::Foreign(parsed.number), Reason::WithoutPlus)
            };
        }
        if is_sip {
            return Reading::new(Party::Internal, Reason::Station);
        }
        let reason = match unread {
            Unread::NoCountry if self.region.is_none() && !text.starts_with('+') => {
                Reason::NoRegion
            }
            Unread::NoCountry => Reason::NoCountry,
            Unread::NoNumber => Reason::NoNumber,
            Unread::TooShort => Reason::TooShort,
            Unread::Local => Reason::NoAreaCode,
            Unread::TooLong => Reason::TooLong,
            Unread::Length => Reason::WrongLength,
        };
        Reading::new(Party::Impossible, reason)
    }
}

/// Whether digits stand for a word or for nothing, though they may have a number's form.
fn withheld_digits(text: &str, digits: &str, best: Option<&(Parsed, Reason)>) -> Option<Reason> {
    let parsed = best.map(|(parsed, _)| parsed);
    let is_assigned = parsed.is_some_and(|parsed| parsed.standing == Standing::Valid);
    if let Some((word, is_long)) = withheld::keypad_word(digits)
        && (!is_assigned || (is_long && !text.starts_with('+')))
    {
        return Some(Reason::WithheldKeypad(word));
    }
    let is_zeros = |parsed: &Parsed| withheld::is_zeros(&parsed.number.national());
    (!is_assigned && parsed.is_some_and(is_zeros)).then_some(Reason::Zeros)
}

fn is_short(text: &str, digits: &str) -> bool {
    digits.len() < SHORTEST_NUMBER && !text.starts_with('+')
}

/// The class of digits that are too few for a number.
fn short(digits: &str) -> Reading {
    let is_north_american =
        digits.len() == 3 && digits.ends_with("11") && !digits.starts_with(['0', '1']);
    if is_north_american || SERVICE_NUMBERS.contains(&digits) {
        Reading::new(Party::ShortCode, Reason::ServiceNumber)
    } else if digits.len() > LONGEST_EXTENSION {
        Reading::new(Party::ShortCode, Reason::ShortNumber)
    } else {
        Reading::new(Party::Internal, Reason::Extension)
    }
}

/// The numbers of a text that holds several; nothing for one number, whose parts have too few digits.
fn numbers_in(text: &str) -> Option<Vec<&str>> {
    let mut parts = vec![text];
    for separator in SEPARATORS {
        parts = parts
            .into_iter()
            .flat_map(|part| split_numbers(part, separator))
            .collect();
    }
    let parts: Vec<&str> = parts.into_iter().flat_map(split_at_plus).collect();
    (parts.len() > 1).then_some(parts)
}

fn split_numbers<'a>(text: &'a str, separator: &str) -> Vec<&'a str> {
    let parts: Vec<&str> = text
        .split(separator)
        .filter(|part| !part.trim().is_empty())
        .collect();
    if parts
        .iter()
        .all(|part| count_digits(part) >= SHORTEST_NUMBER)
        && !parts.is_empty()
    {
        parts
    } else {
        vec![text]
    }
}

/// Splits `+1 202 555 0143 +1 202 555 0144`.
fn split_at_plus(text: &str) -> Vec<&str> {
    let second = text
        .char_indices()
        .filter(|(_, c)| *c == '+')
        .map(|(at, _)| at)
        .find(|at| *at > 0);
    match second.map(|at| text.split_at(at)) {
        Some((first, rest)) if count_digits(first) >= SHORTEST_NUMBER => {
            [vec![first], split_at_plus(rest)].concat()
        }
        _ => vec![text],
    }
}
