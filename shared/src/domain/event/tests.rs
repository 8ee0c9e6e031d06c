//! Recognition, by the committed samples of every form.

use super::*;
use crate::domain::facts::Facts;

fn filter() -> Filter {
    Filter {
        channels: vec!["voice".into(), "chat".into()],
        statuses: vec!["completed".into()],
    }
}

fn event(body: &[u8], topic: Option<&str>) -> Box<Event> {
    match recognise(body, topic, &filter()) {
        Ok(Recognised::Event(event)) => event,
        other => panic!("no event: {other:?}"),
    }
}

fn ignored(body: &[u8]) -> Ignored {
    match recognise(body, None, &filter()) {
        Ok(Recognised::Ignored(reason)) => reason,
        other => panic!("not ignored: {other:?}"),
    }
}

fn refused(body: &[u8]) -> String {
    recognise(body, None, &filter())
        .expect_err("recognised")
        .to_string()
}

fn facts(body: &[u8]) -> Facts {
    Facts::of(&event(body, None), "2026-03-10T14:20:00Z".parse().unwrap())
}

macro_rules! sample {
    ($name:literal) => {
        include_bytes!(concat!("../../../fixtures/events/", $name, ".json"))
    };
}

#[test]
fn every_form_of_one_event_is_the_same_event() {
    let envelope = sample!("eventbridge-customer-end-voice-inbound");
    let parsed: serde_json::Value = serde_json::from_slice(envelope).unwrap();
    let detail = parsed["detail"].to_string();
    let bare = parsed["detail"]["eventBody"].to_string();

    let whole = event(envelope, None);
    let forms = [
        event(detail.as_bytes(), None),
        event(bare.as_bytes(), Some("customer.end")),
        event(
            bare.as_bytes(),
            Some("v2.detail.events.conversation.{id}.customer.end"),
        ),
        event(bare.as_bytes(), None),
        event(sample!("trigger-data-action-post-primitives"), None),
    ];

    assert_eq!(
        (whole.source, whole.kind),
        (Source::EventBridge, Kind::CustomerEnd)
    );
    for form in forms {
        assert_eq!(
            (&form.key, form.kind, &form.channel),
            (&whole.key, whole.kind, &whole.channel)
        );
    }
}

#[test]
fn both_templates_of_a_trigger_are_recognised() {
    let json = event(sample!("trigger-data-action-post-json"), None);
    assert_eq!((json.source, json.kind), (Source::EventBody, Kind::Acw));

    let flat = event(sample!("trigger-data-action-post-primitives"), None);
    assert_eq!((flat.source, flat.kind), (Source::Flat, Kind::CustomerEnd));
}

#[test]
fn the_guides_payload_is_recognised_with_and_without_its_wrapper() {
    let full = event(sample!("guide-interaction-completed"), None);
    let minimal = event(sample!("guide-interaction-completed-minimal"), None);

    assert_eq!(
        (full.kind, full.channel.clone()),
        (Kind::Completed, Channel::Voice)
    );
    assert_eq!(
        full.interaction.as_str(),
        "e2b1a3c4-5d6f-4e7a-8b9c-0d1e2f3a4b5c"
    );
    assert_eq!(minimal.channel, Channel::Chat);
}

#[test]
fn web_messaging_and_the_old_web_chat_are_chats_and_sms_is_not_recorded_by_default() {
    assert_eq!(
        event(sample!("eventbridge-customer-end-webmessaging"), None).channel,
        Channel::Chat
    );
    assert_eq!(
        event(sample!("eventbridge-customer-end-chat-legacy"), None).channel,
        Channel::Chat
    );
    assert_eq!(
        ignored(sample!("eventbridge-customer-end-sms")),
        Ignored::Channel("message".into())
    );
}

#[test]
fn what_is_not_final_or_of_another_topic_is_ignored() {
    let cases: [(&[u8], &str); 5] = [
        (br#"{"eventType":"interaction.created","data":{"id":"a","channelType":"voice"}}"#, "topic"),
        (br#"{"status":"queued","data":{"id":"a","channelType":"voice"}}"#, "status"),
        (br#"{"data":{"id":"a","channelType":"voice","status":"alerting"}}"#, "status"),
        (br#"{"topicName":"channel.metadata","eventBody":{"message":"WebSocket Heartbeat"}}"#, "topic"),
        (
            br#"{"detail-type":"v2.detail.events.conversation.{id}.acd.start","detail":{"eventBody":{"conversationId":"a"}}}"#,
            "topic",
        ),
    ];
    for (body, label) in cases {
        assert_eq!(
            ignored(body).label(),
            label,
            "{}",
            String::from_utf8_lossy(body)
        );
    }
}

#[test]
fn a_refusal_names_what_is_missing() {
    for (body, part) in [
        (
            r#"{"data":{"channelType":"voice"}}"#,
            "`data.id` is missing",
        ),
        (
            r#"{"data":{"id":"  ","channelType":"voice"}}"#,
            "`data.id` is missing",
        ),
        (r#"{"data":{"id":"a"}}"#, "`data.channelType` is missing"),
        (
            r#"{"data":{"id":"a\nb","channelType":"voice"}}"#,
            "`data.id` is invalid",
        ),
        (
            r#"{"topicName":"acw","eventBody":{"mediaType":"VOICE"}}"#,
            "`eventBody.conversationId` is missing",
        ),
        (
            r#"{"conversationId":"a","mediaType":"VOICE"}"#,
            "`topicName` is missing",
        ),
        (r#"{"hello":"world"}"#, "no known event"),
        ("[]", "no known event"),
        ("[1,{\"data\":2}]", "no known event"),
        (r#"{"data":{"id":"a","id":"b"}}"#, "duplicate field"),
        ("{\"data\":", "line 1 column 8"),
        ("", "not JSON"),
    ] {
        let text = refused(body.as_bytes());
        assert!(text.contains(part), "{body}: {text}");
    }
}

#[test]
fn values_of_another_type_never_lose_an_event() {
    let stated = facts(br#"{"data":{"id":42,"channelType":"Voice","duration":"61","phoneNumber":12025550143,"recordingUrl":null,"participantName":["x"]}}"#);

    assert_eq!(stated.details.duration_ms, Some(61_000));
    assert_eq!(stated.details.number.as_deref(), Some("12025550143"));
    assert_eq!(stated.details.customer, None);
}

#[test]
fn the_customers_number_is_taken_by_medium_and_direction() {
    assert_eq!(
        facts(sample!("eventbridge-customer-end-voice-inbound"))
            .details
            .number
            .as_deref(),
        Some("tel:+12025550143")
    );
    let outbound = facts(sample!("eventbridge-user-end-voice-outbound"));
    assert_eq!(
        (
            outbound.details.direction,
            outbound.details.number.as_deref()
        ),
        (Some(Direction::Outbound), Some("tel:+447700900123"))
    );
}

#[test]
fn facts_survive_their_stored_form() {
    let stated = facts(sample!("eventbridge-acw-voice-inbound"));

    let stored = serde_json::to_string(&stated).unwrap();

    assert_eq!(serde_json::from_str::<Facts>(&stored).unwrap(), stated);
    assert_eq!(
        stated.details.wrapup_notes.as_deref(),
        Some("Asked for a quote for 20 seats; call back on Friday.")
    );
}

#[test]
fn ids_of_many_digits_stay_apart() {
    let body = br#"{"data":{"id":9007199254740993,"channelType":"voice"}}"#;

    assert_eq!(event(body, None).interaction.as_str(), "9007199254740993");
}

#[test]
fn what_strict_parsers_stumble_over_is_taken_all_the_same() {
    let stated = facts(b"\xef\xbb\xbf{\"data\":{\"id\":\"a\",\"channelType\":\"web-messaging\",\"summary\":\"x\",\"transcriptSummary\":\"y\"}}");
    assert_eq!(
        (stated.channel, stated.details.summary.as_deref()),
        (Channel::Chat, Some("y"))
    );
}

#[test]
fn an_id_that_a_template_left_unfilled_is_refused_and_said_so() {
    for (id, shown) in [
        ("${input.conversationId}", "${input.conversationId}"),
        ("$input.x", "$input.x"),
        ("{{id}}", "{{id}}"),
        ("null", "null"),
        ("undefined", "undefined"),
        ("NOT_SET", "NOT_SET"),
        ("<conversationId>", "<conversationId>"),
        ("%conversationId%", "%conversationId%"),
        ("[conversationId]", "[conversationId]"),
        ("None", "None"),
        ("nil", "nil"),
        ("NaN", "NaN"),
        ("conversationId", "conversationId"),
    ] {
        let guide = format!(r#"{{"data":{{"id":"{id}","channelType":"voice"}}}}"#);
        let flat = format!(r#"{{"topicName":"acw","conversationId":"{id}","mediaType":"VOICE"}}"#);
        for (body, member) in [(guide, "data.id"), (flat, "conversationId")] {
            assert_eq!(
                refused(body.as_bytes()),
                format!("`{member}` is `{shown}`: the sender's template was not filled")
            );
        }
    }
    let media = refused(br#"{"data":{"id":"a","channelType":"${input.media}"}}"#);
    assert!(media.starts_with("`data.channelType` is"), "{media}");
}

#[test]
fn placeholders_are_neither_names_nor_numbers_nor_agents() {
    let stated = facts(br#"{"data":{"id":"a","channelType":"voice","phoneNumber":"${input.phone}","participantName":"${input.callerName}","agentName":"{{agent}}","queueName":"undefined","summary":"NOT_SET"}}"#).details;

    assert_eq!((stated.number, stated.customer), (None, None));
    assert_eq!(
        (stated.agent, stated.queue, stated.summary),
        (None, None, None)
    );
}

#[test]
fn control_characters_never_get_into_facts() {
    let stated = facts(br#"{"data":{"id":"a","channelType":"voice","phoneNumber":"+1202\u0000555\u00070143","participantName":"Ca\u001bsey","agentName":"A\u0000lex","summary":"one\ntwo\u0000"}}"#).details;

    assert_eq!(stated.number.as_deref(), Some("+12025550143"));
    assert_eq!(stated.customer.as_deref(), Some("Casey"));
    assert_eq!(stated.agent.as_deref(), Some("Alex"));
    assert_eq!(stated.summary.as_deref(), Some("one\ntwo"));
}

#[test]
fn the_test_body_of_the_triggers_documentation_is_ignored() {
    assert_eq!(
        ignored(sample!("trigger-documentation-test")),
        Ignored::Test
    );
}

#[test]
fn both_invented_webhooks_give_the_same_facts() {
    let guide = br#"{"data":{"id":"c","channelType":"voice","direction":"inbound","phoneNumber":"+12025550143","duration":182,"agentName":"Alex Agent","queueName":"Sales EN"}}"#;
    let flat = br#"{"event":"conversation.ended","conversationId":"c","direction":"inbound","callerId":"+12025550143","calleeId":"+12025550100","durationSeconds":182,"recordingId":"r","agentName":"Alex Agent","queueName":"Sales EN"}"#;
    let wrapped = sample!("conversation-ended");

    let expected = facts(guide);
    for body in [&flat[..], wrapped] {
        let stated = event(body, None);
        assert_eq!(
            (stated.source, stated.kind),
            (Source::ConversationEnded, Kind::Completed)
        );
        let mut stated = facts(body);
        assert_eq!(stated.details.from.take().as_deref(), Some("+12025550143"));
        assert_eq!(stated.details.to.take().as_deref(), Some("+12025550100"));
        assert!(stated.details.recording.take().is_some(), "recordingId");
        assert_eq!(stated, expected);
    }
}

#[test]
fn without_a_direction_neither_side_is_the_customers() {
    let ended = facts(br#"{"event":"conversation.ended","conversationId":"c","callerId":"+12025550143","calleeId":"+12025550100"}"#).details;
    let detail = facts(br#"{"topicName":"customer.end","eventBody":{"conversationId":"c","mediaType":"VOICE","direction":"UNKNOWN","ani":"tel:+12025550143","dnis":"tel:+12025550100"}}"#).details;

    for stated in [ended, detail] {
        assert_eq!((stated.direction, stated.number), (None, None));
        assert!(stated.from.is_some() && stated.to.is_some());
    }
}

#[test]
fn the_same_body_has_the_same_key_and_one_that_says_more_another() {
    let body = r#"{"data":{"id":"a","channelType":"voice","duration":61}}"#;
    let more = r#"{"data":{"id":"a","channelType":"voice","duration":61,"summary":"x"}}"#;
    let key = |body: &str| event(body.as_bytes(), None).key;

    assert_eq!(key(body), key(&format!("\u{feff}{body}\n")));
    assert_ne!(key(body), key(more));
    assert!(key(body).as_str().starts_with("interaction.completed|a|"));
}

#[test]
fn participant_session_and_end_are_kept_and_so_is_a_transfer() {
    let stated = facts(sample!("eventbridge-user-end-voice-transfer-not-final")).details;

    assert!(stated.disconnect.unwrap().is_transfer());
    assert_eq!(
        stated.participant.as_deref(),
        Some("10000000-0000-4000-8000-00000000a003")
    );
    assert_eq!(
        stated.session.as_deref(),
        Some("20000000-0000-4000-8000-00000000a003")
    );
    assert_eq!(
        (stated.duration_ms, stated.ringing_ms),
        (Some(41_012), Some(6_120))
    );
    assert_eq!(stated.contact, None, "an agent is no contact");
    assert_eq!(stated.contacts, ["c1d2e3f4-a5b6-4789-90ab-cdef01234567"]);
}

#[test]
fn an_e_mail_address_is_taken_by_any_of_its_usual_names() {
    for name in [
        "email",
        "emailAddress",
        "customerEmail",
        "participantEmail",
        "contactEmail",
    ] {
        let body =
            format!(r#"{{"data":{{"id":"a","channelType":"chat","{name}":"Casey@Example.com"}}}}"#);
        let stated = facts(body.as_bytes()).details;
        assert_eq!(stated.email.as_deref(), Some("casey@example.com"), "{name}");
    }
    let message = facts(br#"{"topicName":"customer.end","eventBody":{"conversationId":"c","mediaType":"CHAT","direction":"INBOUND","addressFrom":"casey@example.com","addressTo":"sales@example.com"}}"#);
    assert_eq!(message.details.email.as_deref(), Some("casey@example.com"));
    let none = facts(br#"{"data":{"id":"a","channelType":"chat","email":"unknown"}}"#);
    assert_eq!(none.details.email, None);
    let by_number = |channel: &str| {
        let data =
            format!(r#""id":"a","channelType":"{channel}","phoneNumber":"casey@example.com""#);
        facts(format!(r#"{{"data":{{{data}}}}}"#).as_bytes())
            .details
            .email
    };
    assert_eq!(by_number("chat").as_deref(), Some("casey@example.com"));
    assert_eq!(by_number("voice"), None, "a SIP address");
}

#[test]
fn facts_of_older_versions_are_read() {
    let old = r#"{"kind":"user-end","at":"2026-03-10T14:12:47.402Z","channel":"voice","direction":"inbound","number":"tel:+12025550143","duration_ms":352118,"hold_ms":30250,"agent":"a","queue":"q","part":{"bytes":70}}"#;

    let facts: Facts = serde_json::from_str(old).unwrap();

    assert_eq!(facts.details.number.as_deref(), Some("tel:+12025550143"));
    assert_eq!(facts.details.hold_ms, Some(30_250));
    assert_eq!(serde_json::to_string(&facts).unwrap(), old);
}

#[test]
fn an_address_in_a_list_or_in_an_object_of_the_customer_is_read() {
    for members in [
        r#""email":["casey@example.com","second@example.com"]"#,
        r#""emails":["unknown","casey@example.com"]"#,
        r#""emailAddresses":"casey@example.com""#,
        r#""customer":{"name":"Casey","email":"casey@example.com"}"#,
        r#""participant":{"emailAddress":["casey@example.com"]}"#,
        r#""email":"unknown","contact":{"email":"casey@example.com"}"#,
        r#""customer":{"email":"second@example.com"},"email":"casey@example.com""#,
    ] {
        let body = format!(r#"{{"data":{{"id":"a","channelType":"chat",{members}}}}}"#);
        let stated = facts(body.as_bytes()).details;
        assert_eq!(
            stated.email.as_deref(),
            Some("casey@example.com"),
            "{members}"
        );
    }
}

#[test]
fn a_signed_address_of_a_recording_is_left_out_and_that_there_is_one_is_kept() {
    let of = |url: &str| {
        let body =
            format!(r#"{{"data":{{"id":"a","channelType":"voice","recordingUrl":"{url}"}}}}"#);
        let details = facts(body.as_bytes()).details;
        (details.recording_url, details.has_recording)
    };
    let lasting = "https://recordings.example.invalid/1";

    assert_eq!(of(lasting), (Some(lasting.to_owned()), false));
    let signed = format!("{lasting}?X-Amz-Expires=3600&X-Amz-Signature=aa");
    assert_eq!(of(&signed), (None, true));
}
