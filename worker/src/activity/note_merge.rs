//! What becomes of lines that a note in Pipedrive has already: those of forgotten events, and those that people wrote.
//!
//! Lines of ours are replaced, together with the line breaks that they came with. Everything else stays where it is, with
//! its lists, headings and blank lines.

use std::collections::{BTreeSet, HashSet};

use shared::domain::ids::sha256_hex;

use crate::activity::labels;
use crate::activity::note_pieces::{Line, Piece, lines_of, pieces};

/// The longest note that is sent, in bytes. Pipedrive takes 100 KB.
const MAX_BYTES: usize = 98_000;
/// Length of a line's digest that distinguishes the lines of one note.
const DIGEST_CHARS: usize = 8;

/// What becomes of a note.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Merged {
    /// It says everything already.
    Same,
    /// It is replaced by this one.
    Changed(String),
    /// It stays as it is: the new one, with what people wrote, is longer than Pipedrive takes.
    TooLong,
}

/// The lines of a note of ours, by their digests: what is to be taken out when the next one replaces it.
#[must_use]
pub(crate) fn fingerprint(note: &str) -> String {
    let digests: Vec<_> = lines_of(note).iter().map(digest).collect();
    digests.join(" ")
}

/// The fingerprint of those lines of a note that are about its customer, or that the customer's session gave it.
#[must_use]
pub(crate) fn fingerprint_of_head(note: &str) -> String {
    let lines = lines_of(note);
    let head = lines.iter().filter(|line| only_once(line).is_some());
    head.map(digest).collect::<Vec<_>>().join(" ")
}

/// The fingerprint of two notes of ours, either of which may be there: the answer to the later one was lost.
#[must_use]
pub(crate) fn either(written: &str, sent: &str) -> String {
    let digests: BTreeSet<&str> = [written, sent]
        .iter()
        .flat_map(|lines| lines.split_whitespace())
        .collect();
    digests.into_iter().collect::<Vec<_>>().join(" ")
}

/// Joins a note with the `present` one of an activity which was found, and whose events are forgotten: no line of either
/// is lost but those that we wrote last, and one that only one side may have is that of the side that leads.
#[must_use]
pub(crate) fn inherit(note: &str, present: &str, written: &str, present_leads: bool) -> Merged {
    let (mut ours, marker) = split(note);
    let written: HashSet<&str> = written.split_whitespace().collect();
    let is_written = |line: &Line<'_>| written.contains(&*digest(line));
    if present_leads {
        let theirs = lines_of(present);
        let theirs: Vec<&Line<'_>> = theirs.iter().filter(|line| !is_written(line)).collect();
        let taken: HashSet<_> = theirs.iter().filter_map(|line| only_once(line)).collect();
        let said: HashSet<&str> = theirs.iter().map(|line| &*line.text).collect();
        ours.retain(|line| {
            let is_taken = only_once(line).is_some_and(|label| taken.contains(label));
            !said.contains(&*line.text) && !is_taken
        });
        return spliced(present, &is_written, &ours, &marker, Place::BeforeMarker);
    }
    let taken: HashSet<_> = ours.iter().filter_map(only_once).collect();
    let said: HashSet<&str> = ours.iter().map(|line| &*line.text).collect();
    let is_replaced = |line: &Line<'_>| {
        let is_taken = only_once(line).is_some_and(|label| taken.contains(label));
        is_written(line) || said.contains(&*line.text) || is_taken
    };
    spliced(present, &is_replaced, &ours, &marker, Place::Start)
}

/// Keeps what people made of the note that is about to be replaced by `note`: all lines of `present` but those that `note`
/// says, and those of the note that we wrote last (its [`fingerprint`]).
///
/// Where it is certain which note we wrote last (`is_certain`), a line of it that is missing was deleted or changed by a
/// person, and is not written again.
#[must_use]
pub(crate) fn keep(note: &str, present: &str, written: &str, is_certain: bool) -> Merged {
    let (mut ours, marker) = split(note);
    let written: HashSet<&str> = written.split_whitespace().collect();
    let there: HashSet<String> = lines_of(present).iter().map(digest).collect();
    if is_certain {
        ours.retain(|line| {
            let digest = digest(line);
            there.contains(&digest) || !written.contains(&*digest)
        });
    }
    let said: HashSet<&str> = ours.iter().map(|line| &*line.text).collect();
    let is_ours = |line: &Line<'_>| written.contains(&*digest(line)) || said.contains(&*line.text);
    spliced(present, &is_ours, &ours, &marker, Place::Start)
}

/// Where lines of ours go that replace none.
#[derive(Clone, Copy)]
enum Place {
    Start,
    BeforeMarker,
}

/// The lines of a note of ours but the last, and that: its marker.
fn split(note: &str) -> (Vec<Line<'_>>, Line<'_>) {
    let mut lines = lines_of(note);
    let marker = lines.pop();
    (lines, marker.expect("a note of ours ends with its marker"))
}

fn digest(line: &Line<'_>) -> String {
    let mut digest = sha256_hex(&line.text);
    digest.truncate(DIGEST_CHARS);
    digest
}

/// What a line of our form is about that a note says only once.
fn only_once(line: &Line<'_>) -> Option<&'static str> {
    line.label().and_then(labels::only_once)
}

/// `present` with lines of ours in place of those that are replaced, and with the marker.
fn spliced(
    present: &str,
    is_replaced: &dyn Fn(&Line<'_>) -> bool,
    ours: &[Line<'_>],
    marker: &Line<'_>,
    place: Place,
) -> Merged {
    let pieces = pieces(present);
    let is_marker = |line: &Line<'_>| line.text == marker.text;
    let lines = || pieces.iter().map(Piece::line);
    let replaced: Vec<bool> = lines()
        .map(|line| line.is_some_and(|line| !is_marker(line) && is_replaced(line)))
        .collect();
    let marker_at = lines().position(|line| line.is_some_and(is_marker));
    let at = replaced.iter().position(|is| *is).unwrap_or(match place {
        Place::Start => 0,
        Place::BeforeMarker => marker_at.unwrap_or(pieces.len()),
    });
    let gone = with_their_breaks(&pieces, replaced);

    let mut merged = Writer::default();
    for (index, piece) in pieces.iter().enumerate() {
        if index == at {
            merged.lines(ours);
        }
        match piece {
            Piece::Line(line) if gone[index] => merged.html.push_str(&line.unbalanced_tags()),
            Piece::Break(_) if gone[index] => {}
            Piece::Line(line) => merged.line(line.html),
            Piece::Break(html) => merged.line_break(html),
        }
    }
    if at >= pieces.len() {
        merged.lines(ours);
    }
    if marker_at.is_none() {
        merged.line(marker.html);
    }
    outcome(merged.html, present)
}

fn outcome(note: String, present: &str) -> Merged {
    let texts = |note| lines_of(note).into_iter().map(|line| line.text);
    if texts(&note).eq(texts(present)) {
        Merged::Same
    } else if note.len() > MAX_BYTES {
        Merged::TooLong
    } else {
        Merged::Changed(note)
    }
}

/// Which pieces go with the lines that go: the line break after each, the block around it, or the line break before it.
fn with_their_breaks(pieces: &[Piece<'_>], mut gone: Vec<bool>) -> Vec<bool> {
    let lines: Vec<usize> = (0..pieces.len()).filter(|index| gone[*index]).collect();
    for line in lines {
        let before = line.checked_sub(1).filter(|index| !gone[*index]);
        let after = Some(line + 1).filter(|index| *index < pieces.len() && !gone[*index]);
        let is_break = |index: &usize| pieces[*index].is_line_break();
        if let Some(after) = after.filter(is_break) {
            gone[after] = true;
        } else if let (Some(before), Some(after)) = (before, after)
            && pieces[before].encloses_with(&pieces[after])
        {
            (gone[before], gone[after]) = (true, true);
        } else if let Some(before) = before.filter(is_break) {
            gone[before] = true;
        }
    }
    gone
}

/// Writes a note. Two lines never run together.
#[derive(Default)]
struct Writer {
    html: String,
    is_in_line: bool,
}

impl Writer {
    fn line(&mut self, html: &str) {
        if self.is_in_line {
            self.html.push_str("<br>");
        }
        self.html.push_str(html);
        self.is_in_line = true;
    }

    fn lines(&mut self, lines: &[Line<'_>]) {
        for line in lines {
            self.line(line.html);
        }
    }

    fn line_break(&mut self, html: &str) {
        self.html.push_str(html);
        self.is_in_line = false;
    }
}

#[cfg(test)]
#[path = "note_merge_tests.rs"]
mod tests;
