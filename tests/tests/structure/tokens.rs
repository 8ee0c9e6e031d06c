//! Rust source as words and signs, without comments, texts and the code of unit tests.

use std::iter::Peekable;
use std::str::CharIndices;

/// A word such as `use` or `crate`, `::`, or a single other sign; with its line, from 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

impl Token {
    pub fn is(&self, text: &str) -> bool {
        self.text == text
    }

    pub fn is_word(&self) -> bool {
        self.text.starts_with(is_of_word)
    }
}

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The tokens of a file, without items that are compiled for its unit tests alone.
pub fn tokens(source: &str) -> Vec<Token> {
    without_tests(&Lexer::new(source).collect::<Vec<_>>())
}

struct Lexer<'s> {
    source: &'s str,
    rest: Peekable<CharIndices<'s>>,
    line: usize,
}

impl<'s> Lexer<'s> {
    fn new(source: &'s str) -> Self {
        Self {
            source,
            rest: source.char_indices().peekable(),
            line: 1,
        }
    }

    fn at(&mut self) -> usize {
        self.rest.peek().map_or(self.source.len(), |(at, _)| *at)
    }

    fn starts_with(&mut self, text: &str) -> bool {
        let at = self.at();
        self.source[at..].starts_with(text)
    }

    fn take(&mut self) -> Option<char> {
        let (_, character) = self.rest.next()?;
        self.line += usize::from(character == '\n');
        Some(character)
    }

    fn skip(&mut self, characters: usize) {
        for _ in 0..characters {
            self.take();
        }
    }

    fn skip_until(&mut self, end: &str) {
        while self.rest.peek().is_some() && !self.starts_with(end) {
            self.take();
        }
        self.skip(end.chars().count());
    }

    fn skip_block_comment(&mut self) {
        self.skip(2);
        while self.rest.peek().is_some() && !self.starts_with("*/") {
            if self.starts_with("/*") {
                self.skip_block_comment();
            } else {
                self.take();
            }
        }
        self.skip(2);
    }

    /// From the opening quote to the closing one.
    fn skip_text(&mut self, quote: char) {
        self.take();
        while let Some(character) = self.take() {
            if character == '\\' {
                self.take();
            } else if character == quote {
                return;
            }
        }
    }

    /// `r"…"`, `br#"…"#`, and plain texts with a prefix; false where none begins here.
    fn skip_prefixed_text(&mut self) -> bool {
        let at = self.at();
        let rest = &self.source[at..];
        let prefix = rest.len() - rest.trim_start_matches(['b', 'c', 'r']).len();
        let is_raw = rest[..prefix].contains('r');
        let hashes = rest[prefix..].len() - rest[prefix..].trim_start_matches('#').len();
        if prefix > 2 || !rest[prefix + hashes..].starts_with('"') || (hashes > 0 && !is_raw) {
            return false;
        }
        self.skip(prefix + hashes);
        if is_raw {
            self.take();
            self.skip_until(&format!("\"{}", "#".repeat(hashes)));
        } else {
            self.skip_text('"');
        }
        true
    }

    /// `'x'` and `'\n'` are texts, `'static` is a lifetime.
    fn skip_quote(&mut self) {
        let at = self.at();
        let mut ahead = self.source[at..].chars().skip(1);
        let (first, second) = (ahead.next(), ahead.next());
        if first == Some('\\') || second == Some('\'') {
            self.skip_text('\'');
        } else {
            self.take();
        }
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while self
            .rest
            .peek()
            .is_some_and(|(_, character)| is_of_word(*character))
        {
            word.extend(self.take());
        }
        word
    }
}

impl Iterator for Lexer<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        loop {
            let (_, character) = *self.rest.peek()?;
            let line = self.line;
            if self.starts_with("//") {
                self.skip_until("\n");
            } else if self.starts_with("/*") {
                self.skip_block_comment();
            } else if matches!(character, 'b' | 'c' | 'r' | '"') && self.skip_prefixed_text() {
            } else if character == '\'' {
                self.skip_quote();
            } else if is_of_word(character) {
                let text = self.word();
                return Some(Token { text, line });
            } else if self.starts_with("::") {
                self.skip(2);
                let text = "::".to_owned();
                return Some(Token { text, line });
            } else {
                let text = self.take()?.to_string();
                if !character.is_whitespace() {
                    return Some(Token { text, line });
                }
            }
        }
    }
}

/// Leaves out each item under `#[cfg(test)]`, with its other attributes.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        if is_test_attribute(&tokens[at..]) {
            at += end_of_item(&tokens[at..]);
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

fn is_test_attribute(tokens: &[Token]) -> bool {
    let attribute = ["#", "[", "cfg", "(", "test", ")", "]"];
    tokens.len() >= attribute.len()
        && attribute
            .iter()
            .zip(tokens)
            .all(|(text, token)| token.is(text))
}

/// How many tokens an item has, attributes included: to its `;`, or to the end of its body.
fn end_of_item(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match &*token.text {
            "{" | "(" | "[" => depth += 1,
            ")" | "]" => depth = depth.saturating_sub(1),
            "}" => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

#[test]
fn comments_texts_and_unit_tests_are_left_out() {
    let source = r##"
        //! crate::a
        /* crate::b /* crate::c */ */
        const X: &str = "crate::d \" crate::e"; const Y: &str = r#"crate::f "x" "#;
        const Z: (char, &'static str) = ('"', b"crate::g");
        #[cfg(test)]
        #[path = "x.rs"]
        mod tests;
        #[cfg(test)]
        mod more { fn f() { crate::h(); } }
        use crate::left;
    "##;

    let left = tokens(source);

    let words: Vec<_> = left.iter().map(|token| &*token.text).collect();
    assert!(
        words.ends_with(&["use", "crate", "::", "left", ";"]),
        "{words:?}"
    );
    assert_eq!(words.iter().filter(|word| **word == "crate").count(), 1);
    assert_eq!(left.last().map(|token| token.line), Some(11));
}
