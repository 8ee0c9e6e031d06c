//! How deep a JSON text is nested, before anything reads it.
//!
//! Whoever reads nested values goes down a level for each, on a stack of limited size. `serde_json` stops at 128 levels,
//! but not in members that it skips. This is one limit for all, wherever the levels are.

/// The deepest that is read. Genesys' events have four levels.
pub(in crate::domain::event) const MAX_DEPTH: usize = 64;

/// Whether more objects and lists are open at once than [`MAX_DEPTH`]. A text that is no JSON is measured too, somehow.
pub(in crate::domain::event) fn is_too_deep(text: &[u8]) -> bool {
    let mut depth = 0_usize;
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
    }
    false
}

fn skip_string(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            // What is escaped ends no string.
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(open: &str, levels: usize, close: &str) -> String {
        open.repeat(levels) + "1" + &close.repeat(levels)
    }

    #[test]
    fn levels_count_wherever_they_are_and_whatever_they_are() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[1,{\"data\" :", "}]")] {
            let per_step = open.matches(['[', '{']).count();
            let deepest = MAX_DEPTH / per_step;

            assert!(!is_too_deep(nested(open, deepest, close).as_bytes()));
            assert!(is_too_deep(nested(open, deepest + 1, close).as_bytes()));
            assert!(is_too_deep(open.repeat(100_000).as_bytes()), "never closed");
        }
    }

    #[test]
    fn brackets_beside_one_another_and_in_texts_are_no_levels() {
        let beside = format!("[{}]", "[],".repeat(1000));
        let in_text = format!(r#"{{"a\"":"{}","b":"\\"}}"#, "[{".repeat(1000));

        assert!(!is_too_deep(beside.as_bytes()));
        assert!(!is_too_deep(in_text.as_bytes()));
        assert!(!is_too_deep(b"]]]]"));
        assert!(!is_too_deep(b"\"[[["));
    }
}
