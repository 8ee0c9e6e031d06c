//! Keys of an index of stored numbers: whoever [`compare`](super::compare) calls the same as a number, or undecidable,
//! shares a key with it. The reverse does not hold: each person that an index brings up is compared.

use std::collections::BTreeSet;

use super::stored_text::{self, StoredNumber};
use super::{E164, MatchingKey, Region, attempt};

/// Last digits by which a stored number without country code is found that is no number of the default region. They are
/// part of every spelling.
const TAIL: usize = 7;

/// The keys of what is stored with one person.
#[must_use]
pub fn stored_keys<T: AsRef<str>>(stored: &[T], region: Option<Region>) -> BTreeSet<String> {
    let numbers = stored
        .iter()
        .flat_map(|text| stored_text::numbers_of(text.as_ref(), region))
        .filter(|number| stored_text::is_certain(number, region));
    numbers
        .flat_map(|number| keys_of(&number, region))
        .collect()
}

/// The keys under which a number is looked up.
#[must_use]
pub fn wanted_keys(number: &E164) -> [String; 2] {
    [whole(number), tail(&number.national())]
}

fn keys_of(number: &StoredNumber, region: Option<Region>) -> Vec<String> {
    let text = number.text.as_str();
    let mut keys = Vec::new();
    if let Ok(written) = E164::try_from(text.to_owned()) {
        keys.push(whole(&written));
    }
    let best = attempt::best(text, region, None);
    let is_at_home = region.is_some() && best.is_ok();
    let parsed = best.ok().map(|(parsed, _)| parsed);
    let parsed = parsed.or_else(|| attempt::without_plus(text));
    keys.extend(parsed.map(|parsed| whole(&parsed.number)));
    if !is_at_home && !stored_text::has_country_code(text) {
        keys.push(tail(text));
    }
    keys
}

fn whole(number: &E164) -> String {
    format!("tel:{}", MatchingKey::of(number).as_str())
}

fn tail(text: &str) -> String {
    let digits = super::text::digits_of(text);
    let digits = &digits[digits.len().saturating_sub(TAIL)..];
    format!("tail:{}", digits.trim_start_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::super::{Comparison, compare};
    use super::*;

    fn e164(number: &str) -> E164 {
        E164::try_from(number.to_owned()).unwrap()
    }

    /// Texts as people type them, and numbers that they may be.
    const STORED: [&str; 22] = [
        "(202) 555-0143",
        "202.555.0143 x9",
        "+1 202 555 0143 (mobile)",
        "12025550143",
        "001 202 555 0143",
        "07700 900123",
        "+44 7700 900123",
        "0044 7700 900123",
        "447700900123",
        "44 (0) 7700 900123",
        "+52 1 55 1234 5678",
        "044 55 1234 5678",
        "+54 11 2345-6780",
        "011 15-2345-6780",
        "(55) 9812-3456",
        "(55) 99812-3456",
        "49 1579 1234567",
        "202 555 0106; 202 555 0143",
        "1-800-FLOWERS",
        "030/1234567",
        "4567",
        "",
    ];
    const WANTED: [&str; 11] = [
        "+12025550143",
        "+12025550106",
        "+447700900123",
        "+525512345678",
        "+5215512345678",
        "+5491123456780",
        "+541123456780",
        "+5555998123456",
        "+555598123456",
        "+4915791234567",
        "+2904567",
    ];

    #[test]
    fn whoever_may_have_a_number_shares_a_key_with_it() {
        let regions = [
            None,
            Some("us"),
            Some("gb"),
            Some("mx"),
            Some("ar"),
            Some("br"),
        ];
        let mut related = 0;
        for region in regions.map(|name| name.and_then(|name| Region::parse(name).ok())) {
            for stored in STORED
                .iter()
                .flat_map(|text| [vec![*text], vec![*text, "+44 20 7946 0000"]])
            {
                let keys = stored_keys(&stored, region);
                for wanted in WANTED.map(e164) {
                    let compared = compare(&stored, &wanted, region);
                    let shares = wanted_keys(&wanted).iter().any(|key| keys.contains(key));
                    related += usize::from(compared != Comparison::Different);
                    assert!(
                        compared == Comparison::Different || shares,
                        "{stored:?} {} {region:?}: {keys:?}",
                        wanted.as_str()
                    );
                }
            }
        }
        assert!(related > 100, "{related} are related");
    }

    #[test]
    fn a_number_of_the_default_region_has_one_key() {
        let us = Region::parse("us").ok();
        let keys = stored_keys(&["(202) 555-0143", "+12025550143"], us);
        assert_eq!(keys, BTreeSet::from(["tel:12025550143".to_owned()]));
    }
}
