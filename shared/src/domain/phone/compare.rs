//! Compares a number with those that a person in Pipedrive has.

use super::library::{self, Parsed, Standing};
use super::stored_text::{self, StoredNumber};
use super::{E164, MatchingKey, Region, attempt};

/// Whether a person has a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Comparison {
    /// None of the person's numbers is it.
    Different,
    /// A stored number without country code has its digits, and they fit several countries equally. It is no proof: the
    /// interaction is attached to no one, and the person is named.
    Undecidable,
    /// One of the person's numbers is it.
    Same,
}

/// Compares a number with all that one person has, in whatever form they are stored.
///
/// A stored number without country code is read in the default region, or in the countries of the person's other numbers.
/// Where it is a number of neither, its digits alone prove nothing: there is no national form, of any country, that fits
/// no other country's numbers as well.
#[must_use]
pub fn compare<T: AsRef<str>>(stored: &[T], wanted: &E164, region: Option<Region>) -> Comparison {
    let wanted = Wanted::new(wanted);
    let numbers: Vec<StoredNumber> = stored
        .iter()
        .flat_map(|text| stored_text::numbers_of(text.as_ref(), region))
        .filter(|number| stored_text::is_certain(number, region))
        .collect();
    let is_same = |number: &StoredNumber| wanted.is(&number.text, region);
    if numbers.iter().any(is_same) {
        return Comparison::Same;
    }
    // The rest is needed only where the digits alone are the wanted ones.
    let similar = numbers
        .iter()
        .filter(|number| wanted.resembles(&number.text));
    let similar: Vec<&StoredNumber> = similar
        .filter(|number| !is_at_home(&number.text, region))
        .collect();
    if similar.is_empty() {
        return Comparison::Different;
    }
    let countries: Vec<E164> = numbers
        .iter()
        .filter_map(|number| international(&number.text))
        .collect();
    let judged = similar
        .iter()
        .map(|number| wanted.judge(&number.text, &countries));
    judged.max().unwrap_or(Comparison::Different)
}

/// Whether one stored text is the number. See [`compare`].
#[must_use]
pub fn is_same(stored: &str, wanted: &E164, region: Option<Region>) -> bool {
    compare(&[stored], wanted, region) == Comparison::Same
}

/// The number that is looked for.
struct Wanted<'a> {
    number: &'a E164,
    key: MatchingKey,
}

impl<'a> Wanted<'a> {
    fn new(number: &'a E164) -> Self {
        Self {
            number,
            key: MatchingKey::of(number),
        }
    }

    fn has_key_of(&self, parsed: &Parsed) -> bool {
        MatchingKey::of(&parsed.number) == self.key
    }

    /// Whether a text is read as it: by its country code, in the default region, or as international without its plus.
    fn is(&self, text: &str, region: Option<Region>) -> bool {
        // Also what this product stored before it knew the old spelling of a number.
        if text == self.number.as_str() {
            return true;
        }
        match attempt::best(text, region, None) {
            Ok((parsed, _)) => self.has_key_of(&parsed),
            Err(_) => attempt::without_plus(text).is_some_and(|parsed| self.has_key_of(&parsed)),
        }
    }

    /// Whether a text without country code is it in its own country.
    fn resembles(&self, text: &str) -> bool {
        let in_region = |region| library::parse_national(text, region);
        !stored_text::has_country_code(text)
            && library::regions_of(self.number)
                .into_iter()
                .filter_map(in_region)
                .any(|parsed| self.has_key_of(&parsed))
    }

    /// Compares a text that is a number in its own country, and none in the default region.
    fn judge(&self, text: &str, others: &[E164]) -> Comparison {
        let regions: Vec<_> = others.iter().flat_map(library::regions_of).collect();
        let readings: Vec<Parsed> = regions
            .into_iter()
            .filter_map(|region| library::parse_national(text, region))
            .collect();
        if readings.iter().any(|reading| self.has_key_of(reading)) {
            return Comparison::Same;
        }
        if readings
            .iter()
            .any(|reading| reading.standing == Standing::Valid)
        {
            return Comparison::Different;
        }
        // Some plans of numbering take nearly all digits (Austria, Serbia): others have such numbers, too.
        Comparison::Undecidable
    }
}

/// Whether the default region has a number of this length: then it is that one.
fn is_at_home(text: &str, region: Option<Region>) -> bool {
    region.is_some() && attempt::best(text, region, None).is_ok()
}

/// A stored number that has its country code.
fn international(text: &str) -> Option<E164> {
    let parsed =
        stored_text::has_country_code(text).then(|| attempt::best(text, None, None).ok())?;
    parsed.map(|(parsed, _)| parsed.number)
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
    fn a_number_of_the_default_region_stays_there() {
        let german = e164("+492025550143");
        assert_eq!(
            compare(&["(202) 555-0143"], &german, us()),
            Comparison::Different
        );
        let other_german = e164("+495552000822");
        let unassigned = compare(&["(555) 200-0822"], &other_german, us());
        assert_eq!(
            unassigned,
            Comparison::Different,
            "whether it is assigned or not"
        );
    }

    #[test]
    fn a_national_number_is_read_in_the_country_of_the_persons_other_numbers() {
        let briton = e164("+447700900123");
        let beside = |other| compare(&["07700 900123", other], &briton, us());
        assert_eq!(beside("+44 20 7946 0000"), Comparison::Same);
        assert_eq!(beside("0044 20 7946 0000"), Comparison::Same);
        assert_eq!(beside("202-555-0143"), Comparison::Undecidable);
        // An assigned number of another country is that one.
        let indian = compare(&["07700 900123", "+91 20 2555 0171"], &briton, us());
        assert_eq!(indian, Comparison::Different);
    }

    #[test]
    fn digits_that_fit_several_countries_equally_decide_nothing() {
        let briton = e164("+447700900123");
        for region in [us(), None] {
            assert_eq!(
                compare(&["07700 900123"], &briton, region),
                Comparison::Undecidable
            );
        }
        let american = e164("+12025550143");
        assert_eq!(
            compare(&["(202) 555-0143"], &american, None),
            Comparison::Undecidable
        );
        assert_eq!(
            compare(&["(202) 555-0199"], &american, None),
            Comparison::Different
        );
    }

    #[test]
    fn both_spellings_of_a_mobile_are_the_same() {
        for (stored, wanted, home) in [
            ("+52 1 55 1234 5678", "+525512345678", "us"),
            ("+52 55 1234 5678", "+525512345678", "us"),
            ("044 55 1234 5678", "+525512345678", "mx"),
            ("+54 11 2345-6780", "+5491123456780", "us"),
            ("011 15-2345-6780", "+541123456780", "ar"),
            ("(55) 9812-3456", "+5555998123456", "br"),
            ("(55) 99812-3456", "+555598123456", "br"),
        ] {
            assert!(
                is_same(stored, &e164(wanted), region(home)),
                "{stored} {wanted}"
            );
        }
    }

    #[test]
    fn an_international_number_without_its_plus_is_known() {
        assert!(is_same("49 1579 1234567", &e164("+4915791234567"), us()));
        assert!(is_same("004915791234567", &e164("+4915791234567"), us()));
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
