//! The written activity, by example.

mod attachment;
mod texts;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use pipedrive::PersonId;
use shared::domain::event::{Direction, Filter, Reading, Recognised, read_body, recognise};
use shared::domain::facts::Facts;
use shared::domain::ids::InteractionId;
use shared::domain::interaction::{Leg, Session, ThirdParty, no_own_numbers};
use shared::domain::phone::{Region, read_party};

use super::*;
use crate::activity::marker;
use crate::person::attachment::Target;
use crate::person::candidate::Named;
use crate::person::handle::HandleKind;
use crate::text::escape;

fn interaction(bodies: &[&[u8]]) -> Interaction {
    let mut known = BTreeMap::new();
    let mut id = None;
    for body in bodies {
        let Ok(Recognised::Event(event)) = recognise(body, None, &Filter::everything()) else {
            panic!("no event");
        };
        let received = "2026-03-10T14:20:00Z".parse().unwrap();
        known.insert(event.key.digest(), Facts::of(&event, received));
        id = Some(event.interaction.clone());
    }
    Interaction::merge(&id.unwrap(), &known, &no_own_numbers).unwrap()
}

fn style() -> Style {
    Style {
        call_type: "call".to_owned(),
        chat_type: "chat".to_owned(),
        fallback_owner: Some(UserId(9)),
        person_url: None,
        interaction_url: "https://genesys.example/{id}/admin".to_owned(),
        time_zone: TimeZone::get("Europe/Berlin").unwrap(),
    }
}

fn named(id: u64, name: Option<&str>) -> Named {
    Named {
        id: PersonId(id),
        name: name.map(str::to_owned),
    }
}

fn shared() -> Target {
    Target::Shared {
        by: HandleKind::Number,
        people: vec![named(3, Some("Kim Colleague")), named(9, None)],
    }
}

fn written(interaction: &Interaction, to: Target) -> Activity {
    written_in(interaction, &Attachment::to(to), &style())
}

fn written_in(interaction: &Interaction, attachment: &Attachment, style: &Style) -> Activity {
    let party = read_party(
        interaction.number.as_deref(),
        Some(Region::parse("US").unwrap()),
    );
    activity(interaction, &party, attachment, None, style)
}

#[test]
fn the_activity_states_the_whole_call() {
    let call = interaction(&[
        include_bytes!(
            "../../../../shared/fixtures/events/eventbridge-customer-end-voice-inbound.json"
        ),
        include_bytes!(
            "../../../../shared/fixtures/events/eventbridge-user-end-voice-inbound.json"
        ),
        include_bytes!("../../../../shared/fixtures/events/eventbridge-acw-voice-inbound.json"),
    ]);

    let activity = written(&call, Target::Person(PersonId(5).into()));

    assert_eq!(
        activity.subject,
        "Inbound call from +12025550143 (7 min 22 s)"
    );
    assert_eq!(
        (activity.due_date.as_str(), activity.due_time.as_str()),
        ("2026-03-10", "14:05")
    );
    assert_eq!(
        (
            activity.duration.as_str(),
            activity.kind.as_str(),
            activity.done
        ),
        ("00:08", "call", true)
    );
    assert_eq!(
        activity.participants,
        [Participant {
            person_id: PersonId(5),
            primary: true
        }]
    );
    assert_eq!(activity.owner_id, None);
    let expected = "<b>Outcome:</b> Inbound call, connected<br><b>Number:</b> +12025550143<br>\
        <b>When:</b> Tue 10 Mar 2026, 15:05 (Europe/Berlin)<br><b>Duration:</b> 7 min 22 s<br>\
        <b>Talk:</b> 5 min 52 s<br><b>Hold:</b> 30 s<br>\
        <b>Wrap-up notes:</b> Asked for a quote for 20 seats; call back on Friday.<br>\
        <b>Agent:</b> 7d2c4e6f-8a1b-4c3d-9e5f-0a1b2c3d4e5f<br>\
        <b>Queue:</b> 3c5e7a90-1b2d-4f68-a7c4-90d1e2f3a4b5<br>\
        <b>Wrap-up code:</b> 5a6b7c8d-9e0f-4a1b-8c2d-3e4f5a6b7c8d<br>\
        <b>After-call work:</b> 44 s<br>\
        <b>Interaction:</b> <a href=\"https://genesys.example/e2b1a3c4-5d6f-4e7a-8b9c-0d1e2f3a4b5c/admin\">Open in Genesys Cloud</a><br>\
        Genesys interaction e2b1a3c4-5d6f-4e7a-8b9c-0d1e2f3a4b5c";
    assert_eq!(activity.note, expected);
}

#[test]
fn an_id_of_any_characters_is_one_segment_of_the_links_path() {
    let body = r#"{"data":{"id":"a b+c/d?e#f%g~h","channelType":"voice","duration":1}}"#;
    let call = interaction(&[body.as_bytes()]);

    let note = written(&call, Target::NoHandle).note;

    let link = "https://genesys.example/a%20b%2Bc%2Fd%3Fe%23f%25g~h/admin";
    assert!(note.contains(&format!("href=\"{link}\"")), "{note}");
}

#[test]
fn a_chat_without_a_number_goes_to_the_fallback_owner() {
    let chat = interaction(&[include_bytes!(
        "../../../../shared/fixtures/events/guide-interaction-completed-minimal.json"
    )]);

    let activity = written(&chat, Target::NoHandle);

    assert_eq!(
        activity.subject,
        "Chat with an unknown customer (1 min 0 s)"
    );
    assert_eq!(
        (activity.kind.as_str(), activity.owner_id),
        ("chat", Some(UserId(9)))
    );
    assert!(activity.participants.is_empty());
}

#[test]
fn the_note_of_an_interaction_of_which_a_part_came_says_so() {
    let body = br#"{"data":{"id":"call-1","channelType":"voice","duration":61,"summary":"Asked fo"#;
    let read = read_body(body, None, &Filter::everything(), true).unwrap();
    let Reading::Event(event) = read.reading else {
        panic!("no event");
    };
    let facts = Facts::of(&event, "2026-03-10T14:20:00Z".parse().unwrap());
    let known = BTreeMap::from([(event.key.digest(), facts)]);
    let call = Interaction::merge(&event.interaction, &known, &no_own_numbers).unwrap();

    let note = written(&call, Target::NoHandle).note;

    assert!(
        note.contains("<br><b>Incomplete:</b> part of this record was lost"),
        "{note}"
    );
    assert!(note.contains("<b>Summary:</b> Asked fo […]<br>"), "{note}");
    assert!(note.contains("Open in Genesys Cloud"), "{note}");
}

#[test]
fn agents_are_named_with_their_talk_and_third_parties_with_what_is_known_of_them() {
    let call = interaction(&[
        include_bytes!(
            "../../../../shared/fixtures/events/eventbridge-customer-end-voice-inbound.json"
        ),
        include_bytes!(
            "../../../../shared/fixtures/events/eventbridge-user-end-voice-inbound.json"
        ),
    ]);
    let leg = |agent: &str, ms| Leg {
        agent: Some(agent.to_owned()),
        talk_ms: Some(ms),
        ..call.legs[0].clone()
    };
    let session = |started: &str, ended: &str| Session {
        started: started.parse().unwrap(),
        ended: ended.parse().unwrap(),
        direction: Some(Direction::Inbound),
    };
    let call = Interaction {
        agents: vec!["Ann".to_owned(), "Bo".to_owned()],
        legs: vec![leg("Ann", 61_000), leg("Bo", 60_000), leg("Ann", 2_000)],
        third_parties: vec![ThirdParty {
            number: Some("tel:+12025550199".to_owned()),
            name: Some("Supplier".to_owned()),
        }],
        sessions: vec![
            session("2026-03-10T14:05:00Z", "2026-03-10T14:07:00Z"),
            Session {
                direction: Some(Direction::Outbound),
                ..session("2026-03-11T08:00:00Z", "2026-03-11T08:01:05Z")
            },
        ],
        ..call
    };

    let Activity { note, subject, .. } = written(&call, Target::NoHandle);

    assert_eq!(
        subject,
        "Inbound call from +12025550143, called back (3 min 5 s in 2 sessions)"
    );
    let party = read_party(Some("+12025550143"), None);
    assert!(crate::activity::subject::is_of(&subject, &call, &party));
    for line in [
        "<b>Outcome:</b> Inbound call, called back, connected<br>",
        "<b>Agents:</b> Ann (1 min 3 s), Bo (1 min 0 s)<br>",
        "<b>Also took part:</b> Supplier (+12025550199)<br>",
        "<b>Sessions:</b> Tue 10 Mar 2026, 15:05, inbound, 2 min 0 s<br>\
         Wed 11 Mar 2026, 09:00, outbound, 1 min 5 s<br>",
    ] {
        assert!(note.contains(line), "{line} is missing in {note}");
    }
}

/// Events of one call of which many orders and subsets are tried.
fn events_of_one_call() -> Vec<Vec<u8>> {
    let event = |leaf: &str, who: &str, end: i64, more: serde_json::Value| {
        let mut body = serde_json::json!({"conversationId": "call-1", "participantId": who, "sessionId": who,
            "mediaType": "VOICE", "eventTime": (1_773_151_200 + end) * 1000, "direction": "INBOUND",
            "ani": "tel:+12025550143", "dnis": "tel:+12025550100"});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        serde_json::json!({"topicName": leaf, "eventBody": body})
    };
    let lasted =
        |ms: u64| serde_json::json!({"interactingDurationMs": ms, "disconnectType": "PEER"});
    let mut supplier = event("customer.end", "s", 310, lasted(100_250));
    supplier["eventBody"]["direction"] = serde_json::json!("OUTBOUND");
    supplier["eventBody"]["dnis"] = serde_json::json!("tel:+12025550177");
    let work = serde_json::json!({"userId": "alex", "wrapupCode": "code", "wrapupNotes": "Two\nlines",
        "wrapupDurationMs": 40_000});
    let guide = serde_json::json!({"data": {"id": "call-1", "channelType": "voice", "duration": 300.4,
        "phoneNumber": "(202) 555-0143", "participantName": "Casey \u{1f642}", "recordingUrl": "https://r.example/1"}});
    let events = [
        event("customer.end", "c", 300, lasted(299_999)),
        supplier,
        event("user.end", "alex", 301, lasted(280_000)),
        event("acw", "alex", 340, work.clone()),
        event("wrapup", "alex", 341, work),
        guide,
        serde_json::json!({"event": "conversation.ended", "conversationId": "call-1", "callerId": "+12025550143",
            "calleeId": "+12025550100", "durationSeconds": 301, "recordingId": "r-1", "direction": "inbound"}),
    ];
    events.map(|event| event.to_string().into_bytes()).to_vec()
}

#[test]
fn the_same_facts_are_composed_to_the_same_activity_after_they_were_stored() {
    let events = events_of_one_call();
    for subset in 1..1_u32 << events.len() {
        let chosen = |index: &usize| subset & (1 << index) != 0;
        let mut known = BTreeMap::new();
        for event in (0..events.len()).filter(chosen).map(|index| &events[index]) {
            let Ok(Recognised::Event(event)) = recognise(event, None, &Filter::everything()) else {
                panic!("no event");
            };
            let received = "2026-03-10T14:20:00.123456789Z".parse().unwrap();
            known.insert(event.key.digest(), Facts::of(&event, received));
        }
        let stored = serde_json::to_string(&known).unwrap();
        let stored: BTreeMap<String, Facts> = serde_json::from_str(&stored).unwrap();
        assert_eq!(stored, known, "{subset:b}");

        let id = InteractionId::parse("call-1").unwrap();
        let composed = |facts| {
            let call = Interaction::merge(&id, facts, &no_own_numbers).unwrap();
            written(&call, Target::Person(PersonId(5).into()))
        };
        assert_eq!(composed(&known), composed(&stored), "{subset:b}");
    }
}

#[test]
fn the_wrap_up_that_an_acw_stated_already_changes_nothing() {
    let events = events_of_one_call();
    let composed = |chosen: &[usize]| {
        let chosen: Vec<&[u8]> = chosen.iter().map(|index| &*events[*index]).collect();
        written(&interaction(&chosen), Target::Person(PersonId(5).into()))
    };

    assert_eq!(composed(&[0, 2, 3]), composed(&[0, 2, 3, 4]));
}

#[test]
fn ids_give_way_to_names_that_are_known_for_all_of_them() {
    let id = "7d2c4e6f-8a1b-4c3d-9e5f-0a1b2c3d4e5f";
    let call = |agents: &[&str]| Interaction {
        agents: agents.iter().map(|agent| (*agent).to_owned()).collect(),
        ..interaction(&[include_bytes!(
            "../../../../shared/fixtures/events/guide-interaction-completed.json"
        )])
    };
    let note = |agents: &[&str]| written(&call(agents), Target::NoHandle).note;

    assert!(note(&[id, "Ann"]).contains("<b>Agent:</b> Ann<br>"));
    let other = "8d2c4e6f-8a1b-4c3d-9e5f-0a1b2c3d4e5f";
    assert!(
        note(&[id, "Ann", other]).contains(other),
        "one of them has no name"
    );
}
