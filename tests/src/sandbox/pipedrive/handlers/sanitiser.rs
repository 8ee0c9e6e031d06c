//! What Pipedrive makes of the HTML of a note. The rules are not published; a test chooses among likely ones.

use super::super::behaviour::NoteStyle;

/// Elements that stand on lines of their own.
const BLOCKS: [&str; 12] = [
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
    "table",
    "pre",
];

/// A note as it is kept.
pub(super) fn note(html: &str, style: NoteStyle) -> String {
    let kept = without_comments(html);
    match style {
        NoteStyle::Kept => kept,
        NoteStyle::Tidied => pieces(&kept).iter().map(Piece::tidied).collect(),
        NoteStyle::Rewrapped => rewrapped(&kept),
    }
}

/// HTML without its comments: nothing says that one passes, so that a marker hidden in one is lost here.
pub(super) fn without_comments(html: &str) -> String {
    let mut kept = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, comment)) = rest.split_once("<!--") {
        kept.push_str(before);
        rest = comment.split_once("-->").map_or("", |(_, after)| after);
    }
    kept.push_str(rest);
    kept
}

/// A part of a note.
#[derive(Debug, Clone)]
enum Piece<'h> {
    Text(&'h str),
    Tag {
        closes: bool,
        name: String,
        target: Option<&'h str>,
    },
}

fn pieces(html: &str) -> Vec<Piece<'_>> {
    let (mut pieces, mut rest) = (Vec::new(), html);
    while let Some(start) = rest.find('<') {
        let Some(length) = rest[start..].find('>') else {
            break;
        };
        pieces.push(Piece::Text(&rest[..start]));
        pieces.push(tag(&rest[start + 1..start + length]));
        rest = &rest[start + length + 1..];
    }
    pieces.push(Piece::Text(rest));
    pieces.retain(|piece| !matches!(piece, Piece::Text("")));
    pieces
}

fn tag(inner: &str) -> Piece<'_> {
    let inner = inner.trim_end_matches('/').trim();
    let (closes, inner) = match inner.strip_prefix('/') {
        Some(name) => (true, name),
        None => (false, inner),
    };
    let (name, attributes) = inner.split_once(char::is_whitespace).unwrap_or((inner, ""));
    let href = attributes.split_once("href=\"").map(|(_, after)| after);
    Piece::Tag {
        closes,
        name: name.to_ascii_lowercase(),
        target: href.and_then(|after| after.split('"').next()),
    }
}

impl Piece<'_> {
    fn tidied(&self) -> String {
        match self {
            Self::Text(text) => text.replace("&#39;", "'").replace("&quot;", "\""),
            Self::Tag {
                closes: true, name, ..
            } => format!("</{name}>"),
            Self::Tag {
                target: Some(target),
                ..
            } => format!("<a href=\"{target}\" rel=\"noopener noreferrer\" target=\"_blank\">"),
            Self::Tag { name, .. } => format!("<{name}>"),
        }
    }

    /// The same with the names that the editor gives to bold and italic text.
    fn renamed(self) -> Self {
        match self {
            Self::Tag {
                closes,
                name,
                target,
            } => {
                let name = match name.as_str() {
                    "b" => "strong".to_owned(),
                    "i" => "em".to_owned(),
                    _ => name,
                };
                Self::Tag {
                    closes,
                    name,
                    target,
                }
            }
            text @ Self::Text(_) => text,
        }
    }

    fn is_break(&self) -> bool {
        matches!(self, Self::Tag { name, .. } if name == "br")
    }

    /// By how much it changes the depth of blocks, and of other elements.
    fn depth(&self) -> (i32, i32) {
        match self {
            Self::Text(_) => (0, 0),
            Self::Tag { name, .. } if name == "br" || name == "hr" || name == "img" => (0, 0),
            Self::Tag { closes, name, .. } => {
                let step = if *closes { -1 } else { 1 };
                if BLOCKS.contains(&name.as_str()) {
                    (step, 0)
                } else {
                    (0, step)
                }
            }
        }
    }
}

/// Each line that is in no block yet gets one, as the editor does it.
fn rewrapped(html: &str) -> String {
    let (mut whole, mut line) = (String::new(), String::new());
    let (mut blocks, mut others) = (0, 0);
    for piece in pieces(html).into_iter().map(Piece::renamed) {
        let (block, other) = piece.depth();
        let outside = blocks == 0;
        (blocks, others) = (blocks + block, others + other);
        if !outside {
            whole.push_str(&piece.tidied());
        } else if block > 0 {
            flush(&mut whole, &mut line);
            whole.push_str(&piece.tidied());
        } else if others == 0 && piece.is_break() {
            if line.is_empty() {
                line.push_str("<br>");
            }
            flush(&mut whole, &mut line);
        } else {
            line.push_str(&piece.tidied());
        }
    }
    flush(&mut whole, &mut line);
    whole
}

fn flush(whole: &mut String, line: &mut String) {
    if !line.trim().is_empty() {
        whole.push_str("<div>");
        whole.push_str(line.trim());
        whole.push_str("</div>");
    }
    line.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_written_again_and_says_the_same() {
        let sent = "<b>Channel:</b> call<br/><br/>It&#39;s <i style=\"x\">late</i>\
                    <ul class=\"c\"><li>one</li></ul><a href=\"https://example.com/\">link</a>";

        assert_eq!(note(sent, NoteStyle::Kept), sent);
        assert_eq!(
            note(sent, NoteStyle::Tidied),
            "<b>Channel:</b> call<br><br>It's <i>late</i><ul><li>one</li></ul>\
             <a href=\"https://example.com/\" rel=\"noopener noreferrer\" target=\"_blank\">link</a>"
        );
        assert_eq!(
            note(sent, NoteStyle::Rewrapped),
            "<div><strong>Channel:</strong> call</div><div><br></div><div>It's <em>late</em></div>\
             <ul><li>one</li></ul><div><a href=\"https://example.com/\" \
             rel=\"noopener noreferrer\" target=\"_blank\">link</a></div>"
        );
    }

    #[test]
    fn comments_do_not_pass() {
        assert_eq!(note("a<!-- id -->b<!-- open", NoteStyle::Kept), "ab");
    }
}
