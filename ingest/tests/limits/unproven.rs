//! Bodies of senders that are not authenticated yet share a budget of memory.

use std::time::Duration;

use ingest::webhook::WEBHOOK_PATH;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::app::{PATIENCE, TOKEN, TestApp};

const MIB: usize = 1024 * 1024;
/// Whether the body is signed is known only once all of it has arrived.
const SIGNATURE: &str = "X-Hub-Signature-256: sha256=";
/// What fits into the budget of 64 MiB.
const BODIES_THAT_FIT: usize = 64;

/// Sends all of a large body but its end.
async fn begin_body(app: &TestApp, headers: &str) -> TcpStream {
    let mut stream = app.connect().await;
    let head = format!(
        "POST {WEBHOOK_PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {MIB}\r\n{headers}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // One that is refused may be closed before all is sent.
    drop(stream.write_all(&vec![b'x'; MIB - 512]).await);
    stream
}

/// Reads an answer that comes before the body has ended; nothing while the rest of the body is awaited.
async fn early_answer(stream: &mut TcpStream, patience: Duration) -> Option<String> {
    let mut answer = vec![0; 4096];
    let read = tokio::time::timeout(patience, stream.read(&mut answer)).await;
    let count = read.ok()?.unwrap_or(0);
    Some(String::from_utf8_lossy(&answer[..count]).to_lowercase())
}

#[tokio::test]
async fn signed_bodies_over_64_mib_together_are_answered_503_and_senders_with_a_token_are_not() {
    let app = TestApp::spawn(&[
        ("BRIDGE__INGEST__BODY_LIMIT_BYTES", "1048576"),
        ("BRIDGE__INGEST__BODY_TIMEOUT", "60s"),
        (
            "BRIDGE__INGEST__AUTH__SIGNATURE_SECRETS",
            "a-secret-of-32-characters-000001",
        ),
    ])
    .await;
    let signed = format!("{SIGNATURE}{}", "0".repeat(64));
    let mut waiting = Vec::new();
    for _ in 0..BODIES_THAT_FIT {
        waiting.push(begin_body(&app, &signed).await);
    }
    // The first ones have been read when the last ones are refused.
    let refused = tokio::time::timeout(PATIENCE, async {
        loop {
            let mut late = begin_body(&app, &signed).await;
            if let Some(answer) = early_answer(&mut late, Duration::from_millis(200)).await {
                return answer;
            }
            waiting.push(late);
        }
    });
    let refused = refused.await.expect("all bodies are kept");
    let mut proven = begin_body(&app, TOKEN.trim_end()).await;
    proven.write_all(&vec![b'x'; 512]).await.unwrap();
    let proven = early_answer(&mut proven, PATIENCE).await.unwrap();

    assert!(refused.starts_with("http/1.1 503 "), "{refused}");
    assert!(refused.contains("retry-after: "), "{refused}");
    assert!(refused.contains("connection: close"), "{refused}");
    assert!(waiting.len() < BODIES_THAT_FIT + 4, "{}", waiting.len());
    assert!(proven.starts_with("http/1.1 400 "), "{proven}");
    drop(waiting);
    let again = tokio::time::timeout(PATIENCE, async {
        loop {
            let mut stream = begin_body(&app, &signed).await;
            drop(stream.write_all(&vec![b'x'; 512]).await);
            let answer = early_answer(&mut stream, PATIENCE).await.unwrap();
            if answer.starts_with("http/1.1 401 ") {
                break;
            }
        }
    });
    again.await.expect("the memory is given back");
}
