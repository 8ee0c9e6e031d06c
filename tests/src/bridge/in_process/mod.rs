//! The whole bridge for one test: `ingest` and `worker` in this process, a virtual host and a Redis prefix of the test's
//! own, and the Pipedrive sandbox.

mod keys;
mod recorded;
mod waiting;

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use shared::config::{self, Settings};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::settings::{self, variable};
use super::{Answer, oauth};
use crate::sandbox::genesys;
use crate::sandbox::pipedrive::{Control, OAuthConfig, Sandbox, SandboxConfig};
use crate::servers::{Environment, Management, Redis, Vhost, wait_until};

/// Longer than anything takes that a test waits for, on a machine that is busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Number of the last requests to Pipedrive that a failed test prints.
const PRINTED_REQUESTS: usize = 100;
/// How long an idle connection is kept for the next request. The services close theirs after 5 s: a request on one that is
/// being closed is lost.
const KEPT_IDLE: Duration = Duration::from_secs(2);
/// The token of webhooks.
pub const WEBHOOK_TOKEN: &str = "test-webhook-token";

/// How a [`TestApp`] is put together.
#[derive(Debug, Default)]
pub struct Builder {
    settings: Vec<(String, String)>,
    sandbox: SandboxConfig,
    without_worker: bool,
    oauth: Option<OAuthConfig>,
    genesys: Option<genesys::SandboxConfig>,
    vhost: Option<Vhost>,
}

impl Builder {
    /// Sets an environment variable of the services, such as `BRIDGE__RETRY__DELAYS`.
    #[must_use]
    pub fn set(mut self, variable: &str, value: impl Into<String>) -> Self {
        self.settings.push((variable.to_owned(), value.into()));
        self
    }

    /// Starts the sandbox so.
    #[must_use]
    pub fn sandbox(mut self, config: SandboxConfig) -> Self {
        self.sandbox = config;
        self
    }

    /// Starts the sandbox with this API token.
    #[must_use]
    pub fn pipedrive_token(mut self, token: &str) -> Self {
        self.sandbox.api_token = Some(token.to_owned());
        self
    }

    /// Lets the bridge in as this app instead of with an API token.
    #[must_use]
    pub fn oauth(mut self, app: OAuthConfig) -> Self {
        self.oauth = Some(app);
        self
    }

    /// Starts a sandbox of Genesys too, and gives the bridge access to it.
    #[must_use]
    pub fn with_genesys(mut self, config: genesys::SandboxConfig) -> Self {
        self.genesys = Some(config);
        self
    }

    /// Uses a virtual host that is there already.
    #[must_use]
    pub fn vhost(mut self, vhost: Vhost) -> Self {
        self.vhost = Some(vhost);
        self
    }

    /// Uses a Redis of the test's own, which may be killed, frozen or emptied.
    #[must_use]
    pub fn redis(self, redis: &Redis) -> Self {
        self.set("BRIDGE__REDIS__URL", redis.url().as_str())
    }

    /// Starts no worker yet.
    #[must_use]
    pub fn without_worker(mut self) -> Self {
        self.without_worker = true;
        self
    }

    /// Starts it all, and waits until it is ready.
    ///
    /// # Panics
    ///
    /// Panics if it does not become ready: no test could go on.
    pub async fn spawn(self) -> TestApp {
        // On the heap: it is large, and so would be every test that holds it.
        Box::pin(self.try_spawn())
            .await
            .unwrap_or_else(|error| panic!("the test app does not start: {error:#}"))
    }

    async fn try_spawn(self) -> Result<TestApp> {
        let environment = Environment::shared().await;
        // Nothing kills the broker that all tests share. One that a test brings along may be killed at any time.
        let new_queue_pause = self.vhost.is_none().then_some(Duration::ZERO);
        let vhost = match self.vhost {
            Some(vhost) => vhost,
            None => environment.broker().create_vhost().await?,
        };
        let is_app = self.oauth.is_some();
        let sandbox = Sandbox::spawn(SandboxConfig {
            oauth: self.oauth.unwrap_or_default(),
            ..self.sandbox
        });
        let pipedrive = sandbox.control();
        let mut variables = settings::for_tests();
        variables.extend([
            variable("BROKER__URL", vhost.amqp_url().as_str()),
            variable("REDIS__URL", environment.redis_url().as_str()),
            variable("PIPEDRIVE__BASE_URL", &sandbox.base_url()),
            variable("PIPEDRIVE__API_TOKEN", &pipedrive.api_token()),
        ]);
        if is_app {
            variables.retain(|(variable, _)| variable != "BRIDGE__PIPEDRIVE__API_TOKEN");
            variables.extend(oauth::variables(&pipedrive, &sandbox.base_url()));
        }
        let genesys = self.genesys.map(|config| {
            let sandbox = genesys::Sandbox::spawn(&config);
            variables.extend(settings::for_genesys(&sandbox.base_url(), &config));
            sandbox
        });
        // A secret is given in one way only: its file goes before the default.
        let files = self
            .settings
            .iter()
            .filter_map(|(variable, _)| variable.strip_suffix("_FILE"));
        let given: Vec<&str> = files.collect();
        variables.retain(|(variable, _)| !given.contains(&variable.as_str()));
        variables.extend(self.settings);
        let mut settings = config::load_from(None, variables.clone())?;
        settings.broker.new_queue_pause = new_queue_pause;
        let stop = CancellationToken::new();
        let ingest = ingest::startup::Application::build(&settings).await?;
        let ingest_port = ingest.port();
        let admin_url = ingest
            .admin_port()
            .map(|port| format!("http://127.0.0.1:{port}"));
        let ingest = tokio::spawn(ingest.run_until_stopped(stop.clone()));
        let mut app = TestApp {
            pipedrive,
            settings,
            variables,
            http: reqwest::Client::builder()
                .timeout(PATIENCE)
                .pool_idle_timeout(KEPT_IDLE)
                .build()?,
            ingest_url: format!("http://127.0.0.1:{ingest_port}"),
            admin_url,
            ingest,
            workers: Vec::new(),
            stop,
            management: vhost.management(),
            totals_age: environment.totals_age(),
            vhost,
            sandbox,
            genesys,
        };
        app.wait_ready(&app.ingest_url.clone()).await?;
        if !self.without_worker {
            app.start_worker().await;
        }
        Ok(app)
    }
}

/// The running bridge. Dropping it stops it.
#[derive(Debug)]
pub struct TestApp {
    /// What Pipedrive holds and was asked, and how it misbehaves.
    pub pipedrive: Control,
    /// Settings that both services were started with.
    pub settings: Settings,
    /// The same as environment variables, for processes.
    pub variables: Vec<(String, String)>,
    /// Where `ingest` takes webhooks on this machine.
    pub ingest_url: String,
    /// Where its `admin_listen` is, if that is set.
    pub admin_url: Option<String>,
    http: reqwest::Client,
    ingest: JoinHandle<Result<()>>,
    workers: Vec<RunningWorker>,
    stop: CancellationToken,
    vhost: Vhost,
    management: Management,
    /// How old its totals of queues are at most.
    totals_age: Duration,
    sandbox: Sandbox,
    genesys: Option<genesys::Sandbox>,
}

#[derive(Debug)]
struct RunningWorker {
    url: String,
    stop: CancellationToken,
    task: JoinHandle<Result<()>>,
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.stop.cancel();
        if thread::panicking() {
            self.print_requests();
        }
    }
}

impl TestApp {
    /// A bridge with the defaults of tests.
    pub async fn spawn() -> Self {
        Builder::default().spawn().await
    }

    /// A bridge to put together.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Starts one more worker, and waits until it consumes.
    ///
    /// # Panics
    ///
    /// Panics if it does not.
    pub async fn start_worker(&mut self) {
        self.start_worker_that_waits().await;
        let url = &self.workers.last().expect("it was just started").url;
        self.wait_ready(url).await.expect("a worker becomes ready");
    }

    /// Starts one more worker, which need not become ready.
    ///
    /// # Panics
    ///
    /// Panics if it does not start.
    pub async fn start_worker_that_waits(&mut self) {
        let stop = self.stop.child_token();
        let worker = worker::startup::Application::build(self.settings.clone())
            .await
            .expect("a worker starts");
        let url = format!("http://127.0.0.1:{}", worker.port());
        let task = tokio::spawn(worker.run_until_stopped(stop.clone()));
        self.workers.push(RunningWorker { url, stop, task });
    }

    /// Stops the worker that was started last, as SIGTERM does, and waits until it has drained.
    ///
    /// # Panics
    ///
    /// Panics if there is none, or it fails.
    pub async fn stop_worker(&mut self) {
        let last = self.workers.len().checked_sub(1).expect("a worker runs");
        self.stop_nth_worker(last).await;
    }

    /// Stops the worker that was started first, as [`Self::stop_worker`].
    ///
    /// # Panics
    ///
    /// Panics if there is none, or it fails.
    pub async fn stop_oldest_worker(&mut self) {
        self.stop_nth_worker(0).await;
    }

    async fn stop_nth_worker(&mut self, n: usize) {
        let worker = self.workers.remove(n);
        worker.stop.cancel();
        worker
            .task
            .await
            .expect("a worker does not panic")
            .expect("a worker stops well");
    }

    /// Where the first worker's admin listener is.
    ///
    /// # Panics
    ///
    /// Panics if none runs.
    #[must_use]
    pub fn worker_url(&self) -> &str {
        &self.workers.first().expect("a worker runs").url
    }

    /// Posts a webhook.
    ///
    /// # Panics
    ///
    /// Panics if there is no answer.
    pub async fn post(&self, body: impl Into<reqwest::Body>) -> Answer {
        self.post_as(WEBHOOK_TOKEN, body).await
    }

    /// Posts a webhook with another token.
    ///
    /// # Panics
    ///
    /// Panics if there is no answer.
    pub async fn post_as(&self, token: &str, body: impl Into<reqwest::Body>) -> Answer {
        let url = format!("{}/api/v1/genesys/webhook", self.ingest_url);
        let request = self.http.post(url).bearer_auth(token).body(body);
        let answer = request.send().await.expect("ingest answers");
        let status = answer.status().as_u16();
        Answer {
            status,
            body: answer.json().await.unwrap_or(Value::Null),
        }
    }

    /// Reads a page of one of the services.
    ///
    /// # Panics
    ///
    /// Panics if there is no answer.
    pub async fn get(&self, url: &str) -> (u16, String) {
        let answer = self.http.get(url).send().await.expect("a service answers");
        (
            answer.status().as_u16(),
            answer.text().await.expect("an answer has a text"),
        )
    }

    /// Where RabbitMQ's management UI is, with user and password.
    #[must_use]
    pub fn management_url(&self) -> &Url {
        self.vhost.broker().management_url()
    }

    /// RabbitMQ as its management UI sees it.
    #[must_use]
    pub fn management(&self) -> &Management {
        &self.management
    }

    /// The test's virtual host.
    #[must_use]
    pub fn vhost(&self) -> &Vhost {
        &self.vhost
    }

    /// Sandbox that stands in for Pipedrive.
    #[must_use]
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// The Genesys sandbox.
    ///
    /// # Panics
    ///
    /// Panics if the bridge was built without one.
    #[must_use]
    pub fn genesys(&self) -> &genesys::Sandbox {
        self.genesys.as_ref().expect("built with Genesys")
    }

    /// Whether `ingest` still runs.
    #[must_use]
    pub fn ingest_runs(&self) -> bool {
        !self.ingest.is_finished()
    }

    async fn wait_ready(&self, url: &str) -> Result<()> {
        let url = format!("{url}/health/ready");
        wait_until(&format!("readiness at {url}"), PATIENCE, async || {
            let answer = self.http.get(&url).send().await?;
            let (status, body) = (answer.status().as_u16(), answer.text().await?);
            ensure!(status == 200, "{status} {body}");
            Ok(())
        })
        .await
        .context("not ready")
    }

    /// What was asked of Pipedrive lately, for whoever reads why a test failed.
    fn print_requests(&self) {
        let requests = self.pipedrive.requests();
        for request in &requests[requests.len().saturating_sub(PRINTED_REQUESTS)..] {
            println!("{request}");
        }
    }
}
