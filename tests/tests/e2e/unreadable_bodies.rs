//! Bodies of authenticated senders that cannot be read: answered 4xx, and kept as dead letters, one of each body.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bridge_tests::bridge::{TestApp, call, sample};
use bridge_tests::servers::{Publication, QueuedMessage};
use serde_json::{Map, Value, json};
use worker::commands::replay::{ReplayFilter, replay};

/// A body, the status of its answer, and what the reason names.
type Row = (Vec<u8>, u16, &'static str);

fn without_media_type() -> Vec<u8> {
    let mut event: Value =
        serde_json::from_slice(&sample("eventbridge-customer-end-voice-inbound")).unwrap();
    event["detail"]["eventBody"]
        .as_object_mut()
        .unwrap()
        .remove("mediaType");
    event.to_string().into_bytes()
}

fn unreadable() -> Vec<Row> {
    let twice = r#"{"data":{"id":"call-1","id":"call-2","channelType":"voice"}}"#;
    let unfilled = call("${input.conversationId}", "+12025550143");
    vec![
        (without_media_type(), 422, "mediaType"),
        (twice.into(), 422, "event"),
        (unfilled.into_bytes(), 422, "template"),
        (
            json!({"hello": "world"}).to_string().into_bytes(),
            422,
            "no known event",
        ),
        (
            b"conversation=call-1&channel=voice".to_vec(),
            400,
            "not JSON",
        ),
        (b"\xff\xfe\x00\x01".to_vec(), 400, "not JSON"),
    ]
}

fn properties(properties: Value) -> Map<String, Value> {
    serde_json::from_value(properties).unwrap()
}

fn bytes(letter: &QueuedMessage) -> Vec<u8> {
    if letter.payload_encoding == "base64" {
        STANDARD.decode(&letter.payload).unwrap()
    } else {
        letter.payload.clone().into_bytes()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_answered_4xx_and_kept_byte_for_byte_with_its_reason() {
    let app = TestApp::spawn().await;

    for (body, status, reason) in unreadable() {
        let answer = app.post(body.clone()).await;
        assert_eq!(answer.status, status, "{reason}: {answer:?}");
    }

    let letters = app.wait_for_dead_letters(unreadable().len()).await;
    for (body, _, reason) in unreadable() {
        let letter = letters
            .iter()
            .find(|letter| bytes(letter) == body)
            .unwrap_or_else(|| panic!("no dead letter: {reason}"));
        assert_eq!(letter.header("x-failure-class").unwrap(), "poison");
        assert_eq!(letter.header("x-failure-reason").unwrap(), "unrecognised");
        for header in ["x-refused", "x-failure-detail"] {
            let text = letter.header(header).unwrap().as_str().unwrap();
            assert!(text.contains(reason), "{header}: {text}");
        }
    }
    app.wait_for_exactly(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_body_is_found_by_its_interaction_where_that_can_be_read() {
    let app = TestApp::spawn().await;
    let body = |id: &str| json!({"data": {"id": id, "phoneNumber": "+12025550143"}}).to_string();
    for id in ["call-1", "call-2"] {
        assert_eq!(app.post(body(id)).await.status, 422);
    }
    let letters = app.wait_for_dead_letters(2).await;
    let ids: Vec<_> = letters.iter().map(|it| it.property("message_id")).collect();
    for id in ["call-1", "call-2"] {
        assert!(ids.contains(&Some(&json!(id))), "{ids:?}");
    }
    // As an older version published it.
    let old = Publication {
        exchange: "interactions.dlx".to_owned(),
        routing_key: "dead".to_owned(),
        payload: body("call-3"),
        properties: properties(json!({"headers": {"x-schema": 1, "x-refused": "no channel"}})),
    };
    let published = app.management().publish(app.vhost().name(), &old).await;
    published.unwrap();
    app.wait_for_dead_letters(3).await;

    for id in ["call-1", "call-3"] {
        let filter = ReplayFilter {
            interaction: Some(id.to_owned()),
            dry_run: true,
            ..ReplayFilter::default()
        };
        let found = replay(&app.settings, &filter).await.unwrap();
        assert_eq!((found.seen, found.moved), (3, 1), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_body_that_comes_again_and_again_one_is_kept() {
    let app = TestApp::spawn().await;
    let (body, ..) = unreadable().remove(0);
    for _ in 0..20 {
        assert_eq!(app.post(body.clone()).await.status, 422);
    }
    // As another ingest publishes it, which does not know of the first.
    let letter = &app.wait_for_dead_letters(1).await[0];
    let again = Publication {
        exchange: "interactions".to_owned(),
        routing_key: "work".to_owned(),
        payload: letter.payload.clone(),
        properties: properties(
            json!({"headers": {"x-schema": 1, "x-refused": "mediaType is missing",
            "x-received-at": "2026-03-10T14:12:48Z", "traceparent": "00-0af7-b7ad-01"}}),
        ),
    };
    for _ in 0..3 {
        app.management()
            .publish(app.vhost().name(), &again)
            .await
            .unwrap();
    }
    app.post(call("call-1", "+12025550143"))
        .await
        .assert_accepted();
    app.wait_for_exactly(1).await;
    app.wait_until_idle().await;

    app.wait_for_dead_letters(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_read_again_and_recorded_once_it_can_be() {
    let app = TestApp::spawn().await;
    let (body, ..) = unreadable().remove(0);
    app.post(body).await;
    app.wait_for_dead_letters(1).await;
    // A body that this version reads, as an older one refused it.
    let readable = Publication {
        exchange: "interactions.dlx".to_owned(),
        routing_key: "dead".to_owned(),
        payload: call("call-1", "+12025550143"),
        properties: properties(
            json!({"headers": {"x-schema": 1, "x-refused": "`data` is missing",
            "x-received-at": "2026-03-10T14:12:48Z", "x-dead-at": "2026-03-10T14:12:49Z"}}),
        ),
    };
    app.management()
        .publish(app.vhost().name(), &readable)
        .await
        .unwrap();
    app.wait_for_dead_letters(2).await;

    let done = replay(&app.settings, &ReplayFilter::default())
        .await
        .unwrap();

    assert_eq!(done.moved, 2);
    app.wait_for_exactly(1).await;
    app.wait_until_idle().await;
    let still_dead = app.wait_for_dead_letters(1).await;
    assert!(
        still_dead[0].payload.contains("eventBody"),
        "{still_dead:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stranger_posts_is_not_kept() {
    let app = TestApp::spawn().await;

    for (body, ..) in unreadable() {
        assert_eq!(app.post_as("wrong", body).await.status, 401);
    }
    assert_eq!(app.post(" \n").await.status, 400, "nothing to keep");
    app.post(call("call-1", "+12025550143"))
        .await
        .assert_accepted();
    app.wait_for_exactly(1).await;
    app.wait_until_idle().await;

    app.wait_for_dead_letters(0).await;
}
