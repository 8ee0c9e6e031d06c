//! The ways in which a text can be a number, tried in their order.

use super::library::{self, Parsed, Standing, Unread};
use super::text::digits_of;
use super::{Reason, Region};

/// Digits of a Mexican number without its country code.
const MEXICAN_DIGITS: usize = 10;

/// The best reading of a text as a customer's number: the first assigned one, else the first possible one.
///
/// # Errors
///
/// When it is none. The error is that of the text as it is written.
pub(super) fn best(
    text: &str,
    region: Option<Region>,
    outside_line: Option<&str>,
) -> Result<(Parsed, Reason), Unread> {
    let as_written = if text.starts_with('+') {
        Reason::International
    } else {
        region.map_or(Reason::NoRegion, Reason::National)
    };
    let first = library::parse(text, region);
    let mut possible = None;
    match first.clone() {
        Ok(parsed) if parsed.standing == Standing::Valid => return Ok((parsed, as_written)),
        Ok(parsed) => possible = Some((parsed, as_written)),
        Err(_) => {}
    }
    for (text, reason) in rewritten(text, region, outside_line) {
        match library::parse(&text, region) {
            Ok(parsed) if parsed.standing == Standing::Valid => return Ok((parsed, reason)),
            Ok(parsed) => possible = possible.or(Some((parsed, reason))),
            Err(_) => {}
        }
    }
    possible.ok_or_else(|| first.err().unwrap_or(Unread::NoNumber))
}

/// The number that digits without plus are, taken for an international one: whatever is read with its plus, an old
/// spelling included.
pub(super) fn without_plus(text: &str) -> Option<Parsed> {
    let digits = digits_of(text);
    if text.starts_with('+') || digits.starts_with('0') {
        return None;
    }
    let with_plus = |digits: &str| best(&format!("+{digits}"), None, None).ok();
    let without_trunk = || with_plus(&digits_of(&text.replacen("(0)", "", 1)));
    let best = with_plus(&digits).or_else(without_trunk);
    best.map(|(parsed, _)| parsed)
}

/// The text as it should have been written, with the reason to read it so.
fn rewritten(
    text: &str,
    region: Option<Region>,
    outside_line: Option<&str>,
) -> Vec<(String, Reason)> {
    let mut texts = Vec::new();
    // `00` is the exit code of most of the world and none of North America, where no number begins with it.
    if let Some(rest) = text.strip_prefix("00") {
        texts.push((format!("+{rest}"), Reason::ExitCode));
    }
    // `+1 (0)202 555 0143`: a trunk prefix in brackets, in a country that has none.
    let international = texts.first().map_or(text, |(text, _)| text).to_owned();
    if international.starts_with('+') && international.contains("(0)") {
        texts.push((international.replacen("(0)", "", 1), Reason::International));
    }
    // Behind the exit code of the region, too: only the library knows all of those.
    let dialled = library::with_country_code(&international, region);
    if let Some(number) = old_mexican(dialled.as_deref().unwrap_or(&international), region) {
        texts.push((number, Reason::OldMexican));
    }
    if let Some((prefix, rest)) =
        outside_line.and_then(|prefix| Some((prefix, text.strip_prefix(prefix)?)))
    {
        let rest = rest.trim_start_matches([' ', '-', '.', ',', 'w']);
        let reason = Reason::OutsideLine(prefix.to_owned());
        let behind = rewritten(rest, region, None).into_iter();
        texts.extend(behind.map(|(text, _)| (text, reason.clone())));
        texts.push((rest.to_owned(), reason));
    }
    texts
}

/// A mobile of Mexico as it was dialled until 2019: with 1, 044 or 045 before its ten digits.
fn old_mexican(text: &str, region: Option<Region>) -> Option<String> {
    let digits = digits_of(text);
    let national = match text.strip_prefix('+') {
        Some(_) => digits.strip_prefix("52")?,
        None if region.is_some_and(|region| region.code() == "MX") => digits.as_str(),
        None => return None,
    };
    let bare = ["044", "045", "01", "1"]
        .iter()
        .find_map(|prefix| national.strip_prefix(prefix))?;
    (bare.len() == MEXICAN_DIGITS).then(|| format!("+52{bare}"))
}
