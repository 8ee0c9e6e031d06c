//! Several instances of `ingest` behind what stands in front of them in production: a load balancer that follows
//! readiness, and senders that go elsewhere when a connection is refused, but never repeat a request that was sent.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bridge::{PATIENCE, WEBHOOK_TOKEN, call};

/// How often the load balancer looks. Far below `ingest.drain`, as everywhere.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// A sender's pause: what is accepted is to be recorded within the test's patience, by workers built for debugging.
const PACE: Duration = Duration::from_millis(50);

/// Sends webhooks to whichever instance is ready, until stopped.
#[derive(Debug)]
pub struct Traffic {
    shared: Arc<Shared>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

#[derive(Debug)]
struct Shared {
    instances: Vec<Instance>,
    http: reqwest::Client,
    sent: AtomicUsize,
    report: Mutex<Report>,
}

#[derive(Debug)]
struct Instance {
    url: String,
    is_ready: AtomicBool,
}

/// What became of the requests.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Ids of the interactions that were answered 200.
    pub accepted: Vec<String>,
    /// Connections that were refused; the request went elsewhere.
    pub refused: usize,
    /// Requests that were sent, and not answered 200.
    pub failed: Vec<String>,
}

impl Traffic {
    /// Begins with `senders` senders, each over connections that it keeps. Calls come from `caller`.
    ///
    /// # Errors
    ///
    /// When there is no HTTP client to be had.
    pub fn start(ports: &[u16], senders: usize, caller: &'static str) -> Result<Self> {
        let instances = ports.iter().map(|port| Instance {
            url: format!("http://127.0.0.1:{port}"),
            is_ready: AtomicBool::new(true),
        });
        let shared = Arc::new(Shared {
            instances: instances.collect(),
            http: reqwest::Client::builder().timeout(PATIENCE).build()?,
            sent: AtomicUsize::new(0),
            report: Mutex::default(),
        });
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        for _ in 0..senders {
            let (shared, stop) = (Arc::clone(&shared), stop.clone());
            tasks.spawn(async move {
                while !stop.is_cancelled() {
                    shared.send(caller).await;
                    tokio::time::sleep(PACE).await;
                }
            });
        }
        let (looking, stopped) = (Arc::clone(&shared), stop.clone());
        tasks.spawn(async move {
            stopped
                .run_until_cancelled(looking.follow_readiness())
                .await;
        });
        Ok(Self {
            shared,
            tasks,
            stop,
        })
    }

    /// How many requests were accepted so far.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.shared.report().accepted.len()
    }

    /// Stops sending, and returns the answers.
    ///
    /// # Errors
    ///
    /// When a request is not answered.
    pub async fn stop(self) -> Result<Report> {
        self.stop.cancel();
        self.tasks.close();
        tokio::time::timeout(PATIENCE, self.tasks.wait())
            .await
            .context("a request is not answered")?;
        Ok(self.shared.report().clone())
    }
}

impl Shared {
    fn report(&self) -> std::sync::MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends one interaction until it was sent, to one instance after another.
    async fn send(&self, caller: &str) {
        let n = self.sent.fetch_add(1, Ordering::Relaxed);
        let id = format!("call-{n}");
        for turn in n.. {
            let Some(instance) = self.choose(turn) else {
                tokio::time::sleep(LOOK_INTERVAL).await;
                continue;
            };
            let request = self
                .http
                .post(format!("{}/api/v1/genesys/webhook", instance.url))
                .bearer_auth(WEBHOOK_TOKEN)
                .body(call(&id, caller));
            let outcome = request.send().await;
            let mut report = self.report();
            match outcome {
                Ok(answer) if answer.status() == 200 => report.accepted.push(id),
                Ok(answer) => report.failed.push(format!("{id}: {}", answer.status())),
                Err(error) if error.is_connect() => {
                    report.refused += 1;
                    instance.is_ready.store(false, Ordering::Relaxed);
                    continue;
                }
                Err(error) => report.failed.push(format!("{id}: {error:?}")),
            }
            return;
        }
    }

    /// The next that is ready.
    fn choose(&self, turn: usize) -> Option<&Instance> {
        let ready: Vec<_> = self
            .instances
            .iter()
            .filter(|instance| instance.is_ready.load(Ordering::Relaxed))
            .collect();
        ready.get(turn % ready.len().max(1)).copied()
    }

    async fn follow_readiness(&self) {
        loop {
            for instance in &self.instances {
                let look = self.http.get(format!("{}/health/ready", instance.url));
                let answer = look.send().await;
                let is_ready = answer.is_ok_and(|answer| answer.status() == 200);
                instance.is_ready.store(is_ready, Ordering::Relaxed);
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    }
}
