//! A background task that panics ends the process at once, with its name in the log and a failing exit code. Requests in
//! flight are answered before.

use std::process::{Output, Stdio};
use std::time::Duration;

use bridge_tests::bridge::{ENCRYPTION_KEY, call};
use bridge_tests::servers::authority::Authority;
use bridge_tests::servers::{Scratch, free_ports};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader,
};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::hold::Hold;

const TOKEN: &str = "0123456789abcdef";

/// Far above what a start and the grace for requests in flight take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs an `ingest` with every task, without a broker, until it ends by itself.
async fn run(scratch: &Scratch, panicking: &str) -> Output {
    let path = |name: &str| scratch.path().join(name);
    let authority = Authority::root("root");
    authority
        .server(&["localhost"])
        .write(&path("tls.crt"), &path("tls.key"));
    let mut service = Command::new(env!("CARGO_BIN_EXE_ingest-with-kill-points"));
    service
        .env("BRIDGE__INGEST__LISTEN", "127.0.0.1:0")
        .env("BRIDGE__INGEST__ADMIN_LISTEN", "127.0.0.1:0")
        .env("BRIDGE__INGEST__AUTH__TOKENS", TOKEN)
        .env("BRIDGE__INGEST__SPOOL__PATH", path("spool.sqlite"))
        .env("BRIDGE__INGEST__TLS__CERTIFICATE", path("tls.crt"))
        .env("BRIDGE__INGEST__TLS__KEY", path("tls.key"))
        .env("BRIDGE__BROKER__URL", "amqp://127.0.0.1:1");
    end_of(service, panicking).await
}

/// What the service prints until it ends by itself, since one of its tasks panics.
async fn end_of(mut service: Command, panicking: &str) -> Output {
    let child = service
        .env(
            "BRIDGE_KILL_POINT",
            format!("task-started=panic@{panicking}"),
        )
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    tokio::time::timeout(PATIENCE, child)
        .await
        .unwrap_or_else(|_| panic!("the service goes on without `{panicking}`"))
        .expect("the service starts")
}

#[tokio::test]
async fn a_task_of_ingest_that_panics_ends_the_process_and_is_named() {
    for (panicking, named) in [
        ("server", "server"),
        ("admin server", "admin server"),
        ("secret rotation", "secret rotation"),
        ("certificate reload", "certificate reload"),
        ("spool drain", "spool drain"),
        ("spool writer", "spool writer"),
        // The tasks of connections, by the name of the connection.
        ("ingest publisher", "publishers"),
        ("ingest spool", "publishers"),
    ] {
        let scratch = Scratch::create().expect("a folder");

        let output = run(&scratch, panicking).await;

        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(output.status.code(), Some(1), "{panicking}: {said}");
        let line = said.lines().find(|line| line.contains("Background task"));
        let line = line.unwrap_or_else(|| panic!("{panicking}: {said}"));
        assert!(line.contains(&format!("`{named}`")), "{panicking}: {line}");
    }
}

/// Reads lines until one contains `text`.
async fn read_until(lines: &mut (impl AsyncRead + Unpin), text: &str) {
    let mut lines = BufReader::new(lines).lines();
    let found = async {
        while let Some(line) = lines.next_line().await.expect("lines are read") {
            if line.contains(text) {
                return;
            }
        }
        panic!("it ended before `{text}`");
    };
    let found = tokio::time::timeout(PATIENCE, found).await;
    found.unwrap_or_else(|_| panic!("no `{text}` came"));
}

#[tokio::test]
async fn a_request_in_flight_is_answered_when_a_task_of_ingest_panics() {
    let (scratch, hold) = (Scratch::create().expect("a folder"), Hold::new());
    let [port] = free_ports().expect("a free port");
    let mut ingest = Command::new(env!("CARGO_BIN_EXE_ingest-with-kill-points"))
        .env("BRIDGE__INGEST__LISTEN", format!("127.0.0.1:{port}"))
        .env("BRIDGE__INGEST__AUTH__TOKENS", TOKEN)
        .env(
            "BRIDGE__INGEST__SPOOL__PATH",
            scratch.path().join("spool.sqlite"),
        )
        .env("BRIDGE__BROKER__URL", "amqp://127.0.0.1:1")
        .env(
            "BRIDGE_KILL_POINT",
            hold.then_panic("task-started", "secret rotation"),
        )
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("ingest starts");
    let mut log = ingest.stderr.take().expect("its log");
    hold.reached().await;

    // The interim answer shows that the request has begun.
    let body = call("call-1", "+12025550143");
    let address = ("127.0.0.1", port);
    let mut sender = TcpStream::connect(address).await.expect("a connection");
    let head = format!(
        "POST /api/v1/genesys/webhook HTTP/1.1\r\nHost: localhost\r\nX-Webhook-Token: {TOKEN}\r\n\
         Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    sender.write_all(head.as_bytes()).await.expect("a head");
    read_until(&mut sender, "100 Continue").await;
    hold.release();
    read_until(&mut log, "Background task `secret rotation` panicked").await;
    // Much shorter than the grace of three seconds. A process that had none would be gone by now.
    tokio::time::sleep(Duration::from_millis(300)).await;
    sender.write_all(body.as_bytes()).await.expect("a body");

    let mut answer = String::new();
    sender.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.contains("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains("\"accepted\""), "{answer}");
    let ended = tokio::time::timeout(PATIENCE, ingest.wait()).await;
    assert_eq!(ended.expect("it ends").expect("a status").code(), Some(1));
}

/// Runs a `worker` with every task, without a broker or Redis, until it ends by itself.
async fn run_worker(panicking: &str) -> Output {
    let mut service = Command::new(env!("CARGO_BIN_EXE_worker-with-kill-points"));
    service
        .env("BRIDGE__WORKER__LISTEN", "127.0.0.1:0")
        .env("BRIDGE__BROKER__URL", "amqp://127.0.0.1:1")
        .env("BRIDGE__REDIS__URL", "redis://127.0.0.1:1")
        .env("BRIDGE__PIPEDRIVE__BASE_URL", "http://127.0.0.1:1")
        .env("BRIDGE__PIPEDRIVE__OAUTH__CLIENT_ID", "client")
        .env(
            "BRIDGE__PIPEDRIVE__OAUTH__CLIENT_SECRET",
            "secret-of-the-app",
        )
        .env("BRIDGE__PIPEDRIVE__OAUTH__REFRESH_TOKEN", "refresh-token")
        .env("BRIDGE__PIPEDRIVE__OAUTH__ENCRYPTION_KEY", ENCRYPTION_KEY)
        .env("BRIDGE__PIPEDRIVE__OAUTH__TOKEN_URL", "http://127.0.0.1:1/");
    end_of(service, panicking).await
}

#[tokio::test]
async fn a_task_of_the_worker_that_panics_ends_the_process_and_is_named() {
    for panicking in [
        "admin server",
        "pause supervisor",
        "secret rotation",
        "queue monitor",
        "alarm",
        "token refresher",
        "publisher",
        "consumer",
    ] {
        let output = run_worker(panicking).await;

        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(output.status.code(), Some(1), "{panicking}: {said}");
        let line = said.lines().find(|line| line.contains("Background task"));
        let line = line.unwrap_or_else(|| panic!("{panicking}: {said}"));
        assert!(
            line.contains(&format!("`{panicking}`")),
            "{panicking}: {line}"
        );
    }
}
