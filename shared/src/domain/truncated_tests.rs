//! Every committed sample, cut at every byte.

use serde_json::Value;

use super::*;

const EVENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/events");

fn samples() -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(EVENTS)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let samples: Vec<_> = entries
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
        .collect();
    assert!(samples.len() >= 13, "{} samples", samples.len());
    samples
}

fn completed(body: &str) -> Option<String> {
    let text = complete(body.as_bytes())?;
    Some(String::from_utf8(text).unwrap())
}

/// Whether each member of `part` is in `whole` too, texts for people up to the mark.
fn is_part_of(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => part.iter().all(|(name, value)| {
            whole
                .get(name)
                .is_some_and(|other| is_part_of(value, other))
        }),
        (Value::Array(part), Value::Array(whole)) => {
            part.len() <= whole.len() && part.iter().zip(whole).all(|(a, b)| is_part_of(a, b))
        }
        (Value::String(part), Value::String(whole)) => match part.strip_suffix(CUT_MARK) {
            Some(part) => whole.starts_with(part),
            None => part == whole,
        },
        (part, whole) => part == whole,
    }
}

#[test]
fn a_sample_cut_at_any_byte_is_a_part_of_itself() {
    for (name, body) in samples() {
        let body = body.trim_ascii_end();
        let whole: Value = serde_json::from_slice(body).unwrap();
        for end in 1..body.len() {
            let text = complete(&body[..end]).unwrap_or_else(|| panic!("{name} cut at {end}"));
            let part: Value = serde_json::from_slice(&text)
                .unwrap_or_else(|error| panic!("{name} cut at {end}: {error}"));
            assert!(is_part_of(&part, &whole), "{name} cut at {end}: {part}");
        }
        assert!(complete(body).is_none(), "{name} is whole");
    }
}

#[test]
fn half_a_value_is_left_out_and_half_a_text_is_kept() {
    for (body, expected) in [
        (
            r#"{"data":{"id":"call-1","duration":44"#,
            r#"{"data":{"id":"call-1"}}"#,
        ),
        (
            r#"{"data":{"id":"call-1","duration":44,"#,
            r#"{"data":{"id":"call-1","duration":44}}"#,
        ),
        (
            r#"{"data":{"id":"call-1","phoneNumber":"+1202555"#,
            r#"{"data":{"id":"call-1"}}"#,
        ),
        (r#"{"a":[1,{"b":true},fal"#, r#"{"a":[1,{"b":true}]}"#),
        (r#"{"a":{"b":null,"c":"#, r#"{"a":{"b":null}}"#),
        (r#"{"a""#, "{}"),
        ("  {", "  {}"),
        (r#"{"summary":"Asked fo"#, r#"{"summary":"Asked fo […]"}"#),
        (
            r#"{"a":1, "wrapupNotes" : "A \"qu\"#,
            r#"{"a":1,"wrapupNotes":"A \"qu […]"}"#,
        ),
        (r#"{"summary":"\ud83d\ude0"#, r#"{"summary":" […]"}"#),
        (r#"{"summary":""#, r#"{"summary":" […]"}"#),
        (r#"{"summary":["Asked fo"#, r#"{"summary":[]}"#),
    ] {
        assert_eq!(completed(body).as_deref(), Some(expected), "{body}");
    }
    let cut_in_a_character = &"{\"summary\":\"é".as_bytes()[..13];
    let text = complete(cut_in_a_character).unwrap();
    assert_eq!(text, "{\"summary\":\" […]\"}".as_bytes());
}

#[test]
fn what_no_continuation_corrects_was_not_cut_off() {
    for body in [
        "",
        " ",
        "not json",
        "{not json",
        r#"{"data":}"#,
        r#"{"a":1 "b""#,
        r#"{"a":tree"#,
        r#"{"a":[1}"#,
        r#"{"a",""#,
        "[",
        r#"[{"data":{"id":"call-1""#,
        r#""text"#,
        r#"{"a":1}"#,
        r#"{"a":1}{"#,
    ] {
        assert_eq!(completed(body), None, "{body}");
    }
}
