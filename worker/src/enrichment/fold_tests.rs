//! What Genesys knows, folded into interactions.

use genesys::model;
use shared::domain::event::{Filter, Reading, read_body};
use shared::domain::ids::InteractionId;
use shared::domain::interaction::no_own_numbers;
use shared::domain::phone::{OwnNumbers, Region};

use super::*;
use crate::enrichment::conversation;
use crate::enrichment::known::{Artefact, Summary};

const CHAT: &str = r#"{"topicName":"v2.detail.events.conversation.{id}.customer.end","eventBody":{
    "eventTime":1773151500000,"conversationId":"c","participantId":"p1","sessionId":"s1","mediaType":"MESSAGE",
    "messageType":"WEBMESSAGING","direction":"INBOUND","disconnectType":"PEER","addressFrom":"9f8e7d6c-guest"}}"#;
const CALL: &str = r#"{"topicName":"v2.detail.events.conversation.{id}.customer.end","eventBody":{
    "eventTime":1773151500000,"conversationId":"c","participantId":"p1","sessionId":"s1","mediaType":"VOICE",
    "direction":"INBOUND","disconnectType":"ENDPOINT","ani":"tel:+12025550143","interactingDurationMs":300000}}"#;
const LEG: &str = r#"{"topicName":"v2.detail.events.conversation.{id}.user.end","eventBody":{
    "eventTime":1773151500000,"conversationId":"c","participantId":"p3","sessionId":"s3","mediaType":"VOICE",
    "direction":"INBOUND","disconnectType":"PEER","userId":"u","queueId":"q","interactingDurationMs":255000}}"#;

fn known_events(bodies: &[&str]) -> BTreeMap<String, Facts> {
    let facts = bodies.iter().map(|body| {
        let read = read_body(body.as_bytes(), None, &Filter::everything(), true).unwrap();
        let Reading::Event(event) = read.reading else {
            panic!("no event");
        };
        let received = "2026-03-10T14:20:00Z".parse().unwrap();
        (event.key.digest(), Facts::of(&event, received))
    });
    facts.collect()
}

fn reader() -> Reader {
    Reader {
        region: Region::parse("US").ok(),
        outside_line: None,
        own: OwnNumbers::default(),
    }
}

fn folded(bodies: &[&str], known: &Known) -> Interaction {
    let facts = known_events(bodies);
    let id = InteractionId::parse("c").unwrap();
    let interaction = Interaction::merge(&id, &facts, &no_own_numbers).unwrap();
    fold(interaction, &facts, known, &reader())
}

fn given(participants: &str) -> Artefact<Conversation> {
    let json = format!(
        r#"{{"id":"c","startTime":"2026-03-10T14:00:00Z","endTime":"2026-03-10T14:05:00Z","participants":[{participants}]}}"#
    );
    let conversation: model::Conversation = serde_json::from_str(&json).unwrap();
    Artefact::Attached {
        value: conversation::read(&conversation),
    }
}

fn named(name: &str, email: Option<&str>) -> KnownName {
    KnownName {
        name: name.to_owned(),
        email: email.map(str::to_owned),
    }
}

const CUSTOMER: &str = r#"{"id":"p1","purpose":"customer","ani":"tel:+12025550143","dnis":"tel:+442079460001",
    "startTime":"2026-03-10T14:00:00Z","calls":[{"id":"s1","direction":"inbound","disconnectType":"endpoint",
    "connectedTime":"2026-03-10T14:00:01Z","disconnectedTime":"2026-03-10T14:05:00Z"}]}"#;
const QUEUE: &str = r#"{"id":"p2","purpose":"acd","startTime":"2026-03-10T14:00:10Z","endTime":"2026-03-10T14:05:00Z"}"#;
const AGENT: &str = r#"{"id":"p3","purpose":"agent","userId":"u","queueId":"q","startTime":"2026-03-10T14:00:40Z",
    "calls":[{"id":"s3","direction":"inbound","disconnectType":"peer",
    "connectedTime":"2026-03-10T14:00:45Z","disconnectedTime":"2026-03-10T14:05:00Z"}]}"#;

#[test]
fn a_chat_gets_the_handles_of_its_contact() {
    let known = Known {
        contact: Artefact::Attached {
            value: Handles {
                name: Some("Casey Customer".to_owned()),
                email: Some("casey@example.com".to_owned()),
                number: Some("+12025550143".to_owned()),
            },
        },
        ..Known::default()
    };

    let chat = folded(&[CHAT], &known);

    assert_eq!(chat.email.as_deref(), Some("casey@example.com"));
    assert_eq!(chat.customer.as_deref(), Some("Casey Customer"));
    assert_eq!(chat.number.as_deref(), Some("+12025550143"));
    let call = folded(
        &[CALL],
        &Known {
            contact: Artefact::Attached {
                value: Handles {
                    number: Some("+12025550199".to_owned()),
                    ..Handles::default()
                },
            },
            ..Known::default()
        },
    );
    assert_eq!(
        call.number.as_deref(),
        Some("tel:+12025550143"),
        "the number of the call stays"
    );
}

#[test]
fn names_take_the_place_of_ids_and_the_last_agent_owns_the_record() {
    let mut known = Known::default();
    known.agents.insert(
        "u".to_owned(),
        named("Alex Agent", Some("Alex@Agents.example.com")),
    );
    known.queues.insert("q".to_owned(), named("Sales", None));

    let call = folded(&[CALL, LEG], &known);

    assert_eq!(call.agents, ["Alex Agent"]);
    assert_eq!(call.queues, ["Sales"]);
    assert_eq!(call.legs[0].agent.as_deref(), Some("Alex Agent"));
    assert_eq!(call.agent_email.as_deref(), Some("Alex@Agents.example.com"));
}

#[test]
fn a_leg_of_which_no_event_came_is_that_of_the_conversation() {
    let known = Known {
        conversation: given(&[CUSTOMER, QUEUE, AGENT].join(",")),
        ..Known::default()
    };

    let alone = folded(&[CALL], &known);
    let both = folded(&[CALL, LEG], &known);

    for call in [&alone, &both] {
        assert_eq!(call.agents, ["u"]);
        assert_eq!(call.talk_ms, Some(255_000));
        assert_eq!(call.outcome, Outcome::Connected);
        assert_eq!(call.duration_ms, Some(300_000));
        assert_eq!(call.started, "2026-03-10T14:00:00Z".parse().unwrap());
    }
}

#[test]
fn a_call_that_no_agent_took_was_given_up_in_the_queue() {
    let known = Known {
        conversation: given(&[CUSTOMER, QUEUE].join(",")),
        ..Known::default()
    };

    let call = folded(&[CALL], &known);

    let after_ms = Some(290_000);
    assert_eq!(call.outcome, Outcome::Abandoned { after_ms });
}

#[test]
fn a_part_is_completed_and_legs_alone_create_nobody() {
    let known = Known {
        conversation: given(&[CUSTOMER, QUEUE, AGENT].join(",")),
        ..Known::default()
    };
    let cut = &CALL[..CALL.len() - 90];

    let before = folded(&[cut], &Known::default());
    let after = folded(&[cut], &known);
    let leg = folded(&[LEG], &known);

    assert!(before.is_partial && !before.may_create);
    assert!(!after.is_partial && after.may_create, "{after:?}");
    assert_eq!(after.number.as_deref(), Some("tel:+12025550143"));
    assert_eq!(after.agents, ["u"]);
    assert_eq!(leg.number.as_deref(), Some("tel:+12025550143"));
    assert!(!leg.may_create);
}

#[test]
fn a_summary_is_that_of_genesys_with_reason_and_follow_up() {
    let known = Known {
        summary: Artefact::Attached {
            value: Summary {
                text: "A quote.".to_owned(),
                reason: Some("New purchase".to_owned()),
                follow_up: Some("Send it.".to_owned()),
            },
        },
        ..Known::default()
    };

    let call = folded(&[CALL], &known);

    assert_eq!(call.summary.as_deref(), Some("A quote."));
    assert_eq!(call.reason.as_deref(), Some("New purchase"));
    assert_eq!(call.follow_up.as_deref(), Some("Send it."));
}
