//! Telephone numbers: to E.164, and what is no number of a customer at all.
//!
//! Numbers are not refused for being unassigned: the guide's own `+15550123456` parses to E.164 and is "invalid" to every
//! library. What parses is a key; whether it is assigned is nobody's business here.

mod stored;

use std::fmt;

use phonenumber::country;
use serde::{Deserialize, Serialize};

pub use stored::is_same;

/// Digits below which a number without country code is an extension or a short code.
const SHORTEST_NATIONAL: usize = 7;

/// Words that stand where a number is withheld or unknown, in lower case.
const WITHHELD: [&str; 9] = [
    "anonymous",
    "unknown",
    "withheld",
    "private",
    "restricted",
    "unavailable",
    "blocked",
    "none",
    "null",
];

/// A telephone number: `+`, then at most 15 digits, the first of them not `0`.
///
/// Its `Debug` shows the last two digits only: a whole number is personal data.
///
/// Source: ITU-T Recommendations E.164 (the digits) and E.123 (the `+`).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct E164(String);

impl E164 {
    /// The number with its `+`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The national significant number: without `+` and country code.
    #[must_use]
    pub fn national(&self) -> String {
        phonenumber::parse(None, &self.0).map_or_else(
            |_| self.0[1..].to_owned(),
            |number| number.national().to_string(),
        )
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "E164(…{})", &self.0[self.0.len().saturating_sub(2)..])
    }
}

/// The text is no E.164 number.
#[derive(Debug, thiserror::Error)]
#[error("not an E.164 number")]
pub struct NotE164;

impl TryFrom<String> for E164 {
    type Error = NotE164;

    fn try_from(text: String) -> Result<Self, NotE164> {
        let digits = text.strip_prefix('+').ok_or(NotE164)?;
        let fits = (SHORTEST_NATIONAL..=15).contains(&digits.len());
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
        if fits && plain {
            Ok(Self(text))
        } else {
            Err(NotE164)
        }
    }
}

impl From<E164> for String {
    fn from(number: E164) -> Self {
        number.0
    }
}

/// A region whose dialling rules apply to numbers without country code: two letters, ISO 3166-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region(country::Id);

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_ref())
    }
}

impl Region {
    /// Reads `US`, `gb`, ….
    ///
    /// # Errors
    ///
    /// When no such region is known.
    pub fn parse(text: &str) -> Result<Self, String> {
        text.trim()
            .to_ascii_uppercase()
            .parse()
            .map(Self)
            .map_err(|_| format!("no region `{text}`"))
    }
}

/// What stands where the customer's number should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Party {
    /// A number that can be looked up.
    Number(E164),
    /// Withheld, anonymous, or said to be unknown.
    Withheld,
    /// An extension, a short code or a station of the company's own.
    Internal,
    /// An address that is no number, such as a web messaging guest's.
    Address,
    /// Nothing at all.
    Absent,
}

/// Reads what an event gives as the customer's number.
///
/// Takes `tel:` and `sip:` forms, extensions, any punctuation and any Unicode decimal digits. Texts with other letters
/// are no numbers: `phonenumber` would read a letter as its key on a telephone and so call a wrong number.
#[must_use]
pub fn read_party(raw: Option<&str>, region: Option<Region>) -> Party {
    let Some(raw) = raw.map(str::trim).filter(|raw| !raw.is_empty()) else {
        return Party::Absent;
    };
    let (text, is_sip) = strip_scheme(raw);
    let text = to_ascii_digits(text);
    let word = text.to_ascii_lowercase();
    if WITHHELD.contains(&word.as_str()) {
        return Party::Withheld;
    }
    let number = without_extension(&text);
    if number.chars().any(char::is_alphabetic) {
        return if is_sip {
            Party::Internal
        } else {
            Party::Address
        };
    }
    let digits = number.chars().filter(char::is_ascii_digit).count();
    if digits == 0 {
        return Party::Withheld;
    }
    let international =
        number.trim_start().starts_with('+') || number.trim_start().starts_with("00");
    if digits < SHORTEST_NATIONAL {
        return Party::Internal;
    }
    match parse(number, region) {
        Some(number) => Party::Number(number),
        None if international || digits > 15 => Party::Address,
        None => Party::Internal,
    }
}

/// Loads the library's metadata, which takes tens of milliseconds, before the first call needs it.
pub fn warm_up() {
    let _loaded = phonenumber::parse(None, "+12025550100");
}

fn parse(text: &str, region: Option<Region>) -> Option<E164> {
    let text = text.trim();
    // `00` is the exit code of most of the world and none of North America; nobody's national number begins with it.
    let text = text
        .strip_prefix("00")
        .map_or_else(|| text.to_owned(), |rest| format!("+{rest}"));
    // With a country code the region does not matter, but `phonenumber` would cut the region's trunk prefix all the same.
    let region = region.filter(|_| !text.starts_with('+'));
    let number = to_e164(region, &text)?;
    // Of some impossible numbers it cuts a trunk prefix each time they are read. Such a number would never be found again.
    let is_stable = to_e164(None, &number).as_ref() == Some(&number);
    E164::try_from(number).ok().filter(|_| is_stable)
}

fn to_e164(region: Option<Region>, text: &str) -> Option<String> {
    let number = phonenumber::parse(region.map(|region| region.0), text).ok()?;
    Some(number.format().mode(phonenumber::Mode::E164).to_string())
}

/// Cuts `tel:` and its parameters, or `sip:` with host and parameters. The flag says that it was SIP.
fn strip_scheme(text: &str) -> (&str, bool) {
    let after = |scheme: &str| {
        let head = text.get(..scheme.len())?;
        head.eq_ignore_ascii_case(scheme)
            .then(|| &text[scheme.len()..])
    };
    if let Some(rest) = after("tel:") {
        return (rest.split(';').next().unwrap_or(rest), false);
    }
    if let Some(rest) = after("sips:").or_else(|| after("sip:")) {
        return (rest.split(['@', ';']).next().unwrap_or(rest), true);
    }
    (text, false)
}

/// Cuts ` x12`, ` ext. 12`, ` extension 12` and `#12`.
fn without_extension(text: &str) -> &str {
    let lower = text.to_ascii_lowercase();
    let cut = ["ext", "x", "#"]
        .iter()
        .filter_map(|mark| lower.find(mark))
        .min();
    let is_extension = |at: usize| {
        let tail =
            lower[at..].trim_start_matches(|c: char| c.is_ascii_alphabetic() || ".:# ".contains(c));
        at > 0 && !tail.is_empty() && tail.bytes().all(|byte| byte.is_ascii_digit())
    };
    cut.filter(|at| is_extension(*at))
        .map_or(text, |at| text[..at].trim_end())
}

/// Decimal digits of other scripts, full-width ones and the full-width plus, to ASCII.
fn to_ascii_digits(text: &str) -> String {
    /// Where the blocks of ten decimal digits begin that telephone numbers are met in.
    const ZEROS: [u32; 6] = [0x0660, 0x06F0, 0x0966, 0x09E6, 0x0E50, 0xFF10];
    let convert = |c: char| match u32::from(c) {
        0xFF0B => '+',
        code => ZEROS
            .iter()
            .find_map(|zero| code.checked_sub(*zero).filter(|offset| *offset < 10))
            .and_then(|offset| char::from_digit(offset, 10))
            .unwrap_or(c),
    };
    text.chars().map(convert).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(
        clippy::unnecessary_wraps,
        reason = "an optional region is what is tested"
    )]
    fn us() -> Option<Region> {
        Some(Region::parse("us").unwrap())
    }

    fn number(raw: &str) -> Option<String> {
        match read_party(Some(raw), us()) {
            Party::Number(number) => Some(number.as_str().to_owned()),
            _ => None,
        }
    }

    #[test]
    fn every_written_form_of_a_number_is_the_same_number() {
        for raw in [
            "+12025550143",
            "tel:+12025550143",
            "tel:+1-202-555-0143;ext=7",
            "sip:+12025550143@gateway.example;user=phone",
            "SIP:+12025550143@gateway.example",
            "(202) 555-0143",
            "202.555.0143",
            "1 202 555 0143",
            "001 202 555 0143",
            "202-555-0143 x111",
            "202-555-0143 ext. 111",
            "+1 202 555 0143 extension 4",
            "+١٢٠٢٥٥٥٠١٤٣",
            "＋１２０２５５５０１４３",
            "  +1 (202) 555-0143  ",
        ] {
            assert_eq!(number(raw).as_deref(), Some("+12025550143"), "{raw}");
        }
    }

    /// `phonenumber` would cut the trunk prefix of the region from it: `0` in Britain, none in the US.
    #[test]
    fn a_number_with_a_country_code_is_the_same_in_every_region() {
        let regions = ["US", "GB", "DE", "IT"].map(|region| Some(Region::parse(region).unwrap()));
        for written in [
            "0044 7700 900123",
            "+44 (0)7700 900123",
            "+1 (0)202 555 0143",
        ] {
            let Party::Number(number) = read_party(Some(written), None) else {
                panic!("{written} is a number");
            };
            for region in regions {
                let read = read_party(Some(written), region);
                assert_eq!(read, Party::Number(number.clone()), "{written} {region:?}");
                assert!(is_same(written, &number, region), "{written} {region:?}");
            }
        }
    }

    /// It is nobody's: too short for its country.
    #[test]
    fn a_number_that_reads_differently_once_written_out_is_none() {
        assert_eq!(read_party(Some("+788800000"), None), Party::Address);
    }

    #[test]
    fn the_guides_number_works_though_nobody_was_assigned_it() {
        assert_eq!(number("+15550123456").as_deref(), Some("+15550123456"));
        assert_eq!(number("(555) 012-3456").as_deref(), Some("+15550123456"));
    }

    #[test]
    fn what_is_no_number_of_a_customer_has_a_class_of_its_own() {
        let class = |raw| read_party(raw, us());
        assert_eq!(class(None), Party::Absent);
        assert_eq!(class(Some(" ")), Party::Absent);
        for raw in [
            "Unknown",
            "anonymous",
            "sip:anonymous@anonymous.invalid",
            "Withheld",
            "tel:anonymous",
            "+",
            "-",
        ] {
            assert_eq!(class(Some(raw)), Party::Withheld, "{raw}");
        }
        for raw in [
            "204",
            "tel:7001",
            "sip:65f0c0ffee0000000000a11c+exampleorg.orgspan.com@localhost",
            "911",
        ] {
            assert_eq!(class(Some(raw)), Party::Internal, "{raw}");
        }
        for raw in [
            "77c1e0aa-5b1f-4f08-9f5e-0d1c2b3a4f5e",
            "+3367a829916",
            "casey@example.com",
        ] {
            assert_eq!(class(Some(raw)), Party::Address, "{raw}");
        }
    }

    #[test]
    fn the_national_number_leaves_out_the_country_code() {
        assert_eq!(
            E164::try_from("+447700900123".to_owned())
                .unwrap()
                .national(),
            "7700900123"
        );
    }

    #[test]
    fn debug_output_hides_the_number() {
        let caller = E164::try_from("+12025550143".to_owned()).unwrap();
        assert_eq!(format!("{caller:?}"), "E164(…43)");
    }
}
