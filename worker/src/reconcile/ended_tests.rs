use genesys::model::DetailsPage;
use shared::domain::event::Kind;

use super::*;

/// A page of Genesys' record with one conversation: its participants, as JSON.
fn conversation(participants: &str) -> ConversationDetails {
    let page = format!(
        r#"{{"conversations":[{{"conversationId":"6d1f7f7e-9a3c-4f0e-8b1a-000000000001",
        "conversationStart":"2026-03-10T13:58:00Z","conversationEnd":"2026-03-10T14:05:00Z",
        "originatingDirection":"inbound","participants":[{participants}]}}]}}"#
    );
    let page: DetailsPage = serde_json::from_str(&page).unwrap();
    page.conversations.into_iter().next().unwrap()
}

fn customer(session: &str) -> String {
    format!(
        r#"{{"participantId":"p-1","purpose":"customer","externalContactId":"contact-1","sessions":[{session}]}}"#
    )
}

const CALL: &str = r#"{"sessionId":"s-1","mediaType":"voice","direction":"inbound","ani":"tel:+12025550143",
    "dnis":"tel:+12025550190","recording":true,"segments":[
    {"segmentStart":"2026-03-10T13:58:00Z","segmentEnd":"2026-03-10T13:58:10Z","segmentType":"system"},
    {"segmentStart":"2026-03-10T13:58:10Z","segmentEnd":"2026-03-10T14:04:00.250Z","segmentType":"interact",
     "disconnectType":"peer"}]}"#;

fn ended(details: &ConversationDetails, channels: &[&str]) -> Ended {
    let filter = Filter {
        channels: channels.iter().map(|one| (*one).to_owned()).collect(),
        statuses: Vec::new(),
    };
    let recorded = Recorded {
        filter: &filter,
        internal_calls: false,
        is_own: &|number| number.contains("+12025550190"),
    };
    Ended::of(details, &recorded).expect("it ended")
}

/// The events that are made of a conversation.
fn events(details: &ConversationDetails) -> Vec<Event> {
    let ends = customer_end::of(details);
    let event = |end: &CustomerEnd<'_>| match recognised(end, &Filter::everything()) {
        Some(Recognised::Event(event)) => *event,
        other => panic!("{other:?}"),
    };
    ends.iter().map(event).collect()
}

#[test]
fn the_event_made_of_a_call_is_the_one_that_genesys_raises() {
    let ended = ended(&conversation(&customer(CALL)), &["voice", "chat"]);

    assert_eq!(ended.content, Ok(()));
    assert_eq!(ended.events[0].event.source, Source::Reconcile);
    let event = events(&conversation(&customer(CALL))).remove(0);
    assert_eq!(event.kind, Kind::CustomerEnd);
    assert_eq!(event.interaction, ended.id);
    assert_eq!(event.details.number.as_deref(), Some("tel:+12025550143"));
    assert_eq!(event.details.contact.as_deref(), Some("contact-1"));
    assert_eq!(event.details.duration_ms, Some(350_250));
    assert_eq!(event.at, Some("2026-03-10T14:04:00.250Z".parse().unwrap()));
    let raised = r#"{"topicName":"v2.detail.events.conversation.{id}.customer.end","eventBody":{
        "eventTime":1773151440250,"conversationId":"6d1f7f7e-9a3c-4f0e-8b1a-000000000001","participantId":"p-1",
        "sessionId":"s-1","mediaType":"VOICE","direction":"INBOUND","disconnectType":"PEER",
        "ani":"tel:+12025550143","dnis":"tel:+12025550190"}}"#;
    let Ok(Recognised::Event(raised)) = recognise(raised.as_bytes(), None, &Filter::everything())
    else {
        panic!("not recognised");
    };
    assert_eq!(
        event.key, raised.key,
        "an event that comes after all is a duplicate"
    );
}

#[test]
fn each_session_of_a_customer_has_its_event() {
    let second = CALL
        .replace("s-1", "s-2")
        .replace("14:04:00.250", "14:04:30");
    let details = conversation(&format!("{},{}", customer(CALL), customer(&second)));

    assert_eq!(events(&details).len(), 2);
}

#[test]
fn a_channel_that_is_not_recorded_is_left_out() {
    let email = CALL.replace("voice", "email");

    let ended = ended(&conversation(&customer(&email)), &["voice", "chat"]);

    assert_eq!(
        ended.content.clone().unwrap_err(),
        LeftOut::Channel("email".to_owned())
    );
    assert!(ended.events.is_empty());
}

#[test]
fn colleagues_among_themselves_are_left_out() {
    let colleagues = customer(CALL).replace("\"customer\"", "\"user\"");
    let by_number = customer(CALL).replace("+12025550143", "+12025550190");

    let content = |text: &str| ended(&conversation(text), &["voice"]).content.unwrap_err();
    assert_eq!(content(&colleagues), LeftOut::NoCustomer);
    assert_eq!(content(&by_number), LeftOut::Internal);
}

#[test]
fn a_conversation_that_goes_on_has_not_ended() {
    let mut details = conversation(&customer(CALL));
    details.conversation_end = None;

    let filter = Filter::everything();
    let recorded = Recorded {
        filter: &filter,
        internal_calls: true,
        is_own: &|_| false,
    };
    assert!(Ended::of(&details, &recorded).is_none());
}

#[test]
fn a_record_without_segments_makes_no_event() {
    let bare = r#"{"sessionId":"s-1","mediaType":"voice"}"#;

    let ended = ended(&conversation(&customer(bare)), &["voice"]);

    assert_eq!(ended.content.unwrap_err(), LeftOut::NoCustomer);
}
