//! Joins the spellings of one mobile number.

use std::fmt;

use super::E164;

/// What is compared when two numbers are compared: two spellings of one mobile number have the same key.
///
/// | Country | Spellings | Key |
/// |---|---|---|
/// | Mexico | `+52 1` and ten digits until 2019, `+52` and ten digits since | without the `1` |
/// | Argentina | `+54 9` and ten digits from abroad, `+54` and ten digits in many directories | without the `9` |
/// | Brazil | two digits of area, eight digits until 2016, a `9` before them since | without the ninth digit |
///
/// It is no number: it may not be dialled, shown or stored with a person. The prefixes 044, 045 (Mexico) and 15 (Argentina)
/// are no part of E.164 and are gone when a number is read.
///
/// Sources: ITU Operational Bulletins on the numbering plans of Mexico (2019), Argentina and Brazil (2016).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MatchingKey(String);

impl MatchingKey {
    /// The key of a number.
    #[must_use]
    pub fn of(number: &E164) -> Self {
        let digits = number.digits();
        let key = match MobileSpelling::of(digits) {
            Some(spelling) => spelling.short(digits),
            None => digits.to_owned(),
        };
        Self(key)
    }

    /// The digits of the key: country code first, no `+`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for MatchingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "MatchingKey(…{})",
            &self.0[self.0.len().saturating_sub(2)..]
        )
    }
}

/// Digits of which at least one entry is a part of every spelling of a number: what to search for in a store of numbers.
/// One entry for most numbers; two for Brazilian mobiles, whose ninth digit stands in the middle.
#[must_use]
pub fn search_digits(number: &E164) -> Vec<String> {
    let digits = number.digits();
    let national = |digits: &str| digits[2..].to_owned();
    match MobileSpelling::of(digits) {
        None if is_short_brazilian(digits) => {
            let long = format!("{}9{}", &digits[2..4], &digits[4..]);
            vec![number.national(), long]
        }
        None => vec![number.national()],
        Some(spelling @ MobileSpelling::Brazil) => {
            vec![number.national(), national(&spelling.short(digits))]
        }
        Some(spelling @ (MobileSpelling::Mexico | MobileSpelling::Argentina)) => {
            vec![national(&spelling.short(digits))]
        }
    }
}

/// The longer one of the two spellings of a mobile number.
/// The number in each spelling that a mobile number like it has, that of the [`MatchingKey`] first. A landline that has
/// the form of such a mobile is given a second spelling, too.
#[must_use]
pub fn spellings(number: &E164) -> Vec<E164> {
    let short = MatchingKey::of(number).0;
    let long = MobileSpelling::of_short(&short).map(|spelling| spelling.long(&short));
    let all = std::iter::once(short).chain(long);
    all.filter_map(|digits| E164::try_from(format!("+{digits}")).ok())
        .collect()
}

#[derive(Clone, Copy)]
enum MobileSpelling {
    Mexico,
    Argentina,
    Brazil,
}

impl MobileSpelling {
    fn of(digits: &str) -> Option<Self> {
        match (digits.get(..3)?, digits.len()) {
            ("521", 13) => Some(Self::Mexico),
            ("549", 13) => Some(Self::Argentina),
            // Behind the ninth digit, 6 to 9 began the mobile numbers of eight digits; what else begins there has one
            // spelling.
            (code, 13) if code.starts_with("55") && &digits[4..5] == "9" => {
                matches!(digits.as_bytes()[5], b'6'..=b'9').then_some(Self::Brazil)
            }
            _ => None,
        }
    }

    /// The shorter spelling.
    /// How a number that is written in the short way may be written in a longer one.
    fn of_short(digits: &str) -> Option<Self> {
        match (digits.get(..2)?, digits.len()) {
            ("52", 12) => Some(Self::Mexico),
            ("54", 12) => Some(Self::Argentina),
            _ if is_short_brazilian(digits) => Some(Self::Brazil),
            _ => None,
        }
    }

    fn long(self, short: &str) -> String {
        let (at, digit) = match self {
            Self::Mexico => (2, '1'),
            Self::Argentina => (2, '9'),
            Self::Brazil => (4, '9'),
        };
        let mut long = short.to_owned();
        long.insert(at, digit);
        long
    }

    fn short(self, digits: &str) -> String {
        let cut = match self {
            Self::Mexico | Self::Argentina => 2,
            Self::Brazil => 4,
        };
        format!("{}{}", &digits[..cut], &digits[cut + 1..])
    }
}

fn is_short_brazilian(digits: &str) -> bool {
    digits.len() == 12 && digits.starts_with("55") && matches!(digits.as_bytes()[4], b'6'..=b'9')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> E164 {
        E164::try_from(text.to_owned()).unwrap()
    }

    fn key(text: &str) -> MatchingKey {
        MatchingKey::of(&number(text))
    }

    #[test]
    fn two_spellings_of_one_mobile_have_one_key() {
        for (one, other) in [
            ("+5215512345678", "+525512345678"),
            ("+5491123456780", "+541123456780"),
            ("+5555998123456", "+555598123456"),
        ] {
            assert_eq!(key(one), key(other), "{one} {other}");
        }
    }

    #[test]
    fn numbers_that_only_resemble_each_other_keep_their_keys_apart() {
        for (one, other) in [
            ("+5555992345678", "+555592345670"),
            // Without its 9 it would be a landline's.
            ("+5555923456789", "+555523456789"),
            ("+12025550143", "+12025550144"),
            ("+5115512345678", "+515512345678"),
        ] {
            assert_ne!(key(one), key(other), "{one} {other}");
        }
    }

    #[test]
    fn each_spelling_leads_to_all_of_them_and_the_key_comes_first() {
        for (long, short) in [
            ("+5215512345678", "+525512345678"),
            ("+5491123456780", "+541123456780"),
            ("+5555998123456", "+555598123456"),
        ] {
            for given in [long, short] {
                assert_eq!(spellings(&number(given)), [number(short), number(long)]);
            }
        }
        let american = number("+12025550143");
        assert_eq!(spellings(&american), [american]);
    }

    #[test]
    fn every_spelling_holds_the_digits_of_one_search() {
        for spellings in [
            ["+5215512345678", "+525512345678"],
            ["+5491123456780", "+541123456780"],
            ["+5555998123456", "+555598123456"],
            ["+12025550143", "+12025550143"],
        ] {
            for wanted in spellings {
                let searched = search_digits(&number(wanted));
                for stored in spellings {
                    let is_found = searched
                        .iter()
                        .any(|digits| stored.contains(digits.as_str()));
                    assert!(is_found, "{wanted} finds {stored}");
                }
            }
        }
    }
}
