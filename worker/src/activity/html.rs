//! Lines of a note in HTML: a label in bold, then a text.

use std::fmt::Write;

use crate::activity::marker;
use crate::text::escape;

/// Longest texts, in characters, that are copied into a note. A character takes six bytes at most when it is escaped, and
/// the whole note must stay under Pipedrive's 100 KB.
const EXCERPT_MAX_CHARS: usize = 6_000;
const NAME_MAX_CHARS: usize = 400;
/// Longest address that is linked.
const URL_MAX_BYTES: usize = 2_000;

/// Lines of a note.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    html: String,
}

impl Lines {
    /// Adds a short text.
    pub(crate) fn text(&mut self, label: &str, value: &str) {
        self.cut(label, value, NAME_MAX_CHARS);
    }

    /// Adds a short text, if there is one.
    pub(crate) fn optional(&mut self, label: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(label, value);
        }
    }

    /// Adds a text of several lines, if there is one.
    pub(crate) fn excerpt(&mut self, label: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.cut(label, value, EXCERPT_MAX_CHARS);
        }
    }

    /// Adds a link, unless it is too long; only what a browser opens safely is one, the rest is text.
    pub(crate) fn link(&mut self, label: &str, url: &str, text: &str) {
        if url.len() > URL_MAX_BYTES {
            return;
        }
        if !url.starts_with("https://") {
            return self.excerpt(label, Some(url));
        }
        self.push(format_args!(
            "<b>{label}:</b> <a href=\"{}\">{}</a><br>",
            escape(url),
            escape(text)
        ));
    }

    /// Adds a text that is HTML already.
    pub(crate) fn html(&mut self, label: &str, html: &str) {
        self.push(format_args!("<b>{label}:</b> {html}<br>"));
    }

    /// The note, with its last line: the marker.
    pub(crate) fn end_with(self, marker: &str) -> String {
        format!("{}{}", self.html, escape(marker))
    }

    fn cut(&mut self, label: &str, value: &str, max_chars: usize) {
        let excerpt: String = value.chars().take(max_chars).collect();
        let cut = if excerpt.len() < value.len() {
            " […]"
        } else {
            ""
        };
        let excerpt = marker::defused(excerpt);
        let value = escape(&excerpt).replace('\n', "<br>");
        self.push(format_args!("<b>{label}:</b> {value}{cut}<br>"));
    }

    fn push(&mut self, line: std::fmt::Arguments<'_>) {
        self.html
            .write_fmt(line)
            .expect("writing to a String does not fail");
    }
}
