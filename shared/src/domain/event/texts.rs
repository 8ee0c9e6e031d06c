//! Texts of events, cleaned: no control characters, no variables of templates, no encoded media.

/// Longest text for people that is remembered, in characters; a record shows less of it. A body may hold a transcript of
/// a megabyte, which is Genesys' to keep.
pub(in crate::domain) const TEXT_MAX_CHARS: usize = 10_000;
/// Longest name, number or address that is remembered, in bytes. Longer ones are something else.
const VALUE_MAX_BYTES: usize = 4_000;
/// From how many characters on a word of letters, digits and `+/=-_` is encoded media, and no word.
const MEDIA_MIN_CHARS: usize = 256;
/// What stands in a text where media were.
const MEDIA_LEFT_OUT: &str = "[media left out]";

/// Words that templates and programs write where they have no value.
const NO_VALUE: [&str; 5] = ["null", "undefined", "not_set", "[object object]", "nan"];

/// Whether `text` is the variable of a template that was not filled, or a word that stands for no value: `${input.x}`,
/// `$input.x`, `$!{x}`, `{{x}}`, `null`, `undefined`, `NOT_SET`.
///
/// Genesys' data actions write the name of a variable that is not set.
pub(super) fn is_unfilled(text: &str) -> bool {
    let text = text.trim();
    text.contains("${") || text.contains("$!{") || text.contains("{{") || is_one_variable(text)
}

/// Whether the whole of `text` is such a variable or word: people write dollars and braces, too.
fn is_one_variable(text: &str) -> bool {
    let text = text.trim();
    let is_one_word = !text.contains(char::is_whitespace);
    let after_dollar = text.strip_prefix('$').filter(|_| is_one_word);
    let is_variable = after_dollar
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_alphabetic() || "!.{".contains(c)));
    is_variable
        || text.starts_with("{{") && text.ends_with("}}")
        || NO_VALUE.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// A name, number, id or address: without control characters; absent when nothing is left, when it is too long, or when
/// a template was not filled.
pub(super) fn value(text: Option<&str>) -> Option<String> {
    let text = text.filter(|text| text.len() <= VALUE_MAX_BYTES)?;
    let clean: String = text.chars().filter(|c| !c.is_control()).collect();
    let clean = clean.trim();
    (!clean.is_empty() && !is_unfilled(clean)).then(|| clean.to_owned())
}

/// An excerpt of a text for people: without encoded media, and without control characters but line feeds and tabs.
pub(super) fn excerpt(text: Option<&str>) -> Option<String> {
    let text = text.filter(|text| !is_one_variable(text))?;
    let is_media = |c: char| c.is_ascii_alphanumeric() || "+/=-_".contains(c);
    let is_kept = |c: &char| !c.is_control() || "\n\t".contains(*c);
    let mut excerpt = String::new();
    let mut rest = text;
    let mut room = TEXT_MAX_CHARS;
    while let Some(first) = rest.chars().next().filter(|_| room > 0) {
        let same = |c: char| is_media(c) == is_media(first);
        let (run, following) = rest.split_at(rest.find(|c| !same(c)).unwrap_or(rest.len()));
        let is_left_out = is_media(first) && run.len() >= MEDIA_MIN_CHARS;
        let run = if is_left_out { MEDIA_LEFT_OUT } else { run };
        let before = excerpt.len();
        excerpt.extend(run.chars().filter(is_kept).take(room));
        room -= excerpt[before..].chars().count();
        rest = following;
    }
    (!excerpt.trim().is_empty()).then_some(excerpt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_and_words_for_no_value_are_unfilled() {
        for text in [
            "${input.conversationId}",
            "$input.conversationId",
            "$!{input.id}",
            "$!input.id",
            "{{id}}",
            "{{ summary }}",
            "null",
            "Undefined",
            " NOT_SET ",
            "[object Object]",
        ] {
            assert!(is_unfilled(text), "{text}");
            assert_eq!(value(Some(text)), None, "{text}");
            assert_eq!(excerpt(Some(text)), None, "{text}");
        }
        for text in ["$5", "{a}", "nullable", "Not set", "€{", "US$", "$x and y"] {
            assert!(!is_unfilled(text), "{text}");
        }
        assert!(is_unfilled("call-${id}"));
        let spoken = "Paid with ${voucher} as {{agreed}}";
        assert_eq!(excerpt(Some(spoken)).as_deref(), Some(spoken));
    }

    #[test]
    fn control_characters_are_left_out() {
        assert_eq!(
            value(Some("A\u{0}le\u{7}x\u{1b}[1m\n")).as_deref(),
            Some("Alex[1m")
        );
        assert_eq!(
            excerpt(Some("one\r\ntwo\u{0}\u{9b}\tthree")).as_deref(),
            Some("one\ntwo\tthree")
        );
        assert_eq!(value(Some("\u{7}\u{1}")), None);
        assert_eq!(excerpt(Some("\u{7}\n")), None);
    }
}
