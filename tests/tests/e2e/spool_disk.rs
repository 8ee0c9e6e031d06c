//! What the spool promises of its disk: no 200 before the sync, and none from a disk that takes no more.

use std::fs;
use std::process::Command;

use anyhow::ensure;
use bridge_tests::bridge::{PATIENCE, TestApp, WEBHOOK_TOKEN, call, listening};
use bridge_tests::servers::{CutProxy, Process, Scratch, Tool, has_tools, skipped, wait_until};

const CALLER: &str = "+12025550143";
/// What a process does with its files and its connections.
const TRACED: &str =
    "trace=recvfrom,read,readv,write,writev,pwrite64,sendto,sendmsg,fsync,fdatasync";
/// Starts a program whose files cannot grow beyond 200 KB: writes fail then, as on a full disk, and no signal ends it.
const ON_A_SMALL_DISK: [&str; 3] = ["sh", "-c", r#"trap "" XFSZ; ulimit -f 400; exec "$0" "$@""#];

/// A bridge; and for an ingest of its own process the way to the broker, closed at first, and a folder for its spool.
struct Rig {
    app: TestApp,
    network: CutProxy,
    broker: String,
    scratch: Scratch,
}

impl Rig {
    async fn start() -> Self {
        let app = TestApp::spawn().await;
        app.pipedrive.add_person("Casey Customer", &[CALLER]);
        let network = CutProxy::in_front_of(&app.vhost().amqp_url()).await;
        let (network, address) = network.expect("a proxy starts");
        network.refuse(true);
        Self {
            app,
            network,
            broker: address.to_string(),
            scratch: Scratch::create().expect("a folder"),
        }
    }

    /// Starts `ingest` by way of another program, which becomes it.
    async fn ingest(&self, starter: &[&str]) -> Ingest {
        let log = self.scratch.path().join("log");
        let spool = self.scratch.path().join("spool.sqlite");
        let ingest = [env!("CARGO_BIN_EXE_bridge-process"), "ingest"];
        let words = [starter, &ingest].concat();
        let mut process = Process::new(words[0], log)
            .arguments(&words[1..])
            .variables(self.app.variables.clone())
            .variables([
                ("BRIDGE__BROKER__URL", self.broker.as_str()),
                ("BRIDGE__LOG__FORMAT", "json"),
            ])
            .variables([("BRIDGE__INGEST__SPOOL__PATH", spool)]);
        process.start().expect("ingest starts");
        let address = listening(&process).await.expect("ingest listens");
        Ingest {
            process,
            url: format!("http://{address}"),
            http: reqwest::Client::builder().build().expect("a client"),
        }
    }
}

/// An ingest as a process.
struct Ingest {
    process: Process,
    url: String,
    http: reqwest::Client,
}

impl Ingest {
    async fn post(&self, n: usize) -> reqwest::Response {
        let url = format!("{}/api/v1/genesys/webhook", self.url);
        let body = call(&format!("call-{n}"), CALLER);
        let request = self.http.post(url).bearer_auth(WEBHOOK_TOKEN).body(body);
        request.send().await.expect("ingest answers")
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let request = self.http.get(format!("{}{path}", self.url));
        let answer = request.send().await.expect("ingest answers");
        let status = answer.status().as_u16();
        (status, answer.text().await.expect("an answer has a text"))
    }

    fn kill(mut self) {
        self.process.kill().expect("ingest can be killed");
    }
}

/// Fails unless each of so many webhooks was answered after a sync of all that was written to the spool for it.
fn assert_synced_before_answered(trace: &str, webhooks: usize) {
    let (mut is_synced, mut syncing, mut answered) = (false, None, 0);
    for line in trace.lines() {
        let thread = line.split_whitespace().next();
        let is_of_spool = line.contains("/spool.sqlite");
        let is_done = line.ends_with("= 0");
        if line.contains("\"POST /api/v1/genesys/webhook") {
            is_synced = false;
        } else if is_of_spool && line.contains("sync(") {
            syncing = thread;
            is_synced |= is_done;
        } else if line.contains("sync resumed>") && thread == syncing {
            is_synced |= is_done;
        } else if is_of_spool && line.contains("write") {
            is_synced = false;
        } else if line.contains("\"HTTP/1.1 200") {
            assert!(is_synced, "answered before a sync:\n{trace}");
            answered += 1;
        }
    }
    assert_eq!(answered, webhooks, "{trace}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_is_spooled_is_answered_after_the_sync_of_the_disk() {
    const WEBHOOKS: usize = 5;
    if !has_tools(&[Tool::Strace]) {
        return;
    }
    let watched = Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .output();
    if !watched.unwrap().status.success() {
        return skipped(
            "the order of sync and answer",
            "strace may not trace processes",
        );
    }
    let rig = Rig::start().await;
    let trace = rig.scratch.path().join("trace");
    let trace = trace.to_str().unwrap();

    // As a grandchild in a process group of its own (`-DD`), so that it is ingest that we kill.
    let watching = ["strace", "-DD", "-f", "-y", "-s", "80", "-e", TRACED, "-o"];
    let ingest = rig.ingest(&[&watching[..], &[trace]].concat()).await;
    for n in 0..WEBHOOKS {
        assert_eq!(ingest.post(n).await.status(), 200);
    }
    ingest.kill();

    let trace = wait_until("the end of the trace", PATIENCE, async || {
        let trace = fs::read_to_string(trace)?;
        ensure!(trace.contains("killed by SIGKILL"), "{trace}");
        Ok(trace)
    });
    assert_synced_before_answered(&trace.await.unwrap(), WEBHOOKS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_takes_no_more_is_a_503_and_costs_nothing_that_was_answered_200() {
    let rig = Rig::start().await;
    let ingest = rig.ingest(&ON_A_SMALL_DISK).await;
    let mut accepted = 0;
    let refusal = loop {
        let answer = ingest.post(accepted).await;
        if answer.status() != 200 {
            break answer;
        }
        accepted += 1;
        assert!(accepted < 1000, "the disk has no end");
    };

    assert!(accepted > 0);
    assert_eq!(refusal.status(), 503);
    assert_eq!(refusal.headers().get("retry-after").unwrap(), "5");
    let (status, why) = ingest.get("/health/ready").await;
    assert!(
        status == 503 && why.contains("the spool cannot be used"),
        "{status} {why}"
    );
    let (_, metrics) = ingest.get("/metrics").await;
    let counted = r#"bridge_ingest_unavailable_total{reason="spool_failed"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
    assert_eq!(ingest.get("/health/live").await.0, 200);

    ingest.kill();
    rig.network.refuse(false);
    let _heir = rig.ingest(&[]).await;
    rig.app.wait_for_exactly(accepted).await;
    rig.app.wait_for_dead_letters(0).await;
}
