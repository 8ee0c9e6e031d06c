//! Takes the wrapping off a text: schemes, parameters, escapes, invisible characters, extensions, tones.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::library;

/// Schemes of addresses that hold a number and nothing else.
const NUMBER_SCHEMES: [&str; 5] = ["tel:", "callto:", "sms:", "smsto:", "whatsapp:"];

/// A text without its wrapping.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unwrapped {
    /// What is left: perhaps a number.
    pub text: String,
    /// Whether it was the user of a SIP address.
    pub is_sip: bool,
    /// Whether the address itself says that its owner is anonymous (RFC 3323).
    pub is_anonymous: bool,
}

/// Takes off what stands around a number.
pub(super) fn unwrap(raw: &str) -> Unwrapped {
    let text = plain_characters(&percent_decoded(raw));
    let text = inside_brackets(&text)
        .trim()
        .trim_matches(['"', '\''])
        .trim();
    if let Some(rest) = after_scheme(text, &["sips:", "sip:"]) {
        let (user, host) = rest.split_once('@').unwrap_or((rest, ""));
        let host = host.split([';', ':', '?', '>']).next().unwrap_or(host);
        return Unwrapped {
            text: with_context(user.split(':').next().unwrap_or(user)),
            is_sip: true,
            is_anonymous: host.eq_ignore_ascii_case("anonymous.invalid"),
        };
    }
    let text = match after_scheme(text, &NUMBER_SCHEMES) {
        Some(rest) => with_context(rest.trim_start_matches('/')),
        None if has_parameter(text, "phone-context=") => with_context(text),
        None => text.to_owned(),
    };
    Unwrapped {
        text,
        is_sip: false,
        is_anonymous: false,
    }
}

/// Undoes `%2B` and the like; a text that is not UTF-8 then is left as it is.
fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    percent_decode_str(text)
        .decode_utf8()
        .unwrap_or(Cow::Borrowed(text))
}

/// Drops invisible characters, and writes digits, plus signs, hyphens and spaces of any script in ASCII. Line ends stay.
pub(super) fn plain_characters(text: &str) -> String {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return text.to_owned();
    }
    text.chars().filter_map(plain_character).collect()
}

fn plain_character(c: char) -> Option<char> {
    match c {
        ' '..='~' | '\n' => Some(c),
        '\t' | '\r' => Some(' '),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE63}' | '\u{FF0D}' => Some('-'),
        '\u{FF0B}' | '\u{FE62}' | '\u{207A}' => Some('+'),
        '\u{FF08}' => Some('('),
        '\u{FF09}' => Some(')'),
        '\u{FF0F}' => Some('/'),
        c if c.is_control() || is_invisible(c) => None,
        c if c.is_whitespace() => Some(' '),
        c if c.is_numeric() => Some(library::decimal_digit(c).unwrap_or(c)),
        c => Some(c),
    }
}

/// Format characters (Unicode category Cf) and fillers that take no room.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

/// The address in `"Casey" <sip:…>`.
fn inside_brackets(text: &str) -> &str {
    let inside = text
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    inside.map_or(text, |(inside, _)| inside)
}

fn after_scheme<'a>(text: &'a str, schemes: &[&str]) -> Option<&'a str> {
    schemes.iter().find_map(|scheme| {
        let head = text.get(..scheme.len())?;
        head.eq_ignore_ascii_case(scheme)
            .then(|| &text[scheme.len()..])
    })
}

fn has_parameter(text: &str, name: &str) -> bool {
    text.split(';')
        .skip(1)
        .any(|parameter| parameter_value(parameter, name).is_some())
}

fn parameter_value<'a>(parameter: &'a str, name: &str) -> Option<&'a str> {
    after_scheme(parameter.trim_start(), &[name])
}

/// Cuts parameters; a `phone-context` that is the beginning of a number is put before the rest of it (RFC 3966).
fn with_context(text: &str) -> String {
    let mut parts = text.split(';');
    let number = parts.next().unwrap_or(text).trim();
    let context = parts.find_map(|parameter| parameter_value(parameter, "phone-context="));
    match context.filter(|context| context.starts_with('+') && !number.starts_with('+')) {
        Some(context) => format!("{context}{number}"),
        None => number.to_owned(),
    }
}

/// Cuts ` x12`, ` ext. 12`, ` extension 12` and `#12`, and what is dialled behind the number: `,,123#`, `p123`, `w1`.
pub(super) fn without_extension(text: &str) -> &str {
    let is_mark = |c: char| {
        matches!(
            c.to_ascii_lowercase(),
            'e' | 'x' | '#' | ',' | ';' | 'p' | 'w' | '~' | 'i' | 'д'
        )
    };
    let marks = text.char_indices().filter(|(_, c)| is_mark(*c));
    let cut = marks
        .map(|(at, _)| at)
        .find(|at| is_extension(&text[*at..]));
    match cut {
        Some(at) if count_digits(&text[..at]) > 0 => text[..at].trim_end(),
        _ => text,
    }
}

/// Most digits of an extension, or of tones behind a pause. More may be a number.
const EXTENSION_MAX_DIGITS: usize = 7;

fn is_extension(tail: &str) -> bool {
    let lower = tail.to_lowercase();
    let words = ["extension", "extn", "ext", "int", "доб", "x", "#", "~"];
    let after_word = words.iter().find_map(|word| lower.strip_prefix(word));
    let is_dialled = |rest: &str, others: &[char]| {
        let digits = rest.chars().filter(char::is_ascii_digit).count();
        let is_plain = rest
            .chars()
            .all(|c| c.is_ascii_digit() || others.contains(&c));
        (1..EXTENSION_MAX_DIGITS).contains(&digits) && is_plain
    };
    if let Some(rest) = after_word {
        let rest = rest.trim_start_matches(|c: char| ".:#= ".contains(c));
        return is_dialled(rest.trim_end_matches('#'), &[]);
    }
    let tones = lower.trim_start_matches([',', ';', 'p', 'w', ' ']);
    tones.len() < lower.len() && is_dialled(tones, &[',', ';', 'p', 'w', '#', '*', ' '])
}

/// How many digits a text has.
pub(super) fn count_digits(text: &str) -> usize {
    text.chars().filter(char::is_ascii_digit).count()
}

/// The digits of a text.
pub(super) fn digits_of(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Whether a text has letters of any script.
pub(super) fn has_letters(text: &str) -> bool {
    text.chars().any(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapping_comes_off_and_the_number_stays() {
        for (raw, number) in [
            ("tel:+1-202-555-0143;ext=7", "+1-202-555-0143"),
            ("tel:0143;phone-context=+1202555", "+12025550143"),
            ("tel:2025550143;phone-context=example.com", "2025550143"),
            ("%2B12025550143", "+12025550143"),
            ("tel:%2B1%20202%20555%200143", "+1 202 555 0143"),
            (
                "\u{202A}+1 202\u{A0}555\u{2011}0143\u{202C}",
                "+1 202 555-0143",
            ),
            ("+١٢٠٢٥٥٥٠١٤٣", "+12025550143"),
            ("＋１２０２５５５０１４３", "+12025550143"),
            (
                "\"Casey\" <sip:+12025550143@gateway.example;user=phone>",
                "+12025550143",
            ),
            (
                "sip:2025550143;phone-context=+1@gateway.example",
                "+12025550143",
            ),
            ("'+12025550143", "+12025550143"),
            ("whatsapp:+12025550143", "+12025550143"),
            ("100% sure", "100% sure"),
        ] {
            assert_eq!(unwrap(raw).text, number, "{raw}");
        }
    }

    #[test]
    fn extensions_and_tones_are_cut_from_behind_a_number() {
        for text in [
            "202-555-0143 x111",
            "202-555-0143 ext. 111",
            "202-555-0143 extension 4",
            "202-555-0143#12",
            "202-555-0143,,123#",
            "202-555-0143;9",
            "202-555-0143p123",
            "202-555-0143w1w2",
            "202-555-0143 доб. 12",
        ] {
            assert_eq!(without_extension(text), "202-555-0143", "{text}");
        }
        for text in [
            "1-800-FLOWERS",
            "+12025550143;+12025550144",
            "2025550143/2025550144",
            "ext 12",
            "example",
        ] {
            assert_eq!(without_extension(text), text);
        }
    }
}
