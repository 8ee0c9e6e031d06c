//! HTML that is safe to show: text that is escaped, and notes of which only plain formatting is left.

/// Escapes text for HTML.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Tags that format and do nothing else. They are written again without their attributes.
const PLAIN_TAGS: [&str; 13] = [
    "b",
    "strong",
    "i",
    "em",
    "u",
    "p",
    "br",
    "ul",
    "ol",
    "li",
    "div",
    "code",
    "blockquote",
];

/// A note with its plain formatting and its links to web pages; every other tag is shown as the text it is.
pub(super) fn note(html: &str) -> String {
    let mut safe = String::with_capacity(html.len());
    let (mut rest, mut open) = (html, Vec::new());
    while let Some(start) = rest.find('<') {
        safe.push_str(&reescape(&rest[..start]));
        rest = &rest[start..];
        let Some(end) = rest.find('>') else { break };
        safe.push_str(&tag(&rest[..=end], &mut open));
        rest = &rest[end + 1..];
    }
    safe.push_str(&reescape(rest));
    safe.push_str(&close(open.into_iter()));
    safe.replace('\n', "<br>")
}

/// One tag of a note, made harmless. `open` holds the names of the tags that wait to be closed.
fn tag(tag: &str, open: &mut Vec<String>) -> String {
    let inner = tag[1..tag.len() - 1]
        .trim()
        .trim_end_matches('/')
        .trim_end();
    let (closes, inner) = match inner.strip_prefix('/') {
        Some(name) => (true, name),
        None => (false, inner),
    };
    let (name, attributes) = inner.split_once(char::is_whitespace).unwrap_or((inner, ""));
    let name = name.to_ascii_lowercase();
    if closes {
        return match open.iter().rposition(|waiting| *waiting == name) {
            Some(from) => close(open.drain(from..)),
            None => String::new(),
        };
    }
    let written = match name.as_str() {
        "br" => return "<br>".to_owned(),
        "a" => match link(attributes) {
            Some(target) => format!("<a rel=\"noreferrer\" href=\"{}\">", escape(target)),
            None => return escape(tag),
        },
        plain if PLAIN_TAGS.contains(&plain) => format!("<{plain}>"),
        _ => return escape(tag),
    };
    open.push(name);
    written
}

/// The ends of these tags, the innermost first.
fn close(open: impl DoubleEndedIterator<Item = String>) -> String {
    let ends: Vec<_> = open.rev().map(|name| format!("</{name}>")).collect();
    ends.concat()
}

/// The target of a link, if it is a web page. Anything else, such as `javascript:`, could do something.
fn link(attributes: &str) -> Option<&str> {
    let (_, after) = attributes.split_once("href=")?;
    let quote = after
        .chars()
        .next()
        .filter(|quote| matches!(quote, '"' | '\''))?;
    let target = after[1..].split(quote).next()?;
    ["https://", "http://"]
        .iter()
        .any(|scheme| target.starts_with(scheme))
        .then_some(target)
}

/// Escapes text that may have been escaped already, so that `&amp;` is not shown as such.
fn reescape(text: &str) -> String {
    let plain = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"");
    escape(
        &plain
            .replace("&#39;", "'")
            .replace("&nbsp;", " ")
            .replace("&amp;", "&"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_formatting_of_a_note_stays() {
        assert_eq!(
            note("<b>Call</b><br/>from <i>queue</i>"),
            "<b>Call</b><br>from <i>queue</i>"
        );
        assert_eq!(note("one\ntwo"), "one<br>two");
        assert_eq!(note("R&amp;D & more"), "R&amp;D &amp; more");
    }

    #[test]
    fn whatever_could_run_is_shown_as_text() {
        assert_eq!(note("<script>x()</script>"), "&lt;script&gt;x()");
        assert_eq!(note("<img src=x onerror=y>"), "&lt;img src=x onerror=y&gt;");
        assert_eq!(note("<b onclick=\"x()\">bold</b>"), "<b>bold</b>");
        assert!(!note("<a href=\"javascript:x()\">link</a>").contains("<a"));
        assert!(!note("&lt;script&gt;x()&lt;/script&gt;").contains("<script"));
    }

    #[test]
    fn links_to_web_pages_stay_links() {
        let shown =
            note("<a target=\"_blank\" href=\"https://example.com/?a=1&b=2\">recording</a>");

        assert_eq!(
            shown,
            "<a rel=\"noreferrer\" href=\"https://example.com/?a=1&amp;b=2\">recording</a>"
        );
    }

    #[test]
    fn a_note_cannot_break_the_page_around_it() {
        assert_eq!(note("</div></div><ul><li>one"), "<ul><li>one</li></ul>");
        assert_eq!(note("<b>never closed"), "<b>never closed</b>");
        assert_eq!(note("1 < 2"), "1 &lt; 2");
    }
}
