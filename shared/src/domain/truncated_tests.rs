//! Every committed sample, cut at every byte.

use serde_json::Value;

use super::*;
use crate::domain::event::{Ignored, recognise};
use crate::domain::facts::Facts;

const EVENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/events");

fn filter() -> Filter {
    Filter {
        channels: vec!["voice".into(), "chat".into()],
        statuses: vec!["completed".into()],
    }
}

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

fn repaired(body: &str) -> Option<String> {
    let cut = TruncatedBody::of(body.as_bytes())?;
    Some(String::from_utf8(cut.repaired).unwrap())
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
            let cut =
                TruncatedBody::of(&body[..end]).unwrap_or_else(|| panic!("{name} cut at {end}"));
            let part: Value = serde_json::from_slice(&cut.repaired)
                .unwrap_or_else(|error| panic!("{name} cut at {end}: {error}"));
            assert!(is_part_of(&part, &whole), "{name} cut at {end}: {part}");
        }
        assert!(TruncatedBody::of(body).is_none(), "{name} is whole");
    }
}

#[test]
fn a_sample_cut_at_any_byte_is_recognised_as_the_same_interaction_or_not_at_all() {
    let mut parts = 0;
    for (name, body) in samples() {
        let body = body.trim_ascii_end();
        let whole = recognise(body, None, &filter()).unwrap();
        let mut was_recognised = false;
        for end in 1..body.len() {
            let cut = TruncatedBody::of(&body[..end]).unwrap();
            let by_ingest = cut.recognise(None, &filter());
            let by_worker = cut.recognise(None, &Filter::everything());
            if !matches!(by_ingest, Ok(Recognised::Ignored(_))) {
                assert_eq!(by_ingest.is_ok(), by_worker.is_ok(), "{name} cut at {end}");
            }
            match (by_ingest, &whole) {
                (Ok(Recognised::Event(part)), Recognised::Event(whole)) => {
                    assert_eq!(
                        (&part.interaction, part.kind, &part.channel),
                        (&whole.interaction, whole.kind, &whole.channel),
                        "{name} cut at {end}"
                    );
                    assert_ne!(part.key, whole.key, "{name} cut at {end}");
                    let of = part.part.as_ref().unwrap().of.as_ref();
                    assert!(of.is_none_or(|of| *of == whole.key.digest()));
                    assert_eq!(cut.interaction(), Some(part.interaction));
                    (parts, was_recognised) = (parts + 1, true);
                }
                (Ok(Recognised::Ignored(why)), Recognised::Ignored(reason)) => {
                    assert_eq!(&why, reason, "{name} cut at {end}");
                }
                (Err(Unrecognised::Missing(_) | Unrecognised::Form), _) => {
                    assert!(
                        !was_recognised,
                        "{name}: less is known at {end} than before"
                    );
                }
                (other, _) => panic!("{name} cut at {end}: {other:?}"),
            }
        }
    }
    assert!(parts > 1000, "{parts} parts were recognised");
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
        assert_eq!(repaired(body).as_deref(), Some(expected), "{body}");
    }
    let cut_in_a_character = &"{\"summary\":\"é".as_bytes()[..13];
    let repaired = TruncatedBody::of(cut_in_a_character).unwrap().repaired;
    assert_eq!(repaired, "{\"summary\":\" […]\"}".as_bytes());
}

#[test]
fn what_no_continuation_heals_was_not_cut_off() {
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
        assert_eq!(repaired(body), None, "{body}");
    }
}

#[test]
fn a_part_whose_kind_would_be_a_guess_is_not_recognised() {
    let body =
        br#"{"conversationId":"c","mediaType":"VOICE","disconnectType":"PEER","ani":"tel:+1202"#;
    let cut = TruncatedBody::of(body).unwrap();

    let refused = cut.recognise(None, &filter());
    let told = cut.recognise(Some("user.end"), &filter());

    assert!(matches!(refused, Err(Unrecognised::Missing("topicName"))));
    assert!(matches!(told, Ok(Recognised::Event(_))));
    assert_eq!(cut.interaction().unwrap().as_str(), "c");
}

#[test]
fn a_part_is_ignored_for_what_it_tells_and_not_for_what_it_lacks() {
    let cut =
        TruncatedBody::of(br#"{"data":{"id":"a","channelType":"email","duration":4"#).unwrap();

    let Ok(Recognised::Ignored(why)) = cut.recognise(None, &filter()) else {
        panic!("not ignored");
    };
    assert_eq!(why, Ignored::Channel("email".into()));

    let message = TruncatedBody::of(
        br#"{"topicName":"acw","eventBody":{"conversationId":"a","mediaType":"MESSAGE","#,
    )
    .unwrap();
    for filter in [filter(), Filter::everything()] {
        assert!(matches!(
            message.recognise(None, &filter),
            Err(Unrecognised::Missing("eventBody.messageType"))
        ));
    }
}

#[test]
fn facts_of_a_part_survive_their_stored_form() {
    let body = br#"{"data":{"id":"call-1","channelType":"voice","summary":"Asked fo"#;
    let cut = TruncatedBody::of(body).unwrap();
    let Ok(Recognised::Event(event)) = cut.recognise(None, &filter()) else {
        panic!("no event");
    };
    let told = Facts::of(&event, "2026-03-10T14:20:00Z".parse().unwrap());

    let stored = serde_json::to_string(&told).unwrap();

    assert_eq!(serde_json::from_str::<Facts>(&stored).unwrap(), told);
    assert_eq!(told.part.unwrap().bytes, body.len() as u64);
    assert_eq!(told.summary.as_deref(), Some("Asked fo […]"));
}
