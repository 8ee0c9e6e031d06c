//! The library that reads numbers exactly as Google's libphonenumber does. No other file names it.

use rlibphonenumber::{
    CountryCodeSource, NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat,
    Region as LibraryRegion, ValidationError,
};

use super::{E164, Region};

/// How far a reading can be trusted, the best last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// Its country has numbers of this length, but this range is not assigned: the guide's `+15550123456`.
    Possible,
    /// It lies in an assigned range of its country.
    Valid,
}

/// A number that may exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parsed {
    pub number: E164,
    pub standing: Standing,
}

/// Why a text cannot be a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It has no form of a number, or nothing says of which country.
    NoNumber,
    /// No country has this code.
    NoCountry,
    /// Too few digits for any number of the region.
    TooShort,
    /// It lacks the area code.
    Local,
    /// It has too many digits.
    TooLong,
    /// Its country has shorter numbers and longer ones.
    Length,
}

/// Reads a text; a region matters to texts without country code only.
pub(super) fn parse(text: &str, region: Option<Region>) -> Result<Parsed, Unread> {
    let parsed = PHONE_NUMBER_UTIL
        .parse(text, region.and_then(to_library))
        .map_err(|error| unread(&error))?;
    assess(&parsed)
}

/// The digits of a text that has a country code, with a plus in place of what stands before it; whether or not such a
/// number is possible.
pub(super) fn with_country_code(text: &str, region: Option<Region>) -> Option<String> {
    let region = region.and_then(to_library);
    let parsed = PHONE_NUMBER_UTIL
        .parse_and_keep_raw_input(text, region)
        .ok()?;
    let is_national = parsed.country_code_source() == CountryCodeSource::FromDefaultCountry;
    let code = parsed.country_code;
    (!is_national).then(|| format!("+{code}{}", parsed.get_national_significant_number()))
}

/// [`parse`] for a text that is a number of the region's own, without country code.
pub(super) fn parse_national(text: &str, region: LibraryRegion) -> Option<Parsed> {
    let parsed = PHONE_NUMBER_UTIL
        .parse_and_keep_raw_input(text, Some(region))
        .ok()?;
    let is_national = parsed.country_code_source() == CountryCodeSource::FromDefaultCountry;
    assess(&parsed).ok().filter(|_| is_national)
}

fn assess(parsed: &PhoneNumber) -> Result<Parsed, Unread> {
    match parsed.is_possible_with_reason() {
        Ok(NumberLengthType::IsPossible) => {}
        Ok(NumberLengthType::IsPossibleLocalOnly) => return Err(Unread::Local),
        Err(ValidationError::InvalidCountryCode) => return Err(Unread::NoCountry),
        Err(ValidationError::TooShort) => return Err(Unread::TooShort),
        Err(ValidationError::TooLong) => return Err(Unread::TooLong),
        Err(ValidationError::InvalidLength) => return Err(Unread::Length),
    }
    let standing = if parsed.is_valid() {
        Standing::Valid
    } else {
        Standing::Possible
    };
    let number = E164::try_from(format(parsed)).map_err(|_| Unread::Length)?;
    // Of some numbers that are not assigned it cuts a trunk prefix each time it reads them. Such a number is never found
    // again.
    let is_stable = standing == Standing::Valid || is_read_as_itself(&number);
    if is_stable {
        Ok(Parsed { number, standing })
    } else {
        Err(Unread::Length)
    }
}

fn is_read_as_itself(number: &E164) -> bool {
    let again = PHONE_NUMBER_UTIL.parse(number.as_str(), None);
    again.is_ok_and(|again| format(&again) == number.as_str())
}

fn format(number: &PhoneNumber) -> String {
    number.format_as(PhoneNumberFormat::E164).into_owned()
}

fn unread(error: &rlibphonenumber::ParseError) -> Unread {
    use rlibphonenumber::ParseError;
    match error {
        // Also where no region is given and the text has no country code.
        ParseError::InvalidCountryCode => Unread::NoCountry,
        ParseError::NotANumber(_) => Unread::NoNumber,
        ParseError::TooShortAfterIdd | ParseError::TooShortNsn => Unread::TooShort,
        ParseError::TooLongNsn => Unread::TooLong,
    }
}

impl E164 {
    /// The national significant number: without `+` and country code.
    #[must_use]
    pub fn national(&self) -> String {
        match PHONE_NUMBER_UTIL.parse(self.as_str(), None) {
            Ok(parsed) => parsed.get_national_significant_number(),
            Err(_) => self.digits().to_owned(),
        }
    }
}

/// The regions that share the country code of a number, the main one first.
pub(super) fn regions_of(number: &E164) -> Vec<LibraryRegion> {
    let Ok(parsed) = PHONE_NUMBER_UTIL.parse(number.as_str(), None) else {
        return Vec::new();
    };
    PHONE_NUMBER_UTIL
        .get_regions_for_country_calling_code(parsed.country_code)
        .map(Iterator::collect)
        .unwrap_or_default()
}

/// The value of a decimal digit of any script.
pub(super) fn decimal_digit(c: char) -> Option<char> {
    let mut buffer = [0; 4];
    PHONE_NUMBER_UTIL
        .normalize_digits_only(c.encode_utf8(&mut buffer))
        .chars()
        .next()
}

/// Loads the metadata, which takes milliseconds, before the first call needs it.
pub fn warm_up() {
    for text in ["+12025550100", "+447700900123"] {
        drop(parse(text, None));
    }
}

fn to_library(region: Region) -> Option<LibraryRegion> {
    LibraryRegion::from_code(region.code()).ok()
}
