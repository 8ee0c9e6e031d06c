//! Digits of telephone numbers, packed into whole numbers so that a million people fit into memory.

/// So many digits are compared; those after them are left out.
const KEPT: usize = 32;

/// Digits in the order of a dictionary: those that begin alike stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Packed(u128);

impl Packed {
    /// Four bits a digit from the left, each digit plus one, so that an end sorts before a zero.
    pub(super) fn of(digits: &str) -> Self {
        let mut packed = 0_u128;
        for (position, digit) in digits.bytes().take(KEPT).enumerate() {
            let value = u128::from(digit - b'0') + 1;
            packed |= value << (128 - 4 * (position + 1));
        }
        Self(packed)
    }

    /// The last of those that begin with `digits`.
    pub(super) fn last_with(digits: &str) -> Self {
        let used = 4 * digits.len().min(KEPT);
        let rest = u128::MAX.checked_shr(u32::try_from(used).unwrap_or(128));
        Self(Self::of(digits).0 | rest.unwrap_or(0))
    }
}

/// Every suffix of these digits.
pub(super) fn suffixes(digits: &str) -> impl Iterator<Item = Packed> + use<'_> {
    // Digits are ASCII, so every index is a boundary.
    (0..digits.len()).map(|start| Packed::of(&digits[start..]))
}

/// The digits of a number as it was written. A trailing extension stays part of it.
pub(super) fn digits_of(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_that_begin_alike_stand_together() {
        let (first, last) = (Packed::of("2025"), Packed::last_with("2025"));

        for inside in ["2025", "20250", "2025550123", "20259999"] {
            assert!((first..=last).contains(&Packed::of(inside)), "{inside}");
        }
        for outside in ["202", "2024999", "2026", "1", "3"] {
            assert!(!(first..=last).contains(&Packed::of(outside)), "{outside}");
        }
    }
}
