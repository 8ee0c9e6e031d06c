//! Bodies that were cut off on their way: what arrived of them is read, and known to be a part only.
//!
//! A text is *cut off* when it is the beginning of a JSON object and ends before the object does. One with an error in
//! it, which no continuation would correct, is not: that one is malformed. What a cut-off text holds up to the last
//! complete member is completed to JSON and recognised like any other body. The member in which it was cut is left out,
//! since half a number is another number; only half a text that people read is still worth reading.
//!
//! `ingest` takes a cut-off body if its sender announced more than came, or if it has at least
//! [`TRUNCATED_MIN_BYTES`]. A shorter one that came as announced was typed wrong, and is refused as malformed. If its
//! interaction is known it is recorded, and the record says that it is incomplete; if not it becomes a dead letter.

/// The shortest body that is taken for one cut off, in bytes, when its sender announced no more. An interaction's id with
/// what must stand around it takes as many.
pub const TRUNCATED_MIN_BYTES: usize = 64;

/// Texts for people, of which a part is kept.
const READ_BY_PEOPLE: [&[u8]; 3] = [b"wrapupNotes", b"transcriptSummary", b"summary"];
/// What ends a text of which the rest is missing.
const CUT_MARK: &str = " […]";
/// The longest tail of a text that may be no whole character: an escaped pair of surrogates less its last digit.
const BROKEN_TAIL_MAX_BYTES: usize = 11;

/// Completes `body` to JSON if it was cut off; nothing for one that is whole, or malformed.
#[must_use]
pub fn complete(body: &[u8]) -> Option<Vec<u8>> {
    Reader::new(body).complete()
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    Value,
    FirstValue,
    Key,
    FirstKey,
    Colon,
    /// A comma, or the end of the object or list.
    More,
}

/// Where the text ends, or that it is no JSON.
enum Stop {
    Cut,
    Malformed,
}

/// Reads a JSON text as far as it goes. It is strict about structure only: what is kept is parsed again.
struct Reader<'b> {
    text: &'b [u8],
    at: usize,
    /// What closes the objects and lists that are open.
    open: Vec<u8>,
    /// Up to where all is complete, and how much was open there.
    whole: (usize, usize),
    key: &'b [u8],
}

impl<'b> Reader<'b> {
    fn new(text: &'b [u8]) -> Self {
        Self {
            text,
            at: 0,
            open: Vec::new(),
            whole: (0, 0),
            key: b"",
        }
    }

    fn complete(mut self) -> Option<Vec<u8>> {
        let begins_an_object = self.peek() == Some(b'{');
        match self.read() {
            Err(Stop::Cut) if begins_an_object => Some(self.closed()),
            Ok(()) | Err(Stop::Cut | Stop::Malformed) => None,
        }
    }

    fn read(&mut self) -> Result<(), Stop> {
        let mut expected = Expected::Value;
        while !(expected == Expected::More && self.open.is_empty()) {
            expected = self.token(expected)?;
        }
        Ok(())
    }

    fn token(&mut self, expected: Expected) -> Result<Expected, Stop> {
        use Expected::{Colon, FirstKey, FirstValue, Key, More, Value};
        let byte = self.peek().ok_or(Stop::Cut)?;
        let next = match (expected, byte) {
            (Value | FirstValue, b'{') => self.enter(b'}', FirstKey),
            (Value | FirstValue, b'[') => self.enter(b']', FirstValue),
            (FirstKey, b'}') | (FirstValue, b']') => self.leave(),
            (More, _) if self.open.last() == Some(&byte) => self.leave(),
            (More, b',') => {
                self.at += 1;
                let is_object = self.open.last() == Some(&b'}');
                return Ok(if is_object { Key } else { Value });
            }
            (Key | FirstKey, b'"') => {
                self.key = self.string()?;
                return Ok(Colon);
            }
            (Colon, b':') => {
                self.at += 1;
                return Ok(Value);
            }
            (Value | FirstValue, b'"') => self.string().map(|_| More)?,
            (Value | FirstValue, b'-' | b'0'..=b'9') => self.number()?,
            (Value | FirstValue, b't') => self.word(b"true")?,
            (Value | FirstValue, b'f') => self.word(b"false")?,
            (Value | FirstValue, b'n') => self.word(b"null")?,
            _ => return Err(Stop::Malformed),
        };
        self.whole = (self.at, self.open.len());
        Ok(next)
    }

    /// The next byte that is no blank.
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text[self.at..];
        let blanks = rest.iter().take_while(|byte| b" \t\r\n".contains(byte));
        self.at += blanks.count();
        self.text.get(self.at).copied()
    }

    fn enter(&mut self, closer: u8, first: Expected) -> Expected {
        self.at += 1;
        self.open.push(closer);
        first
    }

    fn leave(&mut self) -> Expected {
        self.at += 1;
        self.open.pop();
        Expected::More
    }

    /// The inside of a string; goes past its end.
    fn string(&mut self) -> Result<&'b [u8], Stop> {
        let begin = self.at + 1;
        let mut at = begin;
        loop {
            match self.text.get(at) {
                None => return Err(Stop::Cut),
                Some(b'"') => break,
                Some(b'\\') => at += 2,
                Some(_) => at += 1,
            }
        }
        self.at = at + 1;
        Ok(&self.text[begin..at])
    }

    /// A number at the very end may go on.
    fn number(&mut self) -> Result<Expected, Stop> {
        let rest = &self.text[self.at..];
        let is_part = |byte: &&u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
        let length = rest.iter().take_while(is_part).count();
        if length == rest.len() {
            return Err(Stop::Cut);
        }
        self.at += length;
        Ok(Expected::More)
    }

    fn word(&mut self, word: &[u8]) -> Result<Expected, Stop> {
        let rest = &self.text[self.at..];
        if rest.starts_with(word) {
            self.at += word.len();
            Ok(Expected::More)
        } else if word.starts_with(rest) {
            Err(Stop::Cut)
        } else {
            Err(Stop::Malformed)
        }
    }

    /// All that is complete, with what is open closed.
    fn closed(self) -> Vec<u8> {
        let (end, depth) = self.whole;
        let mut text = self.text[..end].to_vec();
        if let Some(member) = self.half_a_text() {
            if !text.ends_with(b"{") {
                text.push(b',');
            }
            text.extend_from_slice(&member);
        }
        text.extend(self.open[..depth].iter().rev());
        text
    }

    /// The member in which the text ends, if people read it: as much of it as is whole characters.
    fn half_a_text(&self) -> Option<Vec<u8>> {
        let rest = &self.text[self.at..];
        let is_value =
            rest.starts_with(b"\"") && self.text[..self.at].trim_ascii_end().ends_with(b":");
        if !is_value || !READ_BY_PEOPLE.contains(&self.key) {
            return None;
        }
        (0..=BROKEN_TAIL_MAX_BYTES.min(rest.len() - 1)).find_map(|tail| {
            let whole = &rest[..rest.len() - tail];
            let text = [whole, CUT_MARK.as_bytes(), b"\""].concat();
            serde_json::from_slice::<String>(&text).ok()?;
            Some([b"\"", self.key, b"\":", &text].concat())
        })
    }
}

#[cfg(test)]
#[path = "truncated_tests.rs"]
mod tests;
