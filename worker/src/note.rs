//! What becomes of lines that a note in Pipedrive has already: those of forgotten events, and those that people wrote.

use crate::record::MARKER;

/// Label of the line that says that an event was cut off. It goes when the whole event comes.
pub const INCOMPLETE: &str = "Incomplete";
/// Label of the line that says why nobody is attached. It goes when somebody is.
pub const NOT_ATTACHED: &str = "Not attached";
/// Labels of which a note has one line only: two would contradict each other.
const HEAD_LABELS: [&str; 5] = ["Channel", "Direction", "When", "Customer", "Number"];
/// The longest note that is sent, in bytes. Pipedrive takes 100 KB.
const MAX_BYTES: usize = 98_000;
/// Elements that begin a new line. Pipedrive's editor makes them of what people write.
const BLOCKS: [&str; 12] = [
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
];

/// Joins a note with that of an activity which was found, and whose events are forgotten: no line of either is lost, and
/// one that only one side may have is that of the side that leads.
#[must_use]
pub fn inherit(note: &str, inherited: &str, inherited_leads: bool) -> String {
    let (ours, theirs) = (body_lines(note), body_lines(inherited));
    let (mut lines, following) = if inherited_leads {
        (theirs, ours)
    } else {
        (ours, theirs)
    };
    for line in following {
        let is_taken = HEAD_LABELS.iter().any(|label| {
            has_label(line, label) && lines.iter().any(|known| has_label(known, label))
        });
        if !is_told(&lines, line) && !is_taken {
            lines.push(line);
        }
    }
    with_marker_of(note, &lines)
}

/// Keeps what people added to the note that is about to be replaced by `note`: all lines but those that `note` tells, or
/// tells anew under the same label. Nothing where the two are longer than Pipedrive takes: then theirs stays as it is.
#[must_use]
pub fn keep(note: &str, present: &str) -> Option<String> {
    let mut lines = body_lines(note);
    // Only labels are bold in ours: a text may hold a colon, too.
    let labelled = lines.iter().filter(|line| line.starts_with("<b>"));
    let labels: Vec<String> = labelled.filter_map(|line| label_of(line)).collect();
    let is_replaced = |line: &str| {
        let label = label_of(line);
        label.is_some_and(|label| {
            labels.contains(&label) || [INCOMPLETE, NOT_ATTACHED].contains(&&*label)
        })
    };
    for line in body_lines(present) {
        if !is_told(&lines, line) && !is_replaced(line) {
            lines.push(line);
        }
    }
    let joined = with_marker_of(note, &lines);
    (joined.len() <= MAX_BYTES).then_some(joined)
}

fn with_marker_of(note: &str, lines: &[&str]) -> String {
    let marker = note.rfind(MARKER).map_or("", |at| &note[at..]);
    [lines, &[marker]].concat().join("<br>")
}

fn is_told(lines: &[&str], line: &str) -> bool {
    let text = text_of(line);
    lines.iter().any(|known| text_of(known) == text)
}

/// The lines of a note but the marker and empty ones.
fn body_lines(note: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let (mut start, mut at) = (0, 0);
    while let Some(found) = note[at..].find(['<', '\n']) {
        let begin = at + found;
        let end = match note[begin..].find('>') {
            _ if note[begin..].starts_with('\n') => begin + 1,
            Some(length) => begin + length + 1,
            None => break,
        };
        if is_line_break(&note[begin..end]) {
            lines.push(&note[start..begin]);
            start = end;
        }
        at = end;
    }
    lines.push(&note[start..]);
    lines.retain(|line| {
        let text = text_of(line);
        !text.is_empty() && !text.starts_with(MARKER.trim_end())
    });
    lines
}

/// Whether a tag, or a line feed, begins a new line.
fn is_line_break(tag: &str) -> bool {
    let name = tag.trim_start_matches(['<', '/']);
    let name = name.split(['>', '/', ' ', '\n']).next().unwrap_or_default();
    tag == "\n" || BLOCKS.iter().any(|block| name.eq_ignore_ascii_case(block))
}

fn has_label(line: &str, label: &str) -> bool {
    label_of(line).as_deref() == Some(label)
}

/// What stands before the first colon.
fn label_of(line: &str) -> Option<String> {
    let text = text_of(line);
    let (label, _) = text.split_once(':')?;
    Some(label.to_owned())
}

/// A line without its tags, however its letters are escaped.
fn text_of(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut is_in_tag = false;
    for c in line.chars() {
        match c {
            '<' => is_in_tag = true,
            '>' => is_in_tag = false,
            other if !is_in_tag => text.push(other),
            _ => {}
        }
    }
    let entities = [
        ("&nbsp;", " "),
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

    const OURS: &str = "<b>Channel:</b> voice<br><b>Agent:</b> Ann<br><b>Wrap-up notes:</b> first<br>second<br>Genesys interaction x";

    #[test]
    fn a_note_keeps_what_forgotten_events_told() {
        let found = "<b>Channel:</b> voice<br /><b>When:</b> 14:00<br /><b>Agent:</b> A<br />Genesys interaction x";
        let ours = "<b>Channel:</b> voice<br><b>When:</b> 14:05<br><b>Wrap-up notes:</b> B<br>Genesys interaction x";

        assert_eq!(
            inherit(ours, found, true),
            "<b>Channel:</b> voice<br><b>When:</b> 14:00<br><b>Agent:</b> A<br><b>Wrap-up notes:</b> B<br>Genesys interaction x"
        );
        let merged = inherit(ours, found, false);
        assert_eq!(
            merged,
            "<b>Channel:</b> voice<br><b>When:</b> 14:05<br><b>Wrap-up notes:</b> B<br><b>Agent:</b> A<br>Genesys interaction x"
        );
        assert_eq!(inherit(&merged, &merged, true), merged, "joined twice");
    }

    #[test]
    fn what_people_wrote_stays() {
        let present = "<div>Wants a quote &amp; a visit</div><p style=\"x\"><strong>Agent:</strong> nobody yet</p><b>Channel:</b> voice<br />Summary: mine<br/>Genesys interaction x";

        let kept = keep(OURS, present).unwrap();

        let (ours, marker) = OURS.split_at(OURS.find(MARKER).unwrap());
        assert_eq!(
            kept,
            format!("{ours}Wants a quote &amp; a visit<br>Summary: mine<br>{marker}")
        );
        assert_eq!(keep(OURS, &kept).unwrap(), kept, "kept twice");
    }

    #[test]
    fn what_is_no_longer_so_goes() {
        let present = "<b>Incomplete:</b> cut off<br><b>Not attached:</b> several people<br>Genesys interaction x";

        assert_eq!(keep(OURS, present).unwrap(), OURS);
        assert_eq!(keep(OURS, "").unwrap(), OURS);
    }

    #[test]
    fn a_note_that_would_be_too_long_is_left_as_it_is() {
        assert_eq!(keep(OURS, &"long ".repeat(20_000)), None);
    }

    #[test]
    fn a_tag_that_never_ends_is_text() {
        assert_eq!(body_lines("a<br>b < c <br"), ["a", "b < c <br"]);
    }
}
