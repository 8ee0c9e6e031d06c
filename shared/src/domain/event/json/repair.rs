//! Repairs what a strict parser refuses although its meaning is clear: bytes that are no UTF-8, control characters that
//! were not escaped, and halves of surrogate pairs. The sender of such a body does not repeat it.

use std::borrow::Cow;

/// U+FFFD, which stands for what cannot be read.
const REPLACEMENT: &str = "\u{fffd}";

/// The body with everything repaired; borrowed where nothing had to be.
pub(in crate::domain::event) fn repaired(body: &[u8]) -> Cow<'_, [u8]> {
    let repairs = [
        with_valid_utf8,
        with_escaped_controls,
        without_lone_surrogates,
    ];
    let mut text = Cow::Borrowed(body);
    for repair in repairs {
        if let Cow::Owned(repaired) = repair(&text) {
            text = Cow::Owned(repaired);
        }
    }
    text
}

/// Replaces bytes that are no UTF-8. A character that the end of the body cuts through is left: nothing is known of it.
fn with_valid_utf8(body: &[u8]) -> Cow<'_, [u8]> {
    let mut valid = Vec::new();
    let mut rest = body;
    while let Err(error) = std::str::from_utf8(rest) {
        let Some(broken) = error.error_len() else {
            break;
        };
        let (before, after) = rest.split_at(error.valid_up_to());
        valid.extend_from_slice(before);
        valid.extend_from_slice(REPLACEMENT.as_bytes());
        rest = &after[broken..];
    }
    if valid.is_empty() {
        return Cow::Borrowed(body);
    }
    valid.extend_from_slice(rest);
    Cow::Owned(valid)
}

/// Escapes control characters inside strings, such as the line feeds of a template that does not escape.
fn with_escaped_controls(body: &[u8]) -> Cow<'_, [u8]> {
    let mut escaped = Vec::new();
    let (mut copied, mut is_in_string) = (0, false);
    let mut at = 0;
    while at < body.len() {
        match body[at] {
            b'"' => is_in_string = !is_in_string,
            // The character after a backslash ends no string; a raw control there is escaped as itself.
            b'\\' if is_in_string && body.get(at + 1).is_some_and(|next| *next >= b' ') => at += 1,
            control @ ..b' ' if is_in_string => {
                escaped.extend_from_slice(&body[copied..at]);
                escaped.extend_from_slice(format!("\\u{control:04x}").as_bytes());
                copied = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    if copied == 0 {
        return Cow::Borrowed(body);
    }
    escaped.extend_from_slice(&body[copied..]);
    Cow::Owned(escaped)
}

/// Replaces each half of an escaped surrogate pair that stands alone. A text that JavaScript cut in the middle of an emoji
/// ends in such a half, which no parser of JSON takes.
fn without_lone_surrogates(body: &[u8]) -> Cow<'_, [u8]> {
    let mut repaired = Cow::Borrowed(body);
    let mut at = 0;
    while at < body.len() {
        match (body[at], surrogate(body, at)) {
            (b'\\', Some(0xD800..=0xDBFF))
                if matches!(surrogate(body, at + 6), Some(0xDC00..=0xDFFF)) =>
            {
                at += 12;
            }
            // The end of the body cuts through the pair: nothing is known of its second half.
            (b'\\', Some(0xD800..=0xDBFF)) if is_cut_escape(&body[at + 6..]) => break,
            (b'\\', Some(_)) => {
                repaired.to_mut()[at + 2..at + 6].copy_from_slice(b"fffd");
                at += 6;
            }
            // What is escaped begins no escape.
            (b'\\', None) => at += 2,
            _ => at += 1,
        }
    }
    repaired
}

/// Whether `rest` is the beginning of an escape, and ends before the escape does.
fn is_cut_escape(rest: &[u8]) -> bool {
    rest.len() < 6 && (rest.is_empty() || rest.starts_with(b"\\")) && !rest.contains(&b'"')
}

/// The surrogate whose escape begins at `at`.
fn surrogate(body: &[u8], at: usize) -> Option<u32> {
    let digits = body.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let code = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    (0xD800..=0xDFFF).contains(&code).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: &[u8]) -> String {
        String::from_utf8_lossy(&repaired(body)).into_owned()
    }

    #[test]
    fn a_body_without_faults_is_borrowed() {
        for body in [
            r#"{"a": "\ud83d\ude00 \\ud83d \"", "b" :
                "é"}"#,
            "",
        ] {
            assert!(matches!(repaired(body.as_bytes()), Cow::Borrowed(_)));
        }
    }

    #[test]
    fn raw_control_characters_are_escaped_inside_strings_alone() {
        assert_eq!(
            text(b"{\n\"a\":\"one\ntwo\tthree\",\n\"b\":\"\\\\\n\\\"\r\"}"),
            "{\n\"a\":\"one\\u000atwo\\u0009three\",\n\"b\":\"\\\\\\u000a\\\"\\u000d\"}"
        );
    }

    #[test]
    fn bytes_that_are_no_utf_8_are_replaced_and_a_character_that_is_cut_is_left() {
        assert_eq!(
            text(b"{\"a\":\"Jos\xe9 M\xfcller\"}"),
            "{\"a\":\"Jos\u{fffd} M\u{fffd}ller\"}"
        );
        assert_eq!(&*repaired(b"{\"a\":\"\xc3"), b"{\"a\":\"\xc3");
    }

    #[test]
    fn halves_of_surrogate_pairs_are_replaced() {
        assert_eq!(
            text(br#"{"a":"C\\\ud83d \ud83d\ude00 \ud83dx"}"#),
            r#"{"a":"C\\\ufffd \ud83d\ude00 \ufffdx"}"#
        );
        for cut in [r#"{"a":"\ud83d\ude0"#, r#"{"a":"\ud83d"#] {
            assert_eq!(text(cut.as_bytes()), cut);
        }
    }
}
