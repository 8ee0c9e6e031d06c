//! Which versions are spoken, what travels over them, and how it ends.

use std::io::Read as _;

use anyhow::ensure;
use bridge_tests::bridge::{PATIENCE, TestApp};
use bridge_tests::servers::{Tool, has_tools, wait_until};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::process::Command;

use super::{Files, HOST, Server};

/// What `openssl s_client` says of a connection that it opens and leaves.
async fn s_client(files: &Files, server: &Server, arguments: &[&str]) -> String {
    let output = Command::new("openssl")
        .arg("s_client")
        .args(["-connect", &server.address.to_string()])
        .args(["-servername", HOST, "-verify_hostname", HOST, "-CAfile"])
        .arg(files.path("root.pem"))
        .args(arguments)
        // The system's settings may forbid old versions; it is the server that is to.
        .env("OPENSSL_CONF", "/dev/null")
        .stdin(std::process::Stdio::null())
        .output()
        .await
        .unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn old_versions_are_refused_and_new_ones_served() {
    if !has_tools(&[Tool::Openssl]) {
        return;
    }
    let files = Files::new();
    let server = Server::start(&files.settings(&[])).await;

    for version in ["-tls1", "-tls1_1"] {
        // Or OpenSSL would not even ask for it.
        let weak = [version, "-cipher", "DEFAULT@SECLEVEL=0"];
        let said = s_client(&files, &server, &weak).await;
        // The server's word. Not that the version is wrong: a client of these has no signature algorithms to name, and that
        // is found first.
        assert!(
            said.contains("alert handshake failure"),
            "{version}: {said}"
        );
        assert!(said.contains("Cipher is (NONE)"), "{version}: {said}");
    }
    for (version, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let arguments = [version, "-alpn", "h2,http/1.1"];
        let said = s_client(&files, &server, &arguments).await;
        assert!(said.contains(&format!("New, {name}, Cipher is")), "{said}");
        assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
        assert!(said.contains("ALPN protocol: http/1.1"), "{said}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_comes_over_tls_is_recorded() {
    let files = Files::new();
    let app = TestApp::spawn().await;
    let mut settings = app.settings.clone();
    settings.ingest.tls = files.settings(&[]).ingest.tls;
    let server = Server::start(&settings).await;

    let client = server.client(files.client());
    let answer = server.post(&client, "call-1").await.unwrap();
    assert_eq!(answer.status(), 200);

    app.wait_for_activities(1).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_about_to_stop_sends_clients_away_over_tls_too() {
    let files = Files::new();
    // The publish timeout bounds the wait for connections that are not idle: an hour would fail the test.
    let settings = files.settings(&[("DRAIN", "1s"), ("PUBLISH_TIMEOUT", "1h")]);
    let server = Server::start(&settings).await;
    let client = server.client(files.client());
    let ready = server.url("/health/ready");
    // One idle connection, which is not to hold up the stop.
    let idle = server.client(files.client());
    for client in [&client, &idle] {
        assert_eq!(client.get(&ready).send().await.unwrap().status(), 200);
    }

    server.stop.cancel();
    wait_until("red readiness", PATIENCE, async || {
        let status = client.get(&ready).send().await?.status();
        ensure!(status == 503, "{status}");
        Ok(())
    })
    .await
    .unwrap();
    let answer = server.post(&client, "call-1").await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["connection"], "close");

    // The idle connection is closed rather than waited for.
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_says_nothing_is_closed() {
    let files = Files::new();
    let server = Server::start(&files.settings(&[])).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();

    let mut said = Vec::new();
    let closed = tokio::time::timeout(PATIENCE, silent.read_to_end(&mut said)).await;

    closed.unwrap().unwrap();
    assert!(said.is_empty(), "{said:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_is_not_answered_on_a_listener_with_a_certificate() {
    let files = Files::new();
    let server = Server::start(&files.settings(&[])).await;
    let address = server.address;

    let said = tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        std::io::Write::write_all(&mut stream, b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).ok();
        said
    })
    .await
    .unwrap();

    assert!(!said.starts_with(b"HTTP"), "{said:?}");
    server.stop().await;
}
