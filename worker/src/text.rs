//! Text that is sent to Pipedrive: names and HTML.

/// Longest name in a subject, and of a person who is created, in characters.
const NAME_LINE_MAX_CHARS: usize = 200;

/// A name on one line, at most 200 characters long.
#[must_use]
pub(crate) fn one_line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(NAME_LINE_MAX_CHARS).collect()
}

/// A text with the characters escaped that have a meaning in HTML.
#[must_use]
pub(crate) fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            other => html.push(other),
        }
    }
    html
}
