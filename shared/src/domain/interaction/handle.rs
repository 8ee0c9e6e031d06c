//! Numbers and addresses, compared across spellings without knowing any country's rules.

/// Digits from which on two numbers can be the same with and without their country code.
const COMPARABLE_MIN_DIGITS: usize = 7;

/// A number's digits without leading zeros, or an address in lower case.
pub(super) struct Handle {
    text: String,
    is_number: bool,
}

impl Handle {
    /// Reads what an event gives; nothing when there is nothing to compare.
    pub(super) fn of(number: &str) -> Option<Self> {
        let lower = number.trim().to_lowercase();
        let bare = lower
            .split_once(':')
            .map_or(lower.as_str(), |(_, rest)| rest);
        let user = bare.split(['@', ';']).next().unwrap_or(bare);
        let has_digit = user.contains(|c: char| c.is_ascii_digit());
        let is_number = has_digit && !user.contains(char::is_alphabetic);
        let text = if is_number {
            let digits: String = user.chars().filter(char::is_ascii_digit).collect();
            digits.trim_start_matches('0').to_owned()
        } else {
            bare.to_owned()
        };
        (!text.is_empty()).then_some(Self { text, is_number })
    }

    /// Whether both are the same, a number with and without its country code included.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let (longer, shorter) = if self.text.len() < other.text.len() {
            (&other.text, &self.text)
        } else {
            (&self.text, &other.text)
        };
        let is_comparable =
            self.is_number && other.is_number && shorter.len() >= COMPARABLE_MIN_DIGITS;
        longer == shorter || is_comparable && longer.ends_with(shorter.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn are_same(one: &str, other: &str) -> bool {
        Handle::of(one)
            .unwrap()
            .is_same(&Handle::of(other).unwrap())
    }

    #[test]
    fn spellings_of_one_number_are_the_same() {
        for (one, other) in [
            ("tel:+12025550143", "(202) 555-0143"),
            ("tel:+442079460958", "020 7946 0958"),
            (
                "sip:+12025550143@carrier.example;user=phone",
                "0012025550143",
            ),
            ("Guest@Example.com", "guest@example.com"),
        ] {
            assert!(are_same(one, other), "{one} {other}");
            assert!(are_same(other, one), "{other} {one}");
        }
    }

    #[test]
    fn others_are_not() {
        for (one, other) in [
            ("tel:+12025550143", "tel:+12025550144"),
            ("tel:+12025550143", "0143"),
            ("sip:alex@example.com", "sip:kim@example.com"),
        ] {
            assert!(!are_same(one, other), "{one} {other}");
        }
        assert!(Handle::of(" ").is_none());
        assert!(Handle::of("000").is_none());
    }
}
