//! Requests to other machines through a proxy, as the environment names it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bridge_tests::bridge::{TestApp, call};
use shared::config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::checks::found;

/// A proxy for plain HTTP that sends every request to one server, whatever host it names.
struct Proxy {
    url: String,
    requests: Arc<AtomicUsize>,
}

impl Proxy {
    async fn start(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://user:s3cret@{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, target.clone(), Arc::clone(&counted)));
            }
        });
        Self { url, requests }
    }
}

/// Forwards one connection. A server takes the absolute form in which a proxy is asked (RFC 9112, 3.2.2).
async fn forward(mut client: TcpStream, target: String, requests: Arc<AtomicUsize>) {
    let mut head = vec![0; 4096];
    let count = client.read(&mut head).await.unwrap_or(0);
    let text = String::from_utf8_lossy(&head[..count]).to_lowercase();
    // user:s3cret
    if text.contains("proxy-authorization: basic dxnlcjpzm2nyzxq=") {
        requests.fetch_add(1, Ordering::Relaxed);
        let mut server = TcpStream::connect(&target).await.unwrap();
        server.write_all(&head[..count]).await.unwrap();
        drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_on_this_machine_is_reached_although_a_proxy_is_set_that_does_not_answer() {
    let app = TestApp::builder()
        .set("HTTP_PROXY", "http://127.0.0.1:1")
        .set("ALL_PROXY", "http://127.0.0.1:1")
        .spawn()
        .await;

    app.post(call("call-1", "+12025550143"))
        .await
        .assert_accepted();

    app.wait_for_exactly(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_host_is_reached_through_the_proxy_and_the_check_names_it() {
    let app = TestApp::builder().without_worker().spawn().await;
    let target = app.settings.pipedrive.base_url.clone();
    let proxy = Proxy::start(format!("127.0.0.1:{}", target.port().unwrap())).await;
    let mut variables = app.variables.clone();
    for (variable, value) in [
        // Reserved (RFC 2606): nothing but the proxy can reach it.
        ("BRIDGE__PIPEDRIVE__BASE_URL", "http://pipedrive.invalid"),
        ("BRIDGE__PIPEDRIVE__PLAIN_HTTP", "true"),
        ("HTTP_PROXY", &proxy.url),
    ] {
        variables.push((variable.to_owned(), value.to_owned()));
    }
    let settings = config::load_from(None, variables).unwrap();

    let found = found(&settings, "Pipedrive").await.unwrap();

    assert!(
        found.contains("through the proxy http://user:***@127.0.0.1:"),
        "{found}"
    );
    assert!(
        found.contains("(HTTP_PROXY)") && !found.contains("s3cret"),
        "{found}"
    );
    assert!(proxy.requests.load(Ordering::Relaxed) > 0);
}
