//! What becomes of lines that a note in Pipedrive has already: those of forgotten events, and those that people wrote.

use std::collections::{BTreeSet, HashSet};

use shared::domain::ids::sha256_hex;

use crate::activity::marker::MARKER;

/// Label of the line that says that an event was cut off. It goes when the whole event comes.
pub const INCOMPLETE: &str = "Incomplete";
/// Label of the line that says why nobody is attached. It goes when somebody is.
pub const NOT_ATTACHED: &str = "Not attached";
/// Labels of which a note has one line only: two would contradict each other.
const HEAD_LABELS: [&str; 6] = [
    "Channel",
    "Direction",
    "When",
    "Duration",
    "Customer",
    "Number",
];
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
/// So much of a line's digest tells it from the other lines of one note.
const DIGEST_CHARS: usize = 8;

/// One line of a note.
#[derive(Debug)]
struct Line<'n> {
    html: &'n str,
    /// Without tags, however its letters are escaped; the HTML itself where nothing else is there, as with a picture.
    text: String,
}

impl Line<'_> {
    /// What stands before the first colon.
    fn label(&self) -> Option<&str> {
        self.text.split_once(':').map(|(label, _)| label)
    }

    fn head_label(&self) -> Option<&str> {
        self.label().filter(|label| HEAD_LABELS.contains(label))
    }

    fn digest(&self) -> String {
        let mut digest = sha256_hex(&self.text);
        digest.truncate(DIGEST_CHARS);
        digest
    }
}

/// The lines of a note of ours, by their digests: what is to be taken out when the next one replaces it.
#[must_use]
pub fn fingerprint(note: &str) -> String {
    let digests: Vec<_> = lines_of(note).iter().map(Line::digest).collect();
    digests.join(" ")
}

/// The fingerprint of two notes of ours, either of which may be there: the answer to the later one was lost.
#[must_use]
pub fn either(written: &str, sent: &str) -> String {
    let digests: BTreeSet<&str> = [written, sent]
        .iter()
        .flat_map(|lines| lines.split_whitespace())
        .collect();
    digests.into_iter().collect::<Vec<_>>().join(" ")
}

/// Joins a note with the `present` one of an activity which was found, and whose events are forgotten: no line of either
/// is lost but those that we wrote last, and one that only one side may have is that of the side that leads.
#[must_use]
pub fn inherit(note: &str, present: &str, written: &str, present_leads: bool) -> Option<String> {
    let (ours, marker) = split(note);
    let theirs = without(lines_of(present), &marker, written);
    let (mut lines, following) = if present_leads {
        (theirs, ours)
    } else {
        (ours, theirs)
    };
    let taken: HashSet<String> = lines
        .iter()
        .filter_map(|line| line.head_label().map(str::to_owned))
        .collect();
    let told: HashSet<String> = lines.iter().map(|line| line.text.clone()).collect();
    lines.extend(following.into_iter().filter(|line| {
        let is_taken = line.head_label().is_some_and(|label| taken.contains(label));
        !told.contains(&line.text) && !is_taken
    }));
    joined(&lines, &marker)
}

/// Keeps what people added to the note that is about to be replaced by `note`: all lines of `present` but those that
/// `note` tells, and those of the note that we wrote last (its [`fingerprint`]). Nothing where the two are longer than
/// Pipedrive takes: then theirs stays as it is.
#[must_use]
pub fn keep(note: &str, present: &str, written: &str) -> Option<String> {
    let (mut lines, marker) = split(note);
    let told: HashSet<String> = lines.iter().map(|line| line.text.clone()).collect();
    let theirs = without(lines_of(present), &marker, written);
    lines.extend(theirs.into_iter().filter(|line| !told.contains(&line.text)));
    joined(&lines, &marker)
}

/// The lines of a note of ours but the last, which is its marker.
fn split(note: &str) -> (Vec<Line<'_>>, Line<'_>) {
    let at = note.rfind(MARKER).unwrap_or(note.len());
    let (body, marker) = note.split_at(at);
    let marker = Line {
        html: marker,
        text: text_of(marker),
    };
    (lines_of(body), marker)
}

fn without<'n>(lines: Vec<Line<'n>>, marker: &Line<'_>, written: &str) -> Vec<Line<'n>> {
    let written: HashSet<&str> = written.split(' ').collect();
    let is_theirs =
        |line: &Line<'_>| line.text != marker.text && !written.contains(&*line.digest());
    lines.into_iter().filter(is_theirs).collect()
}

fn joined(lines: &[Line<'_>], marker: &Line<'_>) -> Option<String> {
    let mut html: Vec<&str> = lines.iter().map(|line| line.html).collect();
    html.push(marker.html);
    let note = html.join("<br>");
    (note.len() <= MAX_BYTES).then_some(note)
}

/// The lines of a note that are not blank.
fn lines_of(note: &str) -> Vec<Line<'_>> {
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
    let line = |html: &'_ str| {
        let text = text_of(html);
        let is_picture = text.is_empty() && html.contains("<img");
        let text = if is_picture { html.to_owned() } else { text };
        (!text.is_empty()).then_some(text)
    };
    lines
        .into_iter()
        .filter_map(|html| line(html).map(|text| Line { html, text }))
        .collect()
}

/// Whether a tag, or a line feed, begins a new line.
fn is_line_break(tag: &str) -> bool {
    let name = tag.trim_start_matches(['<', '/']);
    let name = name.split(['>', '/', ' ', '\n']).next().unwrap_or_default();
    tag == "\n" || BLOCKS.iter().any(|block| name.eq_ignore_ascii_case(block))
}

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

    const BEFORE: &str = "<b>Channel:</b> voice<br><b>Agent:</b> Al<br><b>Wrap-up notes:</b> old<br>older<br>Genesys interaction x";
    const OURS: &str = "<b>Channel:</b> voice<br><b>Agent:</b> Al, Ann<br><b>Wrap-up notes:</b> first<br>second<br>Genesys interaction x";

    fn kept(present: &str) -> String {
        keep(OURS, present, &fingerprint(BEFORE)).unwrap()
    }

    #[test]
    fn a_note_keeps_what_forgotten_events_told() {
        let found = "<b>Duration:</b> 61 s<br /><b>When:</b> 14:00<br /><b>Agent:</b> A<br />Genesys interaction x";
        let ours = "<b>Duration:</b> 45 s<br><b>When:</b> 14:05<br><b>Wrap-up notes:</b> B<br>Genesys interaction x";

        assert_eq!(
            inherit(ours, found, "", true).unwrap(),
            "<b>Duration:</b> 61 s<br><b>When:</b> 14:00<br><b>Agent:</b> A<br><b>Wrap-up notes:</b> B<br>Genesys interaction x"
        );
        let merged = inherit(ours, found, "", false).unwrap();
        assert_eq!(
            merged,
            "<b>Duration:</b> 45 s<br><b>When:</b> 14:05<br><b>Wrap-up notes:</b> B<br><b>Agent:</b> A<br>Genesys interaction x"
        );
        assert_eq!(
            inherit(&merged, &merged, "", true).unwrap(),
            merged,
            "joined twice"
        );
    }

    #[test]
    fn what_an_unanswered_update_may_have_told_is_taken_out_like_what_was_written_before() {
        let sent = "<b>Channel:</b> voice<br><b>Agent:</b> Al, Bo<br>Genesys interaction x";
        let written = either(&fingerprint(BEFORE), &fingerprint(sent));

        for present in [BEFORE, sent] {
            assert_eq!(keep(OURS, present, &written).unwrap(), OURS);
        }
    }

    #[test]
    fn what_people_wrote_stays_whatever_it_looks_like() {
        let theirs = "Wants a quote &amp; a visit<br>When: call back Tuesday<br>Wrap-up notes: mine<br>Genesys interaction was bad<br><img src=\"a\"><br>Yes<br>Yes";
        let present = format!("<p>{theirs}</p>{}", BEFORE.replace("<br>", "<br />"));

        let (ours, marker) = OURS.split_at(OURS.find(MARKER).unwrap());
        assert_eq!(kept(&present), format!("{ours}{theirs}<br>{marker}"));
        assert_eq!(kept(&kept(&present)), kept(&present), "kept twice");
    }

    #[test]
    fn what_we_wrote_before_goes() {
        assert_eq!(kept(BEFORE), OURS);
        assert_eq!(kept(""), OURS);
        assert_eq!(kept(OURS), OURS, "written, and the answer lost");
    }

    #[test]
    fn a_line_of_ours_that_somebody_changed_is_theirs() {
        let present = BEFORE.replace("older", "older, and wrong");

        assert!(kept(&present).contains("<br>older, and wrong<br>"));
    }

    #[test]
    fn a_note_that_would_be_too_long_is_left_as_it_is() {
        assert_eq!(keep(OURS, &"long ".repeat(20_000), ""), None);
    }

    #[test]
    fn a_note_of_many_lines_takes_no_time() {
        let lines: Vec<String> = (0..10_000).map(|n| n.to_string()).collect();
        let present = lines.join("<br>");
        let begun = std::time::Instant::now();

        assert!(keep(OURS, &present, "").is_some());

        assert!(begun.elapsed() < std::time::Duration::from_secs(2));
    }

    #[test]
    fn a_tag_that_never_ends_is_text() {
        let lines = lines_of("a<br>b < c <br");
        let html: Vec<_> = lines.iter().map(|line| line.html).collect();
        assert_eq!(html, ["a", "b < c <br"]);
    }
}
