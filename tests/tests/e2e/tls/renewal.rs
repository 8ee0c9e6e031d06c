//! The certificate is renewed while webhooks arrive.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use bridge_tests::bridge::{PATIENCE, TestApp, listening};
use bridge_tests::servers::authority::replace;
use bridge_tests::servers::{Process, wait_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Files, HOST, Server, presented};

/// What senders saw over connections that they keep.
#[derive(Default)]
struct Seen {
    accepted: usize,
    failed: Vec<String>,
    /// The certificates of their connections, in order, without repetition.
    certificates: Vec<Vec<u8>>,
}

/// Posts over one connection until stopped.
async fn send(
    server: Arc<Server>,
    client: reqwest::Client,
    sender: usize,
    stop: CancellationToken,
) -> Seen {
    let mut seen = Seen::default();
    while !stop.is_cancelled() {
        let id = format!("call-{sender}-{}", seen.accepted);
        match server.post(&client, &id).await {
            Ok(answer) if answer.status() == 200 => {
                seen.accepted += 1;
                let certificate = presented(&answer);
                if seen.certificates.last() != Some(&certificate) {
                    seen.certificates.push(certificate);
                }
                // Read to its end, or the connection is not used again.
                answer.bytes().await.unwrap();
            }
            Ok(answer) => seen.failed.push(answer.status().to_string()),
            Err(error) => seen.failed.push(format!("{error:?}")),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_pair_under_load_fails_no_request_and_cuts_no_connection() {
    let files = Files::new();
    let app = TestApp::spawn().await;
    let mut settings = app.settings.clone();
    settings.ingest.tls = files.settings(&[]).ingest.tls;
    let server = Arc::new(Server::start(&settings).await);
    let fresh = async || {
        let client = server.client(files.client());
        let answer = client.get(server.url("/health/live")).send().await?;
        anyhow::Ok(presented(&answer))
    };
    let old = fresh().await.unwrap();
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let senders: Vec<_> = (0..4)
        .map(|sender| {
            let client = server.client(files.client());
            tasks.spawn(send(Arc::clone(&server), client, sender, stop.clone()))
        })
        .collect();
    app.wait_for_at_least(10).await;

    files.write(&files.root.server(&[HOST]));
    let new = wait_until("the new certificate", PATIENCE, async || {
        let presented = fresh().await?;
        ensure!(presented != old, "still the old one");
        Ok(presented)
    });
    let new = new.await.unwrap();
    let before = app.pipedrive.activities().len();
    app.wait_for_at_least(before + 20).await;
    stop.cancel();

    let mut accepted = 0;
    for sender in senders {
        let seen = sender.await.unwrap();
        assert_eq!(seen.failed, Vec::<String>::new());
        assert_eq!(
            seen.certificates,
            std::slice::from_ref(&old),
            "connections go on"
        );
        accepted += seen.accepted;
    }
    assert_eq!(fresh().await.unwrap(), new);
    app.wait_for_exactly(accepted).await;
    app.wait_for_dead_letters(0).await;
}

/// An ingest as a process: its metrics and its log are its own.
struct OwnProcess {
    process: Process,
    server: Server,
}

impl OwnProcess {
    async fn start(files: &Files) -> Self {
        let program = env!("CARGO_BIN_EXE_bridge-process");
        let mut process = Process::new(program, files.path("log"))
            .arguments(["ingest"])
            .variables(files.variables())
            .variables([("BRIDGE__LOG__FORMAT", "json")]);
        process.start().unwrap();
        let server = Server {
            address: listening(&process).await.unwrap(),
            stop: CancellationToken::new(),
            running: tokio::spawn(async { Ok(()) }),
        };
        Self { process, server }
    }

    /// Waits until its metrics show `expiry` and whether a pair is refused; asks over new connections.
    async fn wait_for(&self, files: &Files, expiry: &str, is_failing: bool) {
        let expiry: jiff::Timestamp = expiry.parse().unwrap();
        let lines = [
            format!(
                "bridge_ingest_tls_certificate_expiry_timestamp_seconds {}\n",
                expiry.as_second()
            ),
            format!(
                "bridge_ingest_tls_reload_failing {}\n",
                u8::from(is_failing)
            ),
        ];
        let metrics = wait_until("the metrics of the certificate", PATIENCE, async || {
            let client = self.server.client(files.client());
            let page = client.get(self.server.url("/metrics"));
            let page = page.header("host", "localhost").send().await?;
            let page = page.text().await?;
            for line in &lines {
                ensure!(page.contains(line), "{line} is not in {page}");
            }
            Ok(())
        });
        metrics.await.unwrap_or_else(|error| panic!("{error:#}"));
    }

    fn complaints(&self) -> usize {
        let log = self.process.output();
        log.matches("TLS certificate is rejected").count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_pair_is_reported_once_and_the_old_one_serves_until_a_sound_one_comes() {
    let files = Files::new();
    let process = OwnProcess::start(&files).await;
    process
        .wait_for(&files, "2090-01-01T00:00:00Z", false)
        .await;

    // The key of another certificate.
    replace(&files.path("tls.key"), &files.root.server(&[HOST]).key);
    process.wait_for(&files, "2090-01-01T00:00:00Z", true).await;
    let client = process.server.client(files.client());
    let answer = process.server.post(&client, "call-1").await.unwrap();
    assert_eq!(answer.status(), 200);
    files.write(&files.root.server_in(&[HOST], 2020..2080));
    process
        .wait_for(&files, "2080-01-01T00:00:00Z", false)
        .await;

    assert_eq!(process.complaints(), 1);
}
