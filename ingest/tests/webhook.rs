//! The webhook over HTTP while the broker is away: who and what is refused, in which order, and that nothing is ever
//! answered 200 without a confirm. With a broker: the end-to-end tests.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod app;
mod limits;

use std::fmt::Write;
use std::net::TcpListener;

use ingest::webhook::WEBHOOK_PATH;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use app::{CALL, PATIENCE, TOKEN, TestApp, read_answer};

#[tokio::test]
async fn without_a_broker_an_event_is_answered_503_at_once() {
    // An answer at all shows that it did not wait for the publish timeout.
    let app = TestApp::spawn(&[
        ("BRIDGE__INGEST__RETRY_AFTER", "7s"),
        ("BRIDGE__INGEST__PUBLISH_TIMEOUT", "1h"),
    ])
    .await;

    let answer = app.post(TOKEN, CALL).await;

    answer.assert_is(503, "unavailable");
    assert!(answer.head.contains("retry-after: 7"), "{}", answer.head);
    assert!(
        !answer.body.to_string().contains("127.0.0.1"),
        "the answer reveals the address of the broker"
    );
}

#[tokio::test]
async fn a_broker_that_does_not_answer_does_not_hold_up_the_start() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let broker = format!("amqp://guest:guest@{}/%2f", silent.local_addr().unwrap());

    let app =
        TestApp::spawn_with_broker(&broker, &[("BRIDGE__BROKER__CONNECT_TIMEOUT", "200ms")]).await;

    app.get("/health/live").await.assert_is(200, "alive");
    app.get("/health/ready").await.assert_is(503, "not ready");
    app.post(TOKEN, CALL).await.assert_is(503, "unavailable");
}

#[tokio::test]
async fn liveness_does_not_depend_on_the_broker_and_readiness_does() {
    let app = TestApp::spawn(&[]).await;

    app.get("/health/live").await.assert_is(200, "alive");
    let ready = app.get("/health/ready").await;
    ready.assert_is(503, "not ready");
    assert!(
        ready.body["missing"][0]
            .as_str()
            .unwrap()
            .contains("RabbitMQ"),
        "{:?}",
        ready.body
    );
}

#[tokio::test]
async fn authentication_comes_before_the_body_is_parsed() {
    let app = TestApp::spawn(&[]).await;

    for body in ["{", "{}", CALL, ""] {
        let answer = app.post("Authorization: Bearer wrong\r\n", body).await;
        answer.assert_is(401, "rejected");
        assert!(
            answer.head.contains("www-authenticate: bearer"),
            "{}",
            answer.head
        );
    }
    app.post("", CALL).await.assert_is(401, "rejected");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_when_announced_and_when_it_grows() {
    let app = TestApp::spawn(&[]).await;
    let chunk = "x".repeat(700);
    let chunk = format!("{:x}\r\n{chunk}\r\n", chunk.len());

    let announced = app.post(TOKEN, &"x".repeat(1025)).await;
    let growing = app
        .send(&format!(
            "POST {WEBHOOK_PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n"
        ))
        .await;

    for answer in [announced, growing] {
        answer.assert_is(413, "rejected");
        answer.assert_says("1024 bytes");
    }
}

#[tokio::test]
async fn a_body_in_pieces_is_read_whole() {
    let app = TestApp::spawn(&[]).await;
    let mut pieces = String::new();
    for piece in CALL.as_bytes().chunks(7) {
        let text = std::str::from_utf8(piece).unwrap();
        write!(pieces, "{:x}\r\n{text}\r\n", piece.len()).unwrap();
    }

    let answer = app
        .send(&format!(
            "POST {WEBHOOK_PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{TOKEN}Transfer-Encoding: chunked\r\n\r\n{pieces}0\r\n\r\n"
        ))
        .await;

    // Authenticated, parsed and recognised: only the broker is missing.
    answer.assert_is(503, "unavailable");
}

#[tokio::test]
async fn a_body_that_was_cut_off_is_taken_and_one_typed_wrong_is_refused() {
    let app = TestApp::spawn(&[]).await;
    let text = r#"{"data":{"id":"d0000000-0000-4000-8000-000000000001","channelType":"voice","duration":4"#;
    let head = |length: usize| {
        format!(
            "POST {WEBHOOK_PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{TOKEN}Content-Length: {length}\r\n\r\n"
        )
    };

    // Only the broker is missing.
    for body in [text, &text[..70]] {
        app.post(TOKEN, body).await.assert_is(503, "unavailable");
    }
    for body in [&text[..63], "{\"data\":", "{"] {
        let answer = app.post(TOKEN, body).await;
        answer.assert_is(400, "rejected");
        answer.assert_says(&format!("line 1 column {}", body.len()));
    }
    let mut stream = app.connect().await;
    let request = head(1000) + &text[..63];
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    read_answer(&mut stream).await.assert_is(503, "unavailable");
    let malformed = format!("{text},,");
    app.post(TOKEN, &malformed).await.assert_is(400, "rejected");
    app.post("", text).await.assert_is(401, "rejected");
}

#[tokio::test]
async fn the_beginning_of_a_body_over_the_limit_is_taken_only_where_that_is_configured() {
    let app = TestApp::spawn(&[("BRIDGE__INGEST__SALVAGE_OVERSIZED", "true")]).await;
    let transcript = "x".repeat(100_000);
    let body =
        format!(r#"{{"data":{{"id":"call-1","channelType":"voice","summary":"{transcript}"}}}}"#);

    app.post(TOKEN, &body).await.assert_is(503, "unavailable");
    app.post("Authorization: Bearer wrong\r\n", &body)
        .await
        .assert_is(413, "rejected");
    app.post(TOKEN, &transcript)
        .await
        .assert_is(400, "rejected");
}

#[tokio::test]
async fn what_is_not_json_is_400_with_the_place_and_what_is_no_event_422_with_the_lack() {
    let app = TestApp::spawn(&[]).await;

    let malformed = app.post(TOKEN, "{\"data\":\n{,}}").await;
    malformed.assert_is(400, "rejected");
    malformed.assert_says("line 2 column 2");
    for (body, lack) in [
        ("{}", "conversationId"),
        ("[]", "no known event"),
        (r#"{"data":{"channelType":"voice"}}"#, "data.id"),
        (r#"{"data":{"id":"call-1"}}"#, "data.channelType"),
        (
            r#"{"eventBody":{"conversationId":"c","mediaType":"VOICE"}}"#,
            "topicName",
        ),
        (
            r#"{"data":{"id":"${input.conversationId}","channelType":"voice"}}"#,
            "`${input.conversationId}`: the sender's template was not filled",
        ),
    ] {
        let answer = app.post(TOKEN, body).await;
        answer.assert_is(422, "rejected");
        answer.assert_says(lack);
    }
}

#[tokio::test]
async fn what_can_be_repaired_is_taken() {
    let app = TestApp::spawn(&[]).await;

    for body in [
        "{\"data\":{\"id\":\"call-1\",\"channelType\":\"voice\",\"summary\":\"one\ntwo\"}}",
        r#""{\"data\":{\"id\":\"call-1\",\"channelType\":\"voice\"}}""#,
        r#"{"topicName":"acw","eventBody":"{\"conversationId\":\"c\",\"mediaType\":\"VOICE\"}"}"#,
    ] {
        // It would be published, but there is no broker.
        app.post(TOKEN, body).await.assert_is(503, "unavailable");
    }
}

#[tokio::test]
async fn authentic_events_that_are_not_recorded_are_answered_200_with_the_reason() {
    let app = TestApp::spawn(&[]).await;

    for (body, reason) in [
        (
            r#"{"eventType":"interaction.started","data":{"id":"call-1"}}"#,
            "topic interaction.started",
        ),
        (
            r#"{"data":{"id":"call-1","channelType":"voice","status":"connected"}}"#,
            "status connected",
        ),
        (
            r#"{"data":{"id":"call-1","channelType":"email"}}"#,
            "channel email",
        ),
    ] {
        let answer = app.post(TOKEN, body).await;
        answer.assert_is(200, "ignored");
        answer.assert_says(reason);
    }
}

#[tokio::test]
async fn a_topic_beside_the_body_comes_in_the_query_or_in_a_header() {
    let app = TestApp::spawn(&[]).await;
    let body = r#"{"eventBody":{"conversationId":"c","mediaType":"VOICE"}}"#;
    let topic = "v2.detail.events.conversation.%7Bid%7D.acd.start";

    let in_query = app
        .post_to(&format!("{WEBHOOK_PATH}?topic={topic}"), TOKEN, body)
        .await;
    let in_header = app
        .post(&format!("{TOKEN}X-Genesys-Topic: acd.start\r\n"), body)
        .await;
    let recorded = app
        .post_to(&format!("{WEBHOOK_PATH}?topic=customer.end"), TOKEN, body)
        .await;

    in_query.assert_is(200, "ignored");
    in_query.assert_says("{id}.acd.start");
    in_header.assert_is(200, "ignored");
    recorded.assert_is(503, "unavailable");
}

#[tokio::test]
async fn other_methods_and_paths_are_answered_in_json_too() {
    let app = TestApp::spawn(&[]).await;

    let method = app.get(WEBHOOK_PATH).await;
    method.assert_is(405, "rejected");
    assert!(method.head.contains("allow: post"), "{}", method.head);
    app.post_to("/health/ready", TOKEN, CALL)
        .await
        .assert_is(405, "rejected");
    let path = app.get("/").await;
    path.assert_is(404, "rejected");
    path.assert_says(WEBHOOK_PATH);
}

#[tokio::test]
async fn a_head_request_gets_the_head_that_get_has_and_no_body() {
    let app = TestApp::spawn(&[]).await;

    for (path, status) in [
        ("/health/live", 200),
        // There is no RabbitMQ.
        ("/health/ready", 503),
        ("/metrics", 200),
    ] {
        let mut stream = app.connect().await;
        let request =
            format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();

        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(answer.ends_with("\r\n\r\n"), "{path} has a body: {answer}");
        assert_eq!(answer.matches("\r\n\r\n").count(), 1, "{answer}");
    }
}

#[tokio::test]
async fn a_webhook_is_taken_at_a_path_that_ends_in_a_slash() {
    let app = TestApp::spawn(&[]).await;
    let path = format!("{WEBHOOK_PATH}/");

    let stranger = app.post_to(&path, "", CALL).await;
    let sender = app.post_to(&path, TOKEN, CALL).await;
    let method = app.get(&path).await;

    stranger.assert_is(401, "rejected");
    // Understood, and there is no RabbitMQ to give it to.
    sender.assert_is(503, "unavailable");
    method.assert_is(405, "rejected");
}

#[tokio::test]
async fn metrics_count_each_outcome_by_its_reason() {
    let app = TestApp::spawn(&[]).await;
    app.post("", CALL).await;
    app.post(TOKEN, CALL).await;

    let stream = &mut app.connect().await;
    stream
        .write_all(b"GET /metrics HTTP/1.0\r\n\r\n")
        .await
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();

    // Tests share the process's counters: these are at least one, and those of other outcomes exist.
    for series in [
        "rejected_total{reason=\"unauthenticated\"}",
        "unavailable_total{reason=\"down\"}",
    ] {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("bridge_ingest_{series}")))
            .expect(series);
        assert!(!line.ends_with(" 0"), "{line}");
    }
    for line in [
        "bridge_ingest_publisher_up 0",
        "bridge_ingest_accepted_total 0",
    ] {
        assert!(text.lines().any(|other| other == line), "{line}");
    }
}

#[tokio::test]
async fn a_shutdown_answers_the_request_in_flight_and_takes_no_other() {
    let app = TestApp::spawn(&[]).await;
    let mut started = app.connect().await;
    let length = CALL.len();
    let head = format!(
        "POST {WEBHOOK_PATH} HTTP/1.1\r\nHost: localhost\r\n{TOKEN}Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
    );
    started.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body: it has taken the request on.
    let mut goes_on = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    started.read_exact(&mut goes_on).await.unwrap();

    app.shutdown.cancel();
    let refused = async {
        while TcpStream::connect(("127.0.0.1", app.port)).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, refused)
        .await
        .expect("still takes connections");
    started.write_all(CALL.as_bytes()).await.unwrap();

    read_answer(&mut started)
        .await
        .assert_is(503, "unavailable");
    tokio::time::timeout(PATIENCE, app.running)
        .await
        .expect("does not stop")
        .unwrap()
        .unwrap();
}
