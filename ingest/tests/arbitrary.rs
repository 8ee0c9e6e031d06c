//! Any byte string gets an answer: never a panic, never a 500. The broker is away, and what is taken goes to a spool.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{fs, panic};

use ingest::startup::Application;
use ingest::webhook::WEBHOOK_PATH;
use proptest::prelude::*;
use shared::config;
use tokio_util::sync::CancellationToken;

/// Far above what a local answer takes, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);
/// Each is a request, and a connection of its own.
const CASES: u32 = 300;

/// Panics of this process. Actix survives those of a handler.
static PANICS: AtomicUsize = AtomicUsize::new(0);

/// The port of a service that runs for all tests, on a runtime of its own.
fn port() -> u16 {
    static PORT: OnceLock<u16> = OnceLock::new();
    *PORT.get_or_init(|| {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap();
        let broker = format!("amqp://guest:guest@{}/%2f", closed.local_addr().unwrap());
        drop(closed);
        // Left by an earlier run: nothing tidies up after this one.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("arbitrary");
        fs::remove_dir_all(&folder).ok();
        let spool = folder.join("spool.sqlite");
        let variables = [
            ("BRIDGE__INGEST__LISTEN", "127.0.0.1:0"),
            ("BRIDGE__INGEST__AUTH__TOKENS", "token"),
            ("BRIDGE__INGEST__AUTH__BASIC", "user:password"),
            ("BRIDGE__INGEST__AUTH__SIGNATURE_SECRETS", "secret"),
            ("BRIDGE__INGEST__BODY_LIMIT_BYTES", "65536"),
            ("BRIDGE__INGEST__SPOOL__PATH", spool.to_str().unwrap()),
            ("BRIDGE__BROKER__URL", &broker),
        ];
        let variables = variables.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let settings = config::load_from(None, variables).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let application = runtime.block_on(Application::build(&settings)).unwrap();
        let port = application.port();
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |panicked| {
            PANICS.fetch_add(1, Ordering::SeqCst);
            report(panicked);
        }));
        std::thread::spawn(move || {
            runtime.block_on(application.run_until_stopped(CancellationToken::new()))
        });
        port
    })
}

/// Sends bytes as they stand, and gives the status of the answer; nothing where the connection was closed without one.
fn send(request: &[u8]) -> Option<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port())).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // It may answer, and close, before it has read everything.
    stream.write_all(request).ok();
    stream.shutdown(Shutdown::Write).ok();
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
            panic!("no answer within {PATIENCE:?}")
        }
        _ => {}
    }
    let head = answer.strip_prefix(b"HTTP/1.1 ")?;
    std::str::from_utf8(&head[..3]).ok()?.parse().ok()
}

fn post(headers: &[(&str, &[u8])], body: &[u8]) -> Option<u16> {
    let mut request = format!(
        "POST {WEBHOOK_PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    )
    .into_bytes();
    for (name, value) in headers {
        request.extend_from_slice(name.as_bytes());
        request.extend_from_slice(b": ");
        request.extend_from_slice(value);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    request.extend_from_slice(body);
    send(&request)
}

/// What may be answered: taken, none to record, or refused. Never 503, since there is room in the spool.
fn is_right(status: Option<u16>) -> bool {
    matches!(status, Some(200 | 400..500))
}

/// Whether the service answers, and nothing in it ever panicked.
fn is_well() -> bool {
    let live = send(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    live == Some(200) && PANICS.load(Ordering::SeqCst) == 0
}

const TOKEN: (&str, &[u8]) = ("X-Webhook-Token", b"token");
const CALL: &[u8] = br#"{"data":{"id":"call-1","channelType":"voice"}}"#;

/// Bodies that are JSON, and begin like an event.
fn event_like() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        Just("null".to_owned()),
        any::<f64>().prop_map(|number| number.to_string()),
        "\"[^\"\\\\\\x00-\\x1f]{0,30}\"",
        Just(r#"{"conversationId":"c","mediaType":"VOICE"}"#.to_owned()),
        Just(r#"["a",{}]"#.to_owned()),
    ];
    let names = [
        "data",
        "detail",
        "eventBody",
        "id",
        "conversationId",
        "topicName",
        "channelType",
    ];
    let members = (prop::sample::select(names.to_vec()), value);
    prop::collection::vec(members, 0..6).prop_map(|members| {
        let members: Vec<_> = members
            .iter()
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        format!("{{{}}}", members.join(",")).into_bytes()
    })
}

/// A header's value: any bytes but those that end it.
fn header_value() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("ends the header", |byte| !b"\r\n\0".contains(byte));
    prop_oneof![
        prop::collection::vec(byte, 0..80),
        "(Bearer|Basic|bearer|sha256=|sha256|00-)?[ -~]{0,80}".prop_map(String::into_bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn any_body_gets_an_answer(body in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..400),
        event_like(),
        (0_usize..200_000).prop_map(|depth| b"{\"detail\":".repeat(depth / 10)),
    ]) {
        let status = post(&[TOKEN], &body);
        prop_assert!(is_right(status), "{status:?}");
        prop_assert!(is_well());
    }

    #[test]
    fn any_value_of_any_header_gets_an_answer(
        name in prop::sample::select(vec![
            "Authorization", "X-Webhook-Token", "X-Hub-Signature-256", "X-Genesys-Topic",
            "Traceparent", "Content-Type", "Content-Encoding", "Expect", "Content-Length",
            "Transfer-Encoding", "X-Forwarded-For",
        ]),
        value in header_value(),
    ) {
        let status = post(&[TOKEN, (name, &value)], CALL);
        prop_assert!(is_right(status), "{status:?}");
        prop_assert!(is_well());
    }

    #[test]
    fn any_bytes_at_all_leave_the_service_alive(bytes in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..400),
        "(GET|POST|PUT|X) /[!-~]{0,60} HTTP/1\\.[01]\r\n([A-Za-z-]{1,20}: ?[ -~]{0,30}\r\n){0,4}\r\n[ -~]{0,40}"
            .prop_map(String::into_bytes),
        "(GET|POST|PUT|X) /?[ -~]{0,60} HTTP/1\\.[019]\r\n([A-Za-z-]{1,20}: ?[ -~]{0,30}\r\n){0,4}\r\n[ -~]{0,40}"
            .prop_map(String::into_bytes),
    ]) {
        let status = send(&bytes);
        prop_assert!(status.is_none() || is_right(status), "{status:?}");
        prop_assert!(is_well());
    }
}

#[test]
fn a_body_cut_off_at_any_byte_is_refused_and_nothing_is_taken() {
    for length in 0..CALL.len() {
        assert_eq!(post(&[TOKEN], &CALL[..length]), Some(400), "{length}");
    }
    assert_eq!(post(&[TOKEN], CALL), Some(200));
    assert!(is_well());
}
