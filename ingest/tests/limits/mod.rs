//! What a stranger can take: the limits of size, depth and time, over sockets as an attacker has them.

mod unproven;

use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use ingest::webhook::WEBHOOK_PATH;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::app::{CALL, PATIENCE, TOKEN, TestApp, read_answer};

fn head(headers: &str) -> String {
    format!("POST {WEBHOOK_PATH} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n")
}

/// Sends `piece` again and again until the server has had enough; gives what it said by then.
async fn trickle(stream: &mut TcpStream, piece: &[u8], every: Duration) -> String {
    let mut said = Vec::new();
    let mut chunk = [0; 1024];
    let ended = async {
        loop {
            tokio::select! {
                read = stream.read(&mut chunk) => match read {
                    Ok(0) | Err(_) => break,
                    Ok(count) => said.extend_from_slice(&chunk[..count]),
                },
                () = tokio::time::sleep(every) => {
                    if stream.write_all(piece).await.is_err() {
                        break;
                    }
                }
            }
        }
    };
    tokio::time::timeout(PATIENCE, ended)
        .await
        .expect("the server goes on listening");
    String::from_utf8(said).unwrap()
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_given_up() {
    let app = TestApp::spawn(&[]).await;
    let start = Instant::now();
    let mut stream = app.connect().await;
    stream.write_all(b"POST / HTTP/1.1\r\nX: ").await.unwrap();

    let said = trickle(&mut stream, b"x", Duration::from_millis(100)).await;

    assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
    assert!(
        start.elapsed() > Duration::from_secs(4),
        "five seconds are granted"
    );
}

#[tokio::test]
async fn a_connection_on_which_nothing_comes_is_given_up() {
    let app = TestApp::spawn(&[]).await;
    let mut silent = app.connect().await;

    let mut said = String::new();
    tokio::time::timeout(PATIENCE, silent.read_to_string(&mut said))
        .await
        .expect("the connection stays open")
        .unwrap();

    assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
}

#[tokio::test]
async fn only_a_sender_who_was_let_in_keeps_the_connection() {
    let app = TestApp::spawn(&[]).await;
    let length = CALL.len();
    let post = |headers: &str| head(&format!("{headers}Content-Length: {length}\r\n")) + CALL;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");

    for request in [
        post(""),
        post("Authorization: Bearer wrong\r\n"),
        get("/health/live"),
        get("/nowhere"),
        get(WEBHOOK_PATH),
    ] {
        let mut stream = app.connect().await;
        // The next head begins, and would never end.
        stream
            .write_all((request + "GET / ").as_bytes())
            .await
            .unwrap();
        let mut said = String::new();
        tokio::time::timeout(PATIENCE, stream.read_to_string(&mut said))
            .await
            .expect("the connection stays open")
            .unwrap();
        // Had it waited for the next head, it would have answered 408 as well.
        assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{said}");
        assert!(said.to_lowercase().contains("connection: close"), "{said}");
    }

    let mut stream = app.connect().await;
    for _ in 0..2 {
        stream.write_all(post(TOKEN).as_bytes()).await.unwrap();
        let mut answer = [0; 512];
        let count = stream.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..count]).to_lowercase();
        assert!(answer.starts_with("http/1.1 503 "), "{answer}");
        assert!(!answer.contains("connection: close"), "{answer}");
    }
}

#[tokio::test]
async fn a_body_that_comes_byte_by_byte_is_given_up() {
    let app = TestApp::spawn(&[("BRIDGE__INGEST__BODY_TIMEOUT", "500ms")]).await;
    let text = r#"{"data":{"id":"call-1","channelType":"voice","summary":""#;
    let chunk = format!("{:x}\r\n{text}\r\n", text.len());
    let slow = Duration::from_millis(50);
    let whole = |credential: &str, first: &str| {
        head(&format!("{credential}Content-Length: 1000\r\n")) + first
    };
    let chunked = |credential: &str, first: &str| {
        head(&format!("{credential}Transfer-Encoding: chunked\r\n")) + first
    };

    for (request, piece, status) in [
        (whole("", text), "x", 408),
        (whole("", ""), "", 408),
        (whole(TOKEN, ""), "", 408),
        (whole(TOKEN, "["), "1,", 408),
        (chunked("", &chunk), "1\r\nx\r\n", 408),
        // A part from an authenticated sender is accepted; only the broker is missing.
        (whole(TOKEN, text), "x", 503),
        (chunked(TOKEN, &chunk), "1\r\nx\r\n", 503),
    ] {
        let mut stream = app.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let said = trickle(&mut stream, piece.as_bytes(), slow).await;
        assert!(
            said.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request} {said}"
        );
        assert!(said.to_lowercase().contains("connection: close"), "{said}");
    }
}

#[tokio::test]
async fn a_chunked_body_without_end_ends_with_its_answer_on_every_path() {
    let app = TestApp::spawn(&[]).await;
    let request = |method: &str, path: &str, headers: &str| {
        format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n{headers}\r\n"
        )
    };
    let large_head = format!("X: {}\r\n", "x".repeat(20_000));

    for (request, status) in [
        (request("POST", WEBHOOK_PATH, ""), 413),
        (request("POST", WEBHOOK_PATH, TOKEN), 413),
        (request("POST", WEBHOOK_PATH, &large_head), 431),
        (request("PUT", WEBHOOK_PATH, ""), 405),
        (request("POST", "/nowhere", ""), 404),
        (request("GET", "/health/live", ""), 200),
        (request("GET", "/metrics", ""), 200),
    ] {
        let mut stream = app.connect().await;
        let first = format!("400\r\n{}\r\n", "x".repeat(0x400));
        stream
            .write_all((request.clone() + &first).as_bytes())
            .await
            .unwrap();
        let said = trickle(&mut stream, b"1\r\nx\r\n", Duration::from_millis(10)).await;
        assert!(
            said.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request} {said}"
        );
    }
}

#[tokio::test]
async fn large_and_many_headers_are_refused() {
    let app = TestApp::spawn(&[]).await;
    let long = |length: usize| format!("X-Long: {}\r\n{TOKEN}", "x".repeat(length));
    let many = |count: usize| "X-Many: x\r\n".repeat(count) + TOKEN;

    for headers in [long(10_000), many(80)] {
        app.post(&headers, CALL).await.assert_is(503, "unavailable");
    }
    let answer = app.post(&long(17_000), CALL).await;
    answer.assert_is(431, "rejected");
    answer.assert_says("16384 bytes");
    let line = format!("{WEBHOOK_PATH}?topic={}", "x".repeat(17_000));
    app.post_to(&line, TOKEN, CALL)
        .await
        .assert_is(431, "rejected");
    // These do not come as far as our own limit.
    for headers in [long(200_000), many(200)] {
        let mut stream = app.connect().await;
        // The server may have had enough before all is sent.
        let sent = stream.write_all((head(&headers) + CALL).as_bytes()).await;
        let said = trickle(&mut stream, b"", Duration::from_millis(10)).await;
        assert!(said.starts_with("HTTP/1.1 431 "), "{sent:?} {said}");
    }
    app.post(TOKEN, CALL).await.assert_is(503, "unavailable");
}

#[tokio::test]
async fn deep_json_is_refused_wherever_it_is_deep() {
    let app = TestApp::spawn(&[("BRIDGE__INGEST__BODY_LIMIT_BYTES", "4000000")]).await;
    let list = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    let objects = |member: &str, levels: usize| {
        format!(r#"{{"{member}":"#).repeat(levels) + "1" + &"}".repeat(levels)
    };
    let within = |member: &str, value: &str| {
        format!(r#"{{"data":{{"id":"call-1","channelType":"voice","{member}":{value}}}}}"#)
    };

    for deep in [65, 100_000] {
        for body in [
            list(deep),
            objects("data", deep),
            objects("unknown", deep),
            within("summary", &list(deep)),
            within("unknown", &list(deep)),
            within("unknown", &objects("data", deep)),
            // Cut off, and so to be completed.
            format!(r#"{{"data":{{"unknown":{}"#, "[".repeat(deep)),
            format!(r#"{{"data":{{"summary":{}"#, r#"{"data":"#.repeat(deep)),
        ] {
            let answer = app.post(TOKEN, &body).await;
            answer.assert_is(400, "rejected");
            answer.assert_says("deeper than 64 levels");
        }
    }
    for member in ["unknown", "summary", "data"] {
        let body = within(member, &objects("data", 62));
        app.post(TOKEN, &body).await.assert_is(503, "unavailable");
        let body = within(member, &list(62));
        app.post(TOKEN, &body).await.assert_is(503, "unavailable");
    }
}

#[tokio::test]
async fn a_compressed_body_is_refused_and_never_unpacked() {
    let app = TestApp::spawn(&[]).await;

    for coding in ["gzip", "br", "identity, gzip", "GZIP", "x"] {
        // What it holds does not matter: also a body that is none is refused by its header.
        let header = format!("{TOKEN}Content-Encoding: {coding}\r\n");
        let answer = app.post(&header, CALL).await;
        answer.assert_is(415, "rejected");
        answer.assert_says("must not be compressed");
        assert!(
            answer.head.contains("accept-encoding: identity"),
            "{}",
            answer.head
        );
    }
    let plain = format!("{TOKEN}Content-Encoding: identity\r\n");
    app.post(&plain, CALL).await.assert_is(503, "unavailable");
    app.post("Content-Encoding: gzip\r\n", CALL)
        .await
        .assert_is(401, "rejected");
}

#[tokio::test]
async fn failures_of_one_source_are_slowed_and_nothing_else_is() {
    let app = TestApp::spawn(&[("BRIDGE__INGEST__TRUSTED_PROXIES", "127.0.0.1")]).await;
    let from = |address: &str| format!("X-Forwarded-For: 198.51.100.1, {address}\r\n");
    let offender = from("203.0.113.9");
    for _ in 0..10 {
        app.post(&offender, CALL).await.assert_is(401, "rejected");
    }

    // One more is granted each second: a busy machine may answer some of these at once, but not all of them.
    let mut slowed = pin!(join_all((0..40).map(|_| app.post(&offender, CALL))));
    let others = async {
        let let_in = format!("{offender}{TOKEN}");
        app.post(&let_in, CALL).await.assert_is(503, "unavailable");
        app.post(&from("203.0.113.10"), CALL)
            .await
            .assert_is(401, "rejected");
    };
    tokio::select! {
        biased;
        _ = &mut slowed => panic!("the failures were answered before the others"),
        () = others => {}
    }

    for answer in slowed.await {
        answer.assert_is(401, "rejected");
    }
}

#[tokio::test]
async fn a_flood_of_failures_is_refused_at_once_with_the_time_to_come_back() {
    let app = TestApp::spawn(&[]).await;
    let failures = (0..400).map(|_| app.post("", CALL));

    let answers = futures_util::future::join_all(failures).await;

    let refused = answers.iter().filter(|answer| answer.status == 429);
    for answer in refused.clone() {
        answer.assert_says("too many failed authentications");
        assert!(answer.head.contains("retry-after: 5"), "{}", answer.head);
        assert!(answer.head.contains("connection: close"), "{}", answer.head);
    }
    assert!(refused.count() >= 100);
    let rest = answers.iter().filter(|answer| answer.status != 429);
    assert!(rest.clone().count() >= 250);
    rest.for_each(|answer| answer.assert_is(401, "rejected"));
    let mut stream = app.connect().await;
    stream
        .write_all(b"GET /metrics HTTP/1.0\r\n\r\n")
        .await
        .unwrap();
    let mut metrics = String::new();
    stream.read_to_string(&mut metrics).await.unwrap();
    for outcome in ["waited", "refused"] {
        let series = format!("bridge_ingest_slowed_total{{outcome=\"{outcome}\"}} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&series));
        assert!(line.is_some_and(|count| count != "0"), "{series}{line:?}");
    }
}

#[tokio::test]
async fn operators_learn_what_is_missing_and_others_that_it_is() {
    let separate = TestApp::spawn(&[("BRIDGE__INGEST__ADMIN_LISTEN", "127.0.0.1:0")]).await;
    let outside = TestApp::spawn(&[
        ("BRIDGE__INGEST__LISTEN", "0.0.0.0:0"),
        ("BRIDGE__INGEST__PLAIN_HTTP", "true"),
    ])
    .await;
    let proxied = TestApp::spawn(&[("BRIDGE__INGEST__TRUSTED_PROXIES", "127.0.0.1")]).await;
    let alone = TestApp::spawn(&[]).await;

    for app in [&separate, &outside, &proxied] {
        let ready = app.get("/health/ready").await;
        ready.assert_is(503, "not ready");
        assert_eq!(ready.body.as_object().unwrap().len(), 1, "{:?}", ready.body);
        app.get("/health/live").await.assert_is(200, "alive");
        app.get("/metrics").await.assert_is(404, "rejected");
    }
    assert_eq!(alone.get("/metrics").await.status, 200);
    // A proxy on this machine that the settings do not name.
    for sign in [
        "HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 192.0.2.1\r\n",
        "HTTP/1.1\r\nHost: calls.example.com\r\n",
        "HTTP/1.0\r\nHost: 127.0.0.1:8080\r\n",
    ] {
        let request = |path| format!("GET {path} {sign}Connection: close\r\n\r\n");
        let metrics = alone.send(&request("/metrics")).await;
        metrics.assert_is(404, "rejected");
        let ready = alone.send(&request("/health/ready")).await;
        ready.assert_is(503, "not ready");
        assert_eq!(ready.body.as_object().unwrap().len(), 1, "{:?}", ready.body);
    }
    let port = separate.admin_port.unwrap();
    let mut admin = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    admin
        .write_all(b"GET /health/ready HTTP/1.0\r\n\r\n")
        .await
        .unwrap();
    let ready = read_answer(&mut admin).await;
    ready.assert_is(503, "not ready");
    assert!(
        ready.body["missing"][0]
            .as_str()
            .unwrap()
            .contains("RabbitMQ")
    );
}
