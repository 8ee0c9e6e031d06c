//! Compares a number with what people typed into the CRM.

use phonenumber::Metadata;
use phonenumber::metadata::DATABASE;

use super::{
    E164, Region, SHORTEST_NATIONAL, parse, strip_scheme, to_ascii_digits, without_extension,
};

/// Whether a number stored in the CRM, in whatever form, is `wanted`.
///
/// A stored number without country code is read in the default region. Only where no number there has such a length are
/// its digits compared with the national number of `wanted`: `07700 900123` is nobody in the US, but somebody in Britain.
///
/// What is no number as a whole may be several, or have words around it: `202-555-0103 cell / Tel. 202-555-0104`.
#[must_use]
pub fn is_same(stored: &str, wanted: &E164, region: Option<Region>) -> bool {
    let stored = to_ascii_digits(stored.trim());
    let whole = without_extension(strip_scheme(&stored).0);
    if !has_letters(whole) && is_number(whole, wanted, region) {
        return true;
    }
    let numbers = numbers_in(&stored);
    let Some(first) = numbers.first() else {
        return false;
    };
    let full = parse(first, region).map_or_else(|| digits(first), |read| read.national().len());
    // What follows may leave out the area code of the first: `030 1234567 / 1234568`.
    let stands_alone = |number: &&&str| is_prefixed(number) || digits(number) >= full;
    numbers
        .iter()
        .filter(stands_alone)
        .any(|number| is_cut_number(number, wanted, region))
}

fn is_number(text: &str, wanted: &E164, region: Option<Region>) -> bool {
    if parse(text, region).as_ref() == Some(wanted) {
        return true;
    }
    !has_country_code(text)
        && !region.is_some_and(|region| is_possible(text, region))
        && without_trunk_prefix(text) == without_trunk_prefix(&wanted.national())
}

/// [`is_number`], for what was cut out of a text: it may be the beginning of a number, such as of `1 800 555 CALL`. It
/// counts where it is a whole one beyond doubt.
fn is_cut_number(text: &str, wanted: &E164, region: Option<Region>) -> bool {
    let is_whole = parse(text, region).is_some_and(|read| has_possible_length(&read));
    (is_whole || text.starts_with('0')) && is_number(text, wanted, region)
}

/// The numbers in a list, without words around them.
fn numbers_in(text: &str) -> Vec<&str> {
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
        let digits = digits(part);
        digits == 0 || digits >= SHORTEST_NATIONAL
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
    let number = without_extension(text[before.len()..end].trim_start());
    let is_number = !has_letters(number) && digits(number) >= SHORTEST_NATIONAL;
    (is_number && !is_tied_before && !is_tied_behind && !text.contains('@')).then_some(number)
}

fn is_of_word(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn has_letters(text: &str) -> bool {
    text.chars().any(char::is_alphabetic)
}

fn digits(text: &str) -> usize {
    text.chars().filter(char::is_ascii_digit).count()
}

fn has_country_code(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with('+') || text.starts_with("00")
}

/// Whether it begins with a country code or a trunk prefix, and so is no part of a number.
fn is_prefixed(text: &str) -> bool {
    text.trim_start_matches('(').starts_with(['+', '0'])
}

/// Whether its country has numbers of its length.
fn has_possible_length(number: &E164) -> bool {
    let Ok(read) = phonenumber::parse(None, number.as_str()) else {
        return false;
    };
    let code = read.country().code();
    let national = number.as_str().len() - 1 - code.to_string().len();
    let regions = DATABASE.by_code(&code).unwrap_or_default();
    regions
        .into_iter()
        .any(|region| has_length(region, national))
}

/// Whether a number of such a length exists in a region. That it is assigned is not asked.
fn is_possible(text: &str, region: Region) -> bool {
    let Some(number) = parse(text, Some(region)) else {
        return false;
    };
    let Some(metadata) = DATABASE.by_id(region.0.as_ref()) else {
        return false;
    };
    let country_code = metadata.country_code().to_string();
    let national = number.0[1..].strip_prefix(&country_code);
    national.is_some_and(|national| has_length(metadata, national.len()))
}

fn has_length(region: &Metadata, national: usize) -> bool {
    let descriptors = region.descriptors();
    let kinds = [descriptors.fixed_line(), descriptors.mobile()];
    let mut lengths = kinds
        .into_iter()
        .flatten()
        .flat_map(phonenumber::metadata::Descriptor::possible_length);
    lengths.any(|length| usize::from(*length) == national)
}

/// The digits without the `0` that is dialled before a national number.
fn without_trunk_prefix(text: &str) -> String {
    text.chars()
        .filter(char::is_ascii_digit)
        .skip_while(|digit| *digit == '0')
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(
        clippy::unnecessary_wraps,
        reason = "an optional region is what is tested"
    )]
    fn region(name: &str) -> Option<Region> {
        Some(Region::parse(name).unwrap())
    }

    fn us() -> Option<Region> {
        region("us")
    }

    fn e164(number: &str) -> E164 {
        E164::try_from(number.to_owned()).unwrap()
    }

    #[test]
    fn stored_numbers_are_compared_by_what_they_mean() {
        let caller = e164("+12025550143");
        for stored in [
            "+12025550143",
            "(202) 555-0143",
            "202-555-0143 x9",
            "1-202-555-0143",
        ] {
            assert!(is_same(stored, &caller, us()), "{stored}");
        }
        for stored in [
            "(202) 555-0144",
            "+442025550143",
            "555-0143",
            "",
            "front desk",
        ] {
            assert!(!is_same(stored, &caller, us()), "{stored}");
        }
    }

    #[test]
    fn a_national_number_of_the_callers_country_matches_only_where_it_is_none_at_home() {
        let briton = e164("+447700900123");
        assert!(is_same("07700 900123", &briton, us()));

        let german = e164("+492025550143");
        assert!(
            !is_same("(202) 555-0143", &german, us()),
            "a number of the default region stays there"
        );
        let other_german = e164("+495552000822");
        assert!(
            !is_same("(555) 200-0822", &other_german, us()),
            "whether it is assigned or not"
        );
    }

    #[test]
    fn words_around_a_number_and_other_numbers_beside_it_are_not_minded() {
        for (stored, wanted) in [
            ("+1 202 555 0101 (mobile)", "+12025550101"),
            ("Tel. 202-555-0102", "+12025550102"),
            ("Tel.:(202) 555-0102", "+12025550102"),
            ("202-555-0103 cell", "+12025550103"),
            ("202-555-0103 ext. 12 (office)", "+12025550103"),
            ("Max: 202-555-0103 x12", "+12025550103"),
            ("+12025550104 / +12025550105", "+12025550104"),
            ("+12025550104 / +12025550105", "+12025550105"),
            ("+1 202 555 0104/202 555 0105", "+12025550105"),
            ("202 555 0106; 202 555 0107", "+12025550106"),
            ("202 555 0106; 202 555 0107", "+12025550107"),
            ("work 202 555 0106, home\n202 555 0107 | x", "+12025550107"),
            ("+1 202 555 0108 Büro", "+12025550108"),
            ("mobile 07700 900123", "+447700900123"),
        ] {
            assert!(is_same(stored, &e164(wanted), us()), "{stored} {wanted}");
        }
    }

    #[test]
    fn a_part_of_a_number_is_no_number() {
        let germany = region("de");
        assert!(is_same("030/1234567", &e164("+49301234567"), germany));
        assert!(is_same("Büro 030/1234567", &e164("+49301234567"), germany));
        let list = "Tel. 030/1234567, Fax 030/1234568";
        assert!(is_same(list, &e164("+49301234567"), germany));
        assert!(is_same(list, &e164("+49301234568"), germany));
        for (stored, wanted, region) in [
            ("030/1234567", "+491234567", germany),
            ("030/1234567", "+4311234567", None),
            ("030/1234567", "+3721234567", None),
            ("+49 30 1234567/1234568", "+491234568", germany),
            ("030 1234567 / 1234568", "+491234568", germany),
            ("1-800-FLOWERS", "+3721800000", us()),
            ("1 800 555 CALL", "+3721800555", us()),
            ("1-800-555-CALL", "+3721800555", us()),
            ("+1 202 555 0143 CALL", "+120255501432255", us()),
            ("202 555 0143, 5550144", "+3725550144", us()),
            ("a12025550143", "+12025550143", us()),
            ("12025550143@example.com", "+12025550143", us()),
        ] {
            assert!(!is_same(stored, &e164(wanted), region), "{stored} {wanted}");
        }
    }
}
