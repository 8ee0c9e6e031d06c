//! What of an answer's text may stand in an error: errors are logged, and answers can quote customers' data.

/// Longest message that is kept, in characters.
const MESSAGE_MAX: usize = 200;
/// Runs of digits from here on may be a telephone number.
const DIGITS_MAX: usize = 5;

/// A message without control characters, addresses, and words that may be telephone numbers or ids, cut to a line.
pub(crate) fn presentable(message: &str) -> String {
    let words = message.split_whitespace().map(masked);
    let text = words.collect::<Vec<_>>().join(" ");
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    match text.char_indices().nth(MESSAGE_MAX) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

fn masked(word: &str) -> &str {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    if word.contains('@') || word.contains("://") || digits > DIGITS_MAX {
        "…"
    } else {
        word
    }
}

/// An error code as Genesys writes them (`missing.any.permissions`, `invalid_client`); anything else is left out.
pub(crate) fn code(text: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_code = (1..=64).contains(&text.len()) && text.bytes().all(is_plain);
    is_code.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_keeps_its_words_and_loses_what_may_name_a_customer() {
        assert_eq!(
            presentable("No contact for +12025550143 or casey@example.com\u{7}\nin [36] seconds"),
            "No contact for … or … in [36] seconds"
        );
        assert_eq!(presentable(&"é ".repeat(300)).chars().count(), 201);
    }

    #[test]
    fn a_code_is_a_plain_word() {
        assert_eq!(
            code("too.many.requests").as_deref(),
            Some("too.many.requests")
        );
        assert_eq!(code("<b>"), None);
        assert_eq!(code(""), None);
    }
}
