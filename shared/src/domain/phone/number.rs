//! A telephone number in E.164.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Fewest and most digits of a number with its country code. E.164 allows at most 15, but the reference writes longer
/// ones: Japan's toll-free numbers have 17 behind the country code.
const DIGITS: std::ops::RangeInclusive<usize> = 5..=20;

/// A telephone number: `+`, country code and national number, as Google's libphonenumber writes it. The first digit is not
/// `0`.
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

    /// The digits, without the `+`.
    #[must_use]
    pub fn digits(&self) -> &str {
        &self.0[1..]
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
        let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
        if DIGITS.contains(&digits.len()) && is_plain {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_national_number_leaves_out_the_country_code() {
        let national = |text: &str| E164::try_from(text.to_owned()).unwrap().national();
        assert_eq!(national("+447700900123"), "7700900123");
        assert_eq!(national("+390612345678"), "0612345678");
    }

    #[test]
    fn debug_output_hides_the_number() {
        let caller = E164::try_from("+12025550143".to_owned()).unwrap();
        assert_eq!(format!("{caller:?}"), "E164(…43)");
    }

    #[test]
    fn what_has_no_plus_or_begins_with_zero_is_no_e164_number() {
        for text in ["12025550143", "+0202555014", "+1202", "+1 202 555 0143", ""] {
            assert!(E164::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
