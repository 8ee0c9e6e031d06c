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

/// Words that stand for no id, beside [`NO_VALUE`].
const NO_ID: [&str; 9] = [
    "none", "nil", "n/a", "na", "unset", "string", "%s", "%d", "%v",
];
/// The names of members that hold ids, without case, dots and dashes: a template may leave its own name.
const ID_NAMES: [&str; 9] = [
    "conversationid",
    "interactionid",
    "callid",
    "participantid",
    "sessionid",
    "communicationid",
    "id",
    "uuid",
    "guid",
];
/// What encloses the variable of a template.
const ENCLOSED: [(char, char); 7] = [
    ('<', '>'),
    ('%', '%'),
    ('[', ']'),
    ('{', '}'),
    ('(', ')'),
    ('_', '_'),
    ('@', '@'),
];

/// Whether `text`, where an id belongs, is what a template or a program leaves there: [`is_unfilled`], a variable of
/// another template language (`<conversationId>`, `%conversationId%`, `[conversationId]`), the name of the member, a word
/// for no value, or zeros. Every call of such a sender would have the same id.
pub(super) fn is_unfilled_id(text: &str) -> bool {
    let text = text.trim();
    let lower = text.to_lowercase();
    let is_empty = !text.contains(|c: char| c.is_alphanumeric() && c != '0');
    is_unfilled(text)
        || is_empty
        || NO_ID.contains(&lower.as_str())
        || is_id_name(&lower)
        || has_enclosed_variable(text)
        || text.starts_with([':', '=', '@', '#']) && is_id_name(&lower[1..])
}

/// Whether a name stands for an id: `conversationId`, `conversation_id`, `input.conversationId`.
fn is_id_name(lower: &str) -> bool {
    let mut segments = lower.split('.');
    let are_words = segments.clone().all(|segment| {
        segment
            .chars()
            .all(|c| c.is_alphabetic() || "_- ".contains(c))
    });
    let last = segments.next_back().unwrap_or_default();
    let last: String = last.chars().filter(|c| c.is_alphabetic()).collect();
    are_words && ID_NAMES.contains(&last.as_str())
}

/// The whole of a text in brackets, or a part of it in braces. Ids may be written in either: a UUID, a number of a
/// message with its host.
fn has_enclosed_variable(text: &str) -> bool {
    let inside = |(open, close): (char, char)| text.strip_prefix(open)?.strip_suffix(close);
    let in_braces = || {
        let (_, rest) = text.split_once('{')?;
        rest.split_once('}').map(|(inside, _)| inside)
    };
    let mut enclosed = ENCLOSED.into_iter().filter_map(inside);
    let is_place = |text: &str| text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_left = |text| is_variable(text) || is_place(text);
    enclosed.any(is_variable) || in_braces().is_some_and(is_left)
}

fn is_variable(text: &str) -> bool {
    let is_name = text.contains(char::is_alphabetic) && !text.contains(char::is_numeric);
    is_name && !text.contains('@')
}

/// An id of Genesys' beside that of the interaction; absent when a template was not filled.
pub(super) fn id(text: Option<&str>) -> Option<String> {
    value(text).filter(|id| !is_unfilled_id(id))
}

/// A name, number or address: without control characters; absent when nothing is left, when it is too long, or when
/// a template was not filled.
pub(super) fn value(text: Option<&str>) -> Option<String> {
    let text = text.filter(|text| text.len() <= VALUE_MAX_BYTES)?;
    let clean: String = text.chars().filter(|c| !c.is_control()).collect();
    let clean = clean.trim();
    (!clean.is_empty() && !is_unfilled(clean)).then(|| clean.to_owned())
}

/// An excerpt of a text for people: without encoded media, and without control characters but line feeds and tabs.
#[must_use]
pub fn excerpt(text: Option<&str>) -> Option<String> {
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
    fn what_templates_of_any_language_leave_is_no_id() {
        for text in [
            "<conversationId>",
            "%conversationId%",
            "[conversationId]",
            "{conversationId}",
            "(conversationId)",
            "__conversationId__",
            "<%= id %>",
            "#{id}",
            "{0}",
            "%s",
            "call-{id}",
            ":conversationId",
            "@conversationId",
            "<your conversation id>",
            "None",
            "nil",
            "NaN",
            "(null)",
            "<nil>",
            "N/A",
            "conversationId",
            "ConversationID",
            "conversation_id",
            "conversation-id",
            "input.conversationId",
            "data.id",
            "id",
            "string",
            "-",
            "?",
            "0",
            "00000000-0000-0000-0000-000000000000",
        ] {
            assert!(is_unfilled_id(text), "{text}");
            assert_eq!(id(Some(text)), None, "{text}");
        }
        for text in [
            "call-1",
            "a b+c/d?e#f%g~h",
            "e2b1a3c4-5d6f-4e7a-8b9c-0d1e2f3a4b5c",
            "{e2b1a3c4-5d6f-4e7a-8b9c-0d1e2f3a4b5c}",
            "[17]",
            "[A17]",
            "#A17",
            "<b7f0c@mail.example>",
            "1000",
            "Nonesuch",
            "conversationId-17",
            "my_call_2",
            "urn:call:17",
        ] {
            assert!(!is_unfilled_id(text), "{text}");
        }
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
