//! The pieces of a note: its lines, and what stands between them.

/// Elements that begin a new line. Pipedrive's editor makes them of what people write.
const BLOCKS: [&str; 14] = [
    "br",
    "p",
    "div",
    "ul",
    "ol",
    "li",
    "blockquote",
    "h1",
    "h2",
    "h3",
    "h4",
    "hr",
    "table",
    "tr",
];

/// One line of a note.
#[derive(Debug)]
pub(crate) struct Line<'n> {
    /// The line as it is in the note.
    pub html: &'n str,
    /// Without tags, however its letters are escaped; the HTML itself where nothing else is there, as with a picture.
    pub text: String,
}

impl Line<'_> {
    /// What stands in bold before the first colon, as in a line of ours.
    pub(crate) fn label(&self) -> Option<&str> {
        let html = self.html.trim_start();
        let is_bold = html.starts_with("<b>") || html.starts_with("<strong>");
        let (label, _) = self.text.split_once(':')?;
        is_bold.then_some(label)
    }

    /// What stands after the label.
    pub(crate) fn value(&self, label: &str) -> Option<&str> {
        let is_it = self.label() == Some(label);
        let (_, value) = self.text.split_once(':')?;
        is_it.then_some(value.trim())
    }

    /// The tags of a line that opens or closes more than it closes or opens: they belong to other lines, too.
    pub(crate) fn unbalanced_tags(&self) -> String {
        let tags: Vec<&str> = tags(self.html).collect();
        let closing = tags.iter().filter(|tag| tag.starts_with("</")).count();
        if closing * 2 == tags.len() {
            return String::new();
        }
        tags.concat()
    }
}

/// A part of a note.
#[derive(Debug)]
pub(crate) enum Piece<'n> {
    /// A line that is not blank.
    Line(Line<'n>),
    /// A tag that begins a new line, a line feed, or what stands on a blank line.
    Break(&'n str),
}

impl<'n> Piece<'n> {
    /// Line of the note, if the piece is one.
    pub(crate) fn line(&self) -> Option<&Line<'n>> {
        match self {
            Self::Line(line) => Some(line),
            Self::Break(_) => None,
        }
    }

    /// Whether it only ends a line.
    pub(crate) fn is_line_break(&self) -> bool {
        match self {
            Self::Line(_) => false,
            Self::Break(html) => *html == "\n" || name(html).eq_ignore_ascii_case("br"),
        }
    }

    /// Whether this opens a block that `other` closes.
    pub(crate) fn encloses_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Break(open), Self::Break(close)) => {
                !open.starts_with("</")
                    && close.starts_with("</")
                    && name(open).eq_ignore_ascii_case(name(close))
            }
            (_, _) => false,
        }
    }
}

/// The pieces of a note: together they are the note.
pub(crate) fn pieces(note: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(found) = note[at..].find(['<', '\n']) {
        let begin = at + found;
        let end = match note[begin..].find('>') {
            _ if note[begin..].starts_with('\n') => begin + 1,
            Some(length) => begin + length + 1,
            None => break,
        };
        let tag = &note[begin..end];
        if tag == "\n"
            || BLOCKS
                .iter()
                .any(|block| name(tag).eq_ignore_ascii_case(block))
        {
            pieces.extend(content(&note[start..begin]));
            pieces.push(Piece::Break(tag));
            start = end;
        }
        at = end;
    }
    pieces.extend(content(&note[start..]));
    pieces
}

/// The lines of a note that are not blank.
pub(crate) fn lines_of(note: &str) -> Vec<Line<'_>> {
    let lines = pieces(note).into_iter().filter_map(|piece| match piece {
        Piece::Line(line) => Some(line),
        Piece::Break(_) => None,
    });
    lines.collect()
}

fn content(html: &str) -> Option<Piece<'_>> {
    if html.is_empty() {
        return None;
    }
    let text = text_of(html);
    if !text.is_empty() {
        return Some(Piece::Line(Line { html, text }));
    }
    let text = html.to_owned();
    let is_picture = html.contains("<img");
    Some(if is_picture {
        Piece::Line(Line { html, text })
    } else {
        Piece::Break(html)
    })
}

/// The name in a tag.
fn name(tag: &str) -> &str {
    let name = tag.trim_start_matches(['<', '/']);
    name.split(['>', '/', ' ', '\n']).next().unwrap_or_default()
}

fn tags(html: &str) -> impl Iterator<Item = &str> {
    let starts = html.match_indices('<');
    starts.filter_map(|(start, _)| {
        let length = html[start..].find('>')?;
        let tag = &html[start..=start + length];
        (name(tag) != "img").then_some(tag)
    })
}

/// A text without its tags.
fn text_of(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut is_in_tag = false;
    for c in html.chars() {
        match c {
            '<' => is_in_tag = true,
            '>' => is_in_tag = false,
            other if !is_in_tag => text.push(other),
            _ => {}
        }
    }
    let entities = [
        ("&nbsp;", " "),
        ("\u{a0}", " "),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ];
    let text = entities
        .iter()
        .fold(text, |text, (entity, letter)| text.replace(entity, letter));
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_together_are_the_note() {
        for note in [
            "<h2>Plan</h2><ul><li>one</li><li><b>two</b></li></ul><br><br>a<br/>b\n c",
            "<p> </p><img src=\"a\">",
            "a < b",
            "",
        ] {
            let together: String = pieces(note)
                .iter()
                .map(|piece| match piece {
                    Piece::Line(line) => line.html,
                    Piece::Break(html) => html,
                })
                .collect();
            assert_eq!(together, note);
        }
    }

    #[test]
    fn a_tag_that_never_ends_is_text() {
        let lines = lines_of("a<br>b < c <br");
        let html: Vec<_> = lines.iter().map(|line| line.html).collect();
        assert_eq!(html, ["a", "b < c <br"]);
    }

    #[test]
    fn a_label_is_in_bold() {
        let label = |note| lines_of(note)[0].label().map(str::to_owned);
        assert_eq!(label("<b>When:</b> noon").as_deref(), Some("When"));
        assert_eq!(
            label("<strong>When:</strong> noon").as_deref(),
            Some("When")
        );
        assert_eq!(label("When: noon"), None);
        let lines = lines_of("<b>When:</b> noon");
        assert_eq!(
            (lines[0].value("When"), lines[0].value("Who")),
            (Some("noon"), None)
        );
    }
}
