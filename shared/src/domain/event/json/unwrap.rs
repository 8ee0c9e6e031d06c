//! Takes an event out of a text: some senders write the whole body, or the event in it, as JSON inside a JSON string.

use super::nesting;

/// Members that hold an event.
const WRAPPERS: [&[u8]; 3] = [b"eventBody", b"detail", b"data"];

/// The body with the first text that holds an event replaced by what it holds; nothing when there is none.
///
/// A text is taken out once: what is wrapped again inside it is not looked for.
pub(in crate::domain::event) fn unwrapped(body: &[u8]) -> Option<Vec<u8>> {
    let mut key: &[u8] = b"";
    let mut at = 0;
    while at < body.len() {
        if body[at] != b'"' {
            at += 1;
            continue;
        }
        let end = string_end(body, at)?;
        let is_whole_body = body[..at].trim_ascii().is_empty();
        let is_value = is_whole_body || body[..at].trim_ascii_end().ends_with(b":");
        let is_wrapper = is_whole_body || WRAPPERS.contains(&key);
        if is_value
            && is_wrapper
            && let Some(inner) = object_in(&body[at..end])
        {
            return Some([&body[..at], inner.as_bytes(), &body[end..]].concat());
        }
        key = if is_value {
            b""
        } else {
            &body[at + 1..end - 1]
        };
        at = end;
    }
    None
}

/// Behind the closing quote of the string that begins at `at`.
fn string_end(body: &[u8], at: usize) -> Option<usize> {
    let mut end = at + 1;
    loop {
        match body.get(end)? {
            b'"' => return Some(end + 1),
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
}

/// The object that a string holds as text.
fn object_in(string: &[u8]) -> Option<String> {
    let text: String = serde_json::from_slice(string).ok()?;
    let is_object = text.trim_start().starts_with('{') && !nesting::is_too_deep(text.as_bytes());
    is_object.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: &str) -> Option<String> {
        unwrapped(body.as_bytes()).map(|body| String::from_utf8(body).unwrap())
    }

    #[test]
    fn an_event_written_as_a_text_is_taken_out_once() {
        for (body, inner) in [
            (
                r#" "{\"data\":{\"id\":\"a\"}}" "#,
                r#" {"data":{"id":"a"}} "#,
            ),
            (
                r#"{"topicName":"acw","eventBody": "{\"conversationId\":\"a\\\"b\"}"}"#,
                r#"{"topicName":"acw","eventBody": {"conversationId":"a\"b"}}"#,
            ),
            (
                r#"{"detail":{"eventBody":"{\"eventBody\":\"{}\"}"}}"#,
                r#"{"detail":{"eventBody":{"eventBody":"{}"}}}"#,
            ),
            (r#"{"data":"{}","x":1}"#, r#"{"data":{},"x":1}"#),
        ] {
            assert_eq!(text(body).as_deref(), Some(inner), "{body}");
        }
    }

    #[test]
    fn other_texts_are_left() {
        for body in [
            r#"{"summary":"{\"data\":{}}"}"#,
            r#"{"data":"text"}"#,
            r#"{"data":["{}"]}"#,
            r#"{"x":"data","y":"{}"}"#,
            r#"["data","{}"]"#,
            r#""text""#,
            r#"{"data":"{"#,
            r#"{"data":{"eventBody":1}}"#,
            "",
        ] {
            assert_eq!(text(body), None, "{body}");
        }
    }
}
