//! Numbers of the company itself: never a customer's.

use super::{E164, MatchingKey, library};

/// The company's own numbers: single ones and ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnNumbers {
    ranges: Vec<(MatchingKey, MatchingKey)>,
}

impl OwnNumbers {
    /// Reads numbers such as `+12025550100`, and ranges such as `+12025550100-+12025550119`, both ends included. Each
    /// number has its country code; both ends of a range have the same number of digits.
    ///
    /// # Errors
    ///
    /// When an entry is neither. The text names the entry.
    pub fn parse<T: AsRef<str>>(entries: &[T]) -> Result<Self, String> {
        let ranges = entries.iter().map(|entry| parse_entry(entry.as_ref()));
        Ok(Self {
            ranges: ranges.collect::<Result<_, _>>()?,
        })
    }

    /// Whether a number is the company's.
    #[must_use]
    pub fn contains(&self, number: &E164) -> bool {
        if self.ranges.is_empty() {
            return false;
        }
        let key = MatchingKey::of(number);
        // Digits of one length sort as numbers do.
        let holds = |(first, last): &(MatchingKey, MatchingKey)| {
            first.as_str().len() == key.as_str().len() && *first <= key && key <= *last
        };
        self.ranges.iter().any(holds)
    }
}

fn parse_entry(entry: &str) -> Result<(MatchingKey, MatchingKey), String> {
    let Some((first, last)) = split_range(entry) else {
        let key = parse_number(entry, entry)?;
        return Ok((key.clone(), key));
    };
    let (first, last) = (parse_number(first, entry)?, parse_number(last, entry)?);
    if first.as_str().len() != last.as_str().len() {
        return Err(format!(
            "`{entry}`: both ends of a range have the same number of digits"
        ));
    }
    if first > last {
        return Err(format!(
            "`{entry}`: the first number of a range is the smaller one"
        ));
    }
    Ok((first, last))
}

/// Splits at the hyphen before the second `+`. Other hyphens part the digits of a number.
fn split_range(entry: &str) -> Option<(&str, &str)> {
    let second = entry.rfind('+').filter(|at| *at > 0)?;
    let first = entry[..second].trim_end().strip_suffix('-')?;
    Some((first, &entry[second..]))
}

fn parse_number(text: &str, entry: &str) -> Result<MatchingKey, String> {
    let text = text.trim();
    let parsed = library::parse(text, None)
        .ok()
        .filter(|_| text.starts_with('+'));
    let parsed = parsed.ok_or_else(|| {
        format!("`{entry}` is neither a number such as +12025550100 nor a range such as +12025550100-+12025550119")
    })?;
    Ok(MatchingKey::of(&parsed.number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> E164 {
        E164::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn a_range_holds_both_of_its_ends_and_what_lies_between() {
        let own = OwnNumbers::parse(&[
            "+12025550100-+12025550119",
            "+44 20 7946 0000",
            "+1-202-555-0190",
        ])
        .unwrap();
        for held in [
            "+12025550100",
            "+12025550107",
            "+12025550119",
            "+442079460000",
            "+12025550190",
        ] {
            assert!(own.contains(&number(held)), "{held}");
        }
        for strange in [
            "+12025550120",
            "+12025550099",
            "+442079460001",
            "+1202555010",
        ] {
            assert!(!own.contains(&number(strange)), "{strange}");
        }
    }

    #[test]
    fn an_own_mobile_is_known_in_both_of_its_spellings() {
        let own = OwnNumbers::parse(&["+5491123456780"]).unwrap();
        assert!(own.contains(&number("+541123456780")));
    }

    #[test]
    fn an_entry_that_is_neither_number_nor_range_is_refused_by_name() {
        for entry in [
            "2025550100",
            "+12025550119-+12025550100",
            "+12025550100-+442079460000",
            "+12025550100-0119",
            "reception",
        ] {
            let error = OwnNumbers::parse(&[entry]).unwrap_err();
            assert!(error.contains(entry), "{error}");
        }
    }
}
