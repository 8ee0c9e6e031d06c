//! Bodies that are repaired, unwrapped or completed; and every committed sample, cut at every byte.

use super::*;
use crate::domain::event::{Channel, Kind};
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
    entries
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
        .collect()
}

fn reading(body: &[u8], topic: Option<&str>, filter: &Filter) -> Reading {
    read_body(body, topic, filter, true).unwrap().reading
}

fn event(body: &[u8]) -> Box<Event> {
    match read_body(body, None, &filter(), false).map(|read| read.reading) {
        Ok(Reading::Event(event)) => event,
        other => panic!("no event: {other:?}"),
    }
}

/// The interaction that a body names, for bodies of which little more can be read.
fn interaction(body: &[u8]) -> Option<InteractionId> {
    interaction_in(&truncated::complete(body)?)
}

#[test]
fn a_whole_body_is_read_as_it_came() {
    let body = br#"{"data":{"id":"a","channelType":"voice"}}"#;

    let read = read_body(body, None, &filter(), true).unwrap();

    assert!(matches!(read.json, Cow::Borrowed(_)));
    assert!(matches!(read.reading, Reading::Event(_)));
}

#[test]
fn raw_line_feeds_bad_bytes_and_halves_of_emoji_are_repaired() {
    let body = b"{\"data\":{\"id\":\"a\",\"channelType\":\"voice\",\"participantName\":\"Jos\xe9\",\"summary\":\"one\ntwo \\ud83d\"}}";

    let stated = event(body).details;

    assert_eq!(stated.customer.as_deref(), Some("Jos\u{fffd}"));
    assert_eq!(stated.summary.as_deref(), Some("one\ntwo \u{fffd}"));
}

#[test]
fn an_event_that_is_a_text_inside_of_json_is_unwrapped_once() {
    let inner = r#"{"conversationId":"a","mediaType":"VOICE","wrapupNotes":"one\ntwo"}"#;
    let text = serde_json::to_string(inner).unwrap();
    let in_event_body = format!(r#"{{"topicName":"acw","eventBody":{text}}}"#);
    let in_detail = serde_json::to_string(&in_event_body.replace(&text, inner)).unwrap();

    for body in [
        &in_event_body,
        &format!(r#"{{"detail":{in_detail}}}"#),
        &in_detail,
    ] {
        let stated = event(body.as_bytes());
        assert_eq!(
            (stated.kind, stated.interaction.as_str()),
            (Kind::Acw, "a"),
            "{body}"
        );
        assert_eq!(stated.details.wrapup_notes.as_deref(), Some("one\ntwo"));
    }
    let twice = serde_json::to_string(&in_detail).unwrap();
    assert!(matches!(
        read_body(twice.as_bytes(), None, &filter(), true),
        Err(Unrecognised::Form)
    ));
}

#[test]
fn a_body_that_nothing_repairs_is_refused_with_its_own_fault() {
    for body in [&b"{\"data\":\n}"[..], b"not json", b"\xff", b""] {
        let refused = read_body(body, None, &filter(), true);
        assert!(matches!(refused, Err(Unrecognised::Syntax(_))), "{body:?}");
    }
    let cut = read_body(br#"{"data":{"id":"a"#, None, &filter(), false);
    assert!(matches!(cut, Err(Unrecognised::Syntax(_))));
}

#[test]
fn a_cut_body_is_repaired_as_well() {
    let body = b"{\"data\":{\"id\":\"a\",\"channelType\":\"voice\",\"participantName\":\"Jos\xe9\nx\",\"summary\":\"one\ntw";

    let Reading::Event(event) = reading(body, None, &filter()) else {
        panic!("no event");
    };

    assert_eq!(event.details.customer.as_deref(), Some("Jos\u{fffd} x"));
    assert_eq!(event.details.summary.as_deref(), Some("one\ntw […]"));
    assert_eq!(event.part.unwrap().bytes, body.len() as u64);
}

#[test]
fn the_key_of_a_part_is_the_one_of_older_versions() {
    let body = br#"{"data":{"id":"call-1","channelType":"voice","summary":"Asked fo"#;

    let Reading::Event(event) = reading(body, None, &filter()) else {
        panic!("no event");
    };

    let digest = &sha256_hex_of(body)[..16];
    assert_eq!(
        event.key.as_str(),
        format!("interaction.completed|call-1|part|{digest}")
    );
}

#[test]
fn a_sample_cut_at_any_byte_is_recognised_as_the_same_interaction_or_not_at_all() {
    let mut parts = 0;
    for (name, body) in samples() {
        let body = body.trim_ascii_end();
        let whole = recognise(body, None, &filter()).unwrap();
        let mut was_recognised = false;
        for end in 1..body.len() {
            let by_ingest = reading(&body[..end], None, &filter());
            let by_worker = reading(&body[..end], None, &Filter::everything());
            if !matches!(by_ingest, Reading::Ignored(_)) {
                let is_event = |reading: &Reading| matches!(reading, Reading::Event(_));
                assert_eq!(
                    is_event(&by_ingest),
                    is_event(&by_worker),
                    "{name} cut at {end}"
                );
            }
            match (by_ingest, &whole) {
                (Reading::Event(part), Recognised::Event(whole)) => {
                    assert_eq!(
                        (&part.interaction, part.kind, &part.channel),
                        (&whole.interaction, whole.kind, &whole.channel),
                        "{name} cut at {end}"
                    );
                    assert_ne!(part.key, whole.key, "{name} cut at {end}");
                    let of = part.part.as_ref().unwrap().of.as_ref();
                    assert!(of.is_none_or(|of| *of == whole.key.digest()));
                    assert_eq!(interaction(&body[..end]), Some(part.interaction));
                    (parts, was_recognised) = (parts + 1, true);
                }
                (Reading::Ignored(why), Recognised::Ignored(reason)) => {
                    assert_eq!(&why, reason, "{name} cut at {end}");
                }
                (
                    Reading::Fragment {
                        why: Unrecognised::Missing(_) | Unrecognised::Form,
                        ..
                    },
                    _,
                ) => {
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
fn a_part_whose_kind_would_be_a_guess_is_not_recognised() {
    let body =
        br#"{"conversationId":"c","mediaType":"VOICE","disconnectType":"PEER","ani":"tel:+1202"#;

    let refused = reading(body, None, &filter());
    let stated = reading(body, Some("user.end"), &filter());

    let Reading::Fragment { interaction, why } = refused else {
        panic!("recognised: {refused:?}");
    };
    assert!(matches!(why, Unrecognised::Missing("topicName")));
    assert_eq!(interaction.unwrap().as_str(), "c");
    assert!(matches!(stated, Reading::Event(_)));
}

#[test]
fn a_part_is_ignored_for_what_it_states_and_not_for_what_it_lacks() {
    let email = br#"{"data":{"id":"a","channelType":"email","duration":4"#;
    let Reading::Ignored(why) = reading(email, None, &filter()) else {
        panic!("not ignored");
    };
    assert_eq!(why, Ignored::Channel("email".into()));

    let message = br#"{"topicName":"acw","eventBody":{"conversationId":"a","mediaType":"MESSAGE","#;
    for filter in [filter(), Filter::everything()] {
        let Reading::Fragment { why, .. } = reading(message, None, &filter) else {
            panic!("recognised");
        };
        assert!(matches!(
            why,
            Unrecognised::Missing("eventBody.messageType")
        ));
    }
}

#[test]
fn facts_of_a_part_survive_their_stored_form() {
    let body = br#"{"data":{"id":"call-1","channelType":"voice","summary":"Asked fo"#;
    let Reading::Event(event) = reading(body, None, &filter()) else {
        panic!("no event");
    };
    let stated = Facts::of(&event, "2026-03-10T14:20:00Z".parse().unwrap());

    let stored = serde_json::to_string(&stated).unwrap();

    assert_eq!(serde_json::from_str::<Facts>(&stored).unwrap(), stated);
    assert_eq!(stated.channel, Channel::Voice);
    assert_eq!(stated.part.unwrap().bytes, body.len() as u64);
    assert_eq!(stated.details.summary.as_deref(), Some("Asked fo […]"));
}

#[test]
fn the_interaction_of_an_unreadable_body_is_found_wherever_its_id_stands() {
    let of = |body: &str| interaction_of(body.as_bytes()).map(|id| id.as_str().to_owned());
    let found = Some("call-1".to_owned());

    for body in [
        r#"{"data":{"id":"call-1","phoneNumber":"+12025550143"}}"#,
        r#"{"id":"call-1","phoneNumber":"+12025550143"}"#,
        r#"{"detail":{"eventBody":{"conversationId":"call-1"}}}"#,
        r#"{"conversationId":"call-1","hello":"world"}"#,
        r#""{\"data\":{\"id\":\"call-1\"}}""#,
        r#"{"data":{"id":"call-1","phoneNumber":"+1202555"#,
    ] {
        assert_eq!(of(body), found, "{body}");
    }
    for body in [
        r#"{"data":{"id":"${input.conversationId}"}}"#,
        r#"{"hello":"world"}"#,
        "conversation=call-1",
    ] {
        assert_eq!(of(body), None, "{body}");
    }
}
