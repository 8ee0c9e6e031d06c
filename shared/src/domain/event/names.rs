//! Names of customers, and what stands where a name is not known.

use super::texts;

/// What telephone networks, forms and programs write where they know no name, in lower case.
const PLACEHOLDERS: [&str; 30] = [
    "unknown",
    "unknown caller",
    "unknown name",
    "unknown number",
    "anonymous",
    "anonymous caller",
    "unavailable",
    "not available",
    "name unavailable",
    "withheld",
    "number withheld",
    "private",
    "private caller",
    "private number",
    "restricted",
    "blocked",
    "no name",
    "no caller id",
    "caller",
    "wireless caller",
    "toll free caller",
    "cell phone",
    "guest",
    "none",
    "n/a",
    "null",
    "undefined",
    "not_set",
    "callbackusername",
    "participantname",
];

/// The name of a person, in one line; absent when the text is a placeholder, or has no visible character.
#[must_use]
pub fn person_name(text: Option<&str>) -> Option<String> {
    let text = text?;
    let visible: String = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !is_invisible(*c))
        .collect();
    let name = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_placeholder = PLACEHOLDERS.contains(&name.to_lowercase().as_str());
    let has_letter = name.chars().any(char::is_alphanumeric);
    texts::value(Some(&name)).filter(|_| has_letter && !is_placeholder && !is_number(&name))
}

/// Whether a text is a telephone number in place of a name, with or without its scheme or an extension.
fn is_number(name: &str) -> bool {
    let lower = name.to_lowercase();
    let schemes = ["tel:", "sip:", "sips:"];
    let bare = schemes.iter().find_map(|scheme| lower.strip_prefix(scheme));
    let user = bare.map(|bare| bare.split(['@', ';']).next().unwrap_or(bare));
    let text = user.unwrap_or(&lower).replace("ext", "");
    let is_of_number =
        |c: char| c.is_numeric() || c.is_whitespace() || "+()[]-–‑./,;#*x".contains(c);
    text.contains(char::is_numeric) && text.chars().all(is_of_number)
}

/// Characters that show nothing: controls, zero-width ones, marks of direction, fillers. Joiners (U+200C, U+200D) are
/// kept: they shape letters and emoji.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180e}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_no_names() {
        for text in [
            "${input.callerName}",
            "$input.callerName",
            "Anonymous",
            "UNAVAILABLE",
            "null",
            "WIRELESS  CALLER",
            "Unknown",
            "callbackUserName",
            "\u{200b}\u{2060}\u{feff}",
            "\u{200d}",
            "\u{3164}",
            "\u{0}",
            "  ",
            "-",
            "?",
            "+1 202 555 0143",
            "12025550143",
            "(202) 555-0143 ext. 7",
            "tel:+12025550143",
            "sip:+12025550143@carrier.example;user=phone",
            "+１２０２５５５０１４３",
            "204",
        ] {
            assert_eq!(person_name(Some(text)), None, "{text:?}");
        }
        assert_eq!(person_name(None), None);
    }

    #[test]
    fn a_name_is_kept_in_one_line_without_what_is_not_seen() {
        for (text, name) in [
            ("Casey\u{0} Customer\u{7}", "Casey Customer"),
            (" Casey\n\tCustomer ", "Casey Customer"),
            ("\u{202e}Casey\u{202c}", "Casey"),
            ("Anonymous Coward", "Anonymous Coward"),
            ("株式会社", "株式会社"),
            ("O'Neil-Private", "O'Neil-Private"),
            ("3M", "3M"),
            ("Room 101", "Room 101"),
            ("1&1", "1&1"),
        ] {
            assert_eq!(person_name(Some(text)).as_deref(), Some(name));
        }
    }
}
