//! Whether messages are consumed at present. Where every message would fail alike, none is taken from the queue.

use std::time::Duration;

use shared::clock;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::installation::Installation;
use crate::metrics as names;
use crate::pipedrive;
use crate::redis::Store;
use shared::telemetry::chain;

/// Between two looks at whether it has healed, where a look costs Pipedrive nothing.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Before Cloudflare is tried again: it blocks those who go on despite limits.
const BLOCKED_INTERVAL: Duration = Duration::from_secs(60);

/// Why nothing is consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closure {
    /// Redis does not answer, or lost data.
    Redis,
    /// Pipedrive does not let the token in.
    Unauthorized {
        /// 401, or 402 where the account is closed.
        status: u16,
    },
    /// Cloudflare blocks this address.
    Blocked,
    /// The day's tokens are spent.
    BudgetSpent {
        /// How long until there are new ones.
        wait: Duration,
    },
}

impl Closure {
    /// For readiness and logs, with what is to be done.
    #[must_use]
    pub fn explain(self) -> String {
        match self {
            Self::Redis => "Redis does not answer; nothing to do here once it is back".to_owned(),
            Self::Unauthorized { status: 402 } => {
                "Pipedrive answers 402: the company's account is not open; work resumes once it is"
                    .to_owned()
            }
            Self::Unauthorized { status } => {
                format!(
                    "Pipedrive answers {status}: the API token is not valid; set a good one (pipedrive.api_token)"
                )
            }
            Self::Blocked => {
                "Cloudflare blocks this address; it is tried again every minute".to_owned()
            }
            Self::BudgetSpent { wait } => {
                format!(
                    "the day's Pipedrive tokens are spent; more in {}s (pipedrive.daily_tokens)",
                    wait.as_secs()
                )
            }
        }
    }

    /// All labels there are.
    pub const LABELS: [&'static str; 4] = ["redis", "unauthorized", "blocked", "budget"];

    /// The label in metrics.
    fn label(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Unauthorized { .. } => "unauthorized",
            Self::Blocked => "blocked",
            Self::BudgetSpent { .. } => "budget",
        }
    }
}

/// Open, or closed with a reason. Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate {
    state: watch::Sender<Option<Closure>>,
}

impl Gate {
    /// A gate that is closed until Redis was reached.
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: watch::Sender::new(Some(Closure::Redis)),
        }
    }

    /// Closes; the last reason counts.
    pub fn close(&self, why: Closure) {
        let was_open = self.state.send_replace(Some(why)).is_none();
        names::set_paused(Some(why.label()));
        if was_open {
            metrics::counter!(names::PAUSES, "reason" => why.label()).increment(1);
            tracing::error!(
                reason = why.label(),
                "Consumption pauses: {}",
                why.explain()
            );
        }
    }

    /// Why it is closed.
    #[must_use]
    pub fn closure(&self) -> Option<Closure> {
        *self.state.borrow()
    }

    /// Follows it.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Option<Closure>> {
        self.state.subscribe()
    }

    /// Waits until it is open.
    pub async fn opened(&self) {
        self.wait_for(Option::is_none).await;
    }

    /// Waits until it is closed.
    pub async fn closed(&self) {
        self.wait_for(Option::is_some).await;
    }

    async fn wait_for(&self, condition: impl FnMut(&Option<Closure>) -> bool) {
        let mut state = self.state.subscribe();
        // The sender lives in `self`.
        let reached = state.wait_for(condition).await;
        drop(reached);
    }

    fn open(&self) {
        self.state.send_replace(None);
        names::set_paused(None);
        tracing::info!("Consumption goes on");
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

/// Opens the gate again as soon as what closed it has healed.
#[derive(Debug)]
pub struct Gatekeeper {
    /// The gate.
    pub gate: Gate,
    /// Must be connected, whatever else closed the gate.
    pub store: Store,
    /// Knows whether Redis lost its data.
    pub installation: Installation,
    /// Is asked who we are.
    pub client: pipedrive::Client,
    /// Between two such questions.
    pub probe_interval: Duration,
}

impl Gatekeeper {
    /// Keeps the gate until shutdown.
    pub async fn run(self, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.tend() => {}
            }
        }
    }

    /// Waits for the gate to close, and once that healed, opens it.
    async fn tend(&self) {
        self.gate.closed().await;
        // Whoever found Redis wanting holds a connection that is of no use any more.
        if self.gate.closure() == Some(Closure::Redis) {
            self.store.disconnect();
        }
        let since = clock::now();
        while let Some(closure) = self.gate.closure() {
            if self.has_healed(closure, since).await {
                self.gate.open();
                return;
            }
            tokio::time::sleep(self.interval(closure)).await;
        }
    }

    async fn has_healed(&self, closure: Closure, since: jiff::Timestamp) -> bool {
        if !self.store.is_connected()
            && let Err(error) = self
                .store
                .connect(async || self.installation.is_first().await)
                .await
        {
            tracing::warn!(error = chain(&error), "Redis cannot be used yet");
            return false;
        }
        let elapsed = clock::now().duration_since(since).unsigned_abs();
        match closure {
            Closure::Redis => true,
            // `users/me` may be let through where the rest is not: only time tells.
            Closure::Blocked if elapsed < BLOCKED_INTERVAL => false,
            Closure::Unauthorized { .. } | Closure::Blocked => match self.client.probe().await {
                Err(error) if !error.lets_us_in() => {
                    tracing::warn!(error = chain(&error), "Pipedrive does not let us in yet");
                    false
                }
                Ok(_) | Err(_) => true,
            },
            Closure::BudgetSpent { wait } => elapsed >= wait,
        }
    }

    fn interval(&self, closure: Closure) -> Duration {
        match closure {
            Closure::Redis | Closure::Blocked | Closure::BudgetSpent { .. } => POLL_INTERVAL,
            Closure::Unauthorized { .. } => self.probe_interval,
        }
    }
}
