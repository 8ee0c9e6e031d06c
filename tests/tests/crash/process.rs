//! The services as processes that can die.

use std::time::Duration;

use anyhow::{Result, ensure};
use bridge_tests::bridge::{TestApp, WEBHOOK_TOKEN};
use bridge_tests::servers::{Process, free_ports, wait_until};

/// Longer than a service needs to reach any point.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an orchestrator grants: the default of `worker.grace_period`.
const GRACE_PERIOD: Duration = Duration::from_secs(25);

/// A running worker. It dies with the test.
pub struct Worker {
    running: Running,
    client: Client,
}

impl Worker {
    /// Starts a worker that dies at `fail_point`, such as `claimed=abort`; an empty one never does.
    pub fn start(app: &TestApp, fail_point: &str) -> Self {
        let port = free_port();
        let settings = [("BRIDGE__WORKER__LISTEN", format!("127.0.0.1:{port}"))];
        let program = env!("CARGO_BIN_EXE_worker-with-kill-points");
        Self {
            running: Running::start(program, app, &settings, fail_point),
            client: Client::new(port),
        }
    }

    /// Waits until it is not ready, and names `why`.
    pub async fn wait_until_not_ready(&self, why: &str) {
        wait_until("a worker that is not ready", PATIENCE, async || {
            let (status, text) = self.client.read("/health/ready").await?;
            ensure!(status == 503 && text.contains(why), "{status} {text}");
            Ok(())
        })
        .await
        .unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// The sum of a metric over all label sets that contain `labels`, such as `reason="busy"`.
    pub async fn metric(&self, name: &str, labels: &str) -> Result<u64> {
        self.client.metric(name, labels).await
    }

    /// Waits until a metric is at least that high.
    pub async fn wait_for_metric(&self, name: &str, labels: &str, least: u64) {
        wait_until(name, PATIENCE, async || {
            let value = self.metric(name, labels).await?;
            ensure!(value >= least, "{value}");
            Ok(())
        })
        .await
        .unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// Waits until it died by itself.
    pub async fn wait_for_death(self) {
        self.running.wait_for_death().await;
    }

    /// Ends it with SIGKILL.
    pub fn kill(self) {
        self.running.kill();
    }

    /// Ends it with SIGTERM, and waits until it has drained.
    pub async fn terminate(self) {
        self.running.terminate().await;
    }
}

/// Runs a command of the worker to its end.
pub async fn command(app: &TestApp, arguments: &[&str]) -> std::process::Output {
    let program = env!("CARGO_BIN_EXE_worker-with-kill-points");
    tokio::process::Command::new(program)
        .args(arguments)
        .envs(app.variables.iter().cloned())
        .output()
        .await
        .expect("the worker runs")
}

fn free_port() -> u16 {
    let [port] = free_ports().expect("a free port");
    port
}

/// A running ingest. It dies with the test.
pub struct Ingest {
    running: Running,
    client: Client,
    port: u16,
}

impl Ingest {
    /// Starts an ingest, with settings that go before the bridge's, and waits until it is ready. It dies at `fail_point`.
    pub async fn start(
        app: &TestApp,
        settings: &[(&'static str, String)],
        fail_point: &str,
    ) -> Self {
        Self::start_on(free_port(), app, settings, fail_point).await
    }

    /// [`Self::start`] on a port of the caller's choice.
    pub async fn start_on(
        port: u16,
        app: &TestApp,
        settings: &[(&'static str, String)],
        fail_point: &str,
    ) -> Self {
        let mut settings = settings.to_vec();
        settings.push(("BRIDGE__INGEST__LISTEN", format!("127.0.0.1:{port}")));
        let program = env!("CARGO_BIN_EXE_ingest-with-kill-points");
        let ingest = Self {
            running: Running::start(program, app, &settings, fail_point),
            client: Client::new(port),
            port,
        };
        wait_until("a ready ingest", PATIENCE, async || {
            ingest.client.get("/health/ready").await
        })
        .await
        .unwrap_or_else(|error| panic!("{error:#}"));
        ingest
    }

    /// Port that `ingest` listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Client that sends to it.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Posts a webhook; nothing where there is no answer.
    pub async fn post(&self, body: String) -> Option<u16> {
        self.client.post(body).await
    }

    /// How many webhooks it has accepted.
    pub async fn accepted(&self) -> u64 {
        self.metric("bridge_ingest_accepted_total")
            .await
            .unwrap_or(0)
    }

    /// Waits until nothing is in its spool.
    pub async fn wait_until_drained(&self) {
        wait_until("a drained spool", PATIENCE, async || {
            let left = self.metric("bridge_ingest_spool_messages").await?;
            ensure!(left == 0, "{left} messages are in it");
            Ok(())
        })
        .await
        .unwrap_or_else(|error| panic!("{error:#}"));
    }

    async fn metric(&self, name: &str) -> Result<u64> {
        self.client.metric(name, "").await
    }

    /// Waits until it died by itself.
    pub async fn wait_for_death(self) {
        self.running.wait_for_death().await;
    }

    /// Ends it with SIGKILL.
    pub fn kill(self) {
        self.running.kill();
    }

    /// Ends it with SIGTERM, and waits until it has drained.
    pub async fn terminate(self) {
        self.running.terminate().await;
    }
}

/// Client that sends webhooks, and reads the pages of a service.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
}

impl Client {
    fn new(port: u16) -> Self {
        let http = reqwest::Client::builder().timeout(PATIENCE).build();
        Self {
            http: http.expect("a client"),
            url: format!("http://127.0.0.1:{port}"),
        }
    }

    /// Posts a webhook; nothing where there is no answer.
    pub async fn post(&self, body: String) -> Option<u16> {
        let url = format!("{}/api/v1/genesys/webhook", self.url);
        let request = self.http.post(url).bearer_auth(WEBHOOK_TOKEN).body(body);
        Some(request.send().await.ok()?.status().as_u16())
    }

    async fn get(&self, path: &str) -> Result<String> {
        let (status, text) = self.read(path).await?;
        ensure!(status == 200, "{status}");
        Ok(text)
    }

    async fn read(&self, path: &str) -> Result<(u16, String)> {
        let answer = self.http.get(format!("{}{path}", self.url)).send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    async fn metric(&self, name: &str, labels: &str) -> Result<u64> {
        let text = self.get("/metrics").await?;
        let of_it = text.lines().filter(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['{', ' '])) && line.contains(labels)
        });
        let values: Vec<u64> = of_it
            .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
            .collect();
        ensure!(!values.is_empty(), "no {name}");
        Ok(values.iter().sum())
    }
}

struct Running(Process);

impl Running {
    fn start(
        program: &str,
        app: &TestApp,
        settings: &[(&'static str, String)],
        fail_point: &str,
    ) -> Self {
        let mut process = Process::silent(program)
            .variables(app.variables.clone())
            .variables(settings.iter().cloned())
            .variables([
                ("BRIDGE__LOG__FILTER", "warn"),
                ("BRIDGE_KILL_POINT", fail_point),
            ]);
        process.start().expect("the service starts");
        Self(process)
    }

    async fn wait_for_death(mut self) {
        let died = self.0.wait_for_end(PATIENCE).await;
        let status = died.expect("the service reaches its fail point");
        assert!(!status.success(), "the service was to die, but ended well");
    }

    async fn terminate(mut self) {
        self.0.terminate().expect("the service takes SIGTERM");
        let ended = self.0.wait_for_end(GRACE_PERIOD).await;
        let status = ended.expect("the service drains within its grace period");
        assert!(status.success(), "the service ended with {status}");
    }

    fn kill(mut self) {
        self.0.kill().expect("the service can be killed");
    }
}
