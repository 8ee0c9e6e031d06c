//! Whether messages are consumed at present. Where every message would fail alike, none is taken from the queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use shared::clock;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::metrics as names;
use crate::pipedrive::{self, Denial, PipedriveError};
use crate::store::Store;
use crate::store::first_start::FirstStart;
use shared::error::chain;

/// The longest between two looks at whether it has healed. A look costs Pipedrive nothing before its time has come.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// After how many of the intervals in which a refused token is tried Cloudflare is tried again: it blocks those who go on
/// despite limits.
const BLOCKED_INTERVALS: u32 = 6;

/// Why nothing is consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PauseReason {
    /// Redis does not answer, or lost data.
    Redis,
    /// Pipedrive does not let the token in.
    Unauthorized {
        /// 401, or 402 where the account is closed.
        status: u16,
    },
    /// Pipedrive does not let the app in.
    Denied(Denial),
    /// There is no access token: its endpoint is away or fails.
    NoToken,
    /// Cloudflare blocks this address.
    Blocked,
    /// The day's tokens are spent.
    BudgetSpent {
        /// How long until there are new ones.
        wait: Duration,
    },
}

impl PauseReason {
    /// What an error of Pipedrive's closes, if every other call would meet it as well.
    #[must_use]
    pub fn caused_by(error: &PipedriveError) -> Option<Self> {
        match error {
            PipedriveError::Redis(_) => Some(Self::Redis),
            PipedriveError::Unauthorized { status } => Some(Self::Unauthorized { status: *status }),
            PipedriveError::Denied(denial) => Some(Self::Denied(*denial)),
            PipedriveError::NoToken(_) => Some(Self::NoToken),
            PipedriveError::Blocked => Some(Self::Blocked),
            PipedriveError::BudgetSpent { wait, .. } => Some(Self::BudgetSpent { wait: *wait }),
            PipedriveError::Unreachable { .. }
            | PipedriveError::NoAnswer { .. }
            | PipedriveError::Unreadable { .. }
            | PipedriveError::Server { .. }
            | PipedriveError::RateLimited { .. }
            | PipedriveError::Forbidden { .. }
            | PipedriveError::NotFound { .. }
            | PipedriveError::Rejected { .. } => None,
        }
    }

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
            Self::Denied(denial) => denial.to_string(),
            Self::NoToken => {
                "Pipedrive's token endpoint gives no access token; it is asked again (pipedrive.oauth.token_url)"
                    .to_owned()
            }
            Self::Blocked => {
                "Cloudflare blocks this address; it is tried again from time to time (pipedrive.probe_interval)".to_owned()
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
    pub const LABELS: [&'static str; 5] =
        ["redis", "unauthorized", "no_token", "blocked", "budget"];

    /// The label in metrics.
    fn label(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Unauthorized { .. } | Self::Denied(_) => "unauthorized",
            Self::NoToken => "no_token",
            Self::Blocked => "blocked",
            Self::BudgetSpent { .. } => "budget",
        }
    }
}

/// Open, or closed with a reason. Clones are the same pause.
#[derive(Clone, Debug)]
pub struct Pause {
    state: watch::Sender<Option<PauseReason>>,
    /// Redis failed since the supervisor checked it last.
    redis_failed: Arc<AtomicBool>,
}

impl Pause {
    /// A pause that is closed until Redis was reached.
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: watch::Sender::new(Some(PauseReason::Redis)),
            redis_failed: Arc::default(),
        }
    }

    /// Closes. The last reason counts, but a failure of Redis does not hide that Pipedrive turned us away: Redis is
    /// looked at in any case.
    pub fn close(&self, why: PauseReason) {
        if why == PauseReason::Redis {
            self.redis_failed.store(true, Ordering::SeqCst);
        }
        let mut was_open = false;
        let is_new = self.state.send_if_modified(|state| {
            was_open = state.is_none();
            let is_hidden = why == PauseReason::Redis && state.is_some();
            let is_new = !is_hidden && *state != Some(why);
            if is_new {
                *state = Some(why);
            }
            is_new
        });
        if is_new {
            names::set_paused(Some(why.label()));
        }
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
    pub fn reason(&self) -> Option<PauseReason> {
        *self.state.borrow()
    }

    /// Follows it.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Option<PauseReason>> {
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

    async fn wait_for(&self, condition: impl FnMut(&Option<PauseReason>) -> bool) {
        let mut state = self.state.subscribe();
        // The sender lives in `self`.
        let reached = state.wait_for(condition).await;
        drop(reached);
    }

    /// Opens, unless it was closed for another reason meanwhile. Tells whether it is open.
    fn open(&self, healed: PauseReason) -> bool {
        let is_open = !self.redis_failed.load(Ordering::SeqCst)
            && self.state.send_if_modified(|state| {
                let is_the_same = *state == Some(healed);
                if is_the_same {
                    *state = None;
                }
                is_the_same
            });
        if is_open {
            names::set_paused(None);
            tracing::info!("Consumption goes on");
        }
        is_open
    }
}

impl Default for Pause {
    fn default() -> Self {
        Self::new()
    }
}

/// Opens the pause again as soon as what closed it has healed.
#[derive(Debug)]
pub struct PauseSupervisor {
    /// The pause.
    pub pause: Pause,
    /// Must be connected, whatever else closed the pause.
    pub store: Store,
    /// Knows whether Redis lost its data.
    pub first_start: FirstStart,
    /// Is asked who we are.
    pub client: pipedrive::Client,
    /// Between two such questions.
    pub probe_interval: Duration,
}

impl PauseSupervisor {
    /// Keeps the pause until shutdown.
    pub async fn run(self, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.tend() => {}
            }
        }
    }

    /// Waits for the pause to close, and once that healed, opens it.
    async fn tend(&self) {
        self.pause.closed().await;
        let mut tended: Option<(PauseReason, Timestamp)> = None;
        while let Some(reason) = self.pause.reason() {
            // Another reason, or another attempt, has a time of its own.
            let since = match tended {
                Some((known, since)) if known == reason => since,
                _ => clock::now(),
            };
            tended = Some((reason, since));
            if self.is_redis_well().await {
                match self.has_healed(reason, since).await {
                    Recovery::Done if self.pause.open(reason) => return,
                    Recovery::Done | Recovery::Waiting => {}
                    Recovery::TurnedAway => tended = Some((reason, clock::now())),
                }
            }
            tokio::time::sleep(self.probe_interval.min(POLL_INTERVAL)).await;
        }
    }

    /// Whether Redis is connected; connects it. Whoever found it wanting holds a connection that is of no use any more.
    async fn is_redis_well(&self) -> bool {
        if self.pause.redis_failed.swap(false, Ordering::SeqCst) {
            self.store.disconnect();
        }
        if self.store.is_connected() {
            return true;
        }
        let connecting = self
            .store
            .connect(async || self.first_start.is_first().await);
        match connecting.await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(error = chain(&error), "Redis cannot be used yet");
                false
            }
        }
    }

    async fn has_healed(&self, reason: PauseReason, since: Timestamp) -> Recovery {
        let elapsed = clock::now().duration_since(since).unsigned_abs();
        if elapsed < self.least_pause(reason) {
            return Recovery::Waiting;
        }
        match reason {
            PauseReason::Unauthorized { .. }
            | PauseReason::Denied(_)
            | PauseReason::NoToken
            | PauseReason::Blocked => match self.client.probe().await {
                Err(error) if !error.lets_us_in() => {
                    tracing::warn!(error = chain(&error), "Pipedrive does not let us in yet");
                    // It may be for another reason by now.
                    if let Some(reason) = PauseReason::caused_by(&error) {
                        self.pause.close(reason);
                    }
                    Recovery::TurnedAway
                }
                Ok(_) | Err(_) => Recovery::Done,
            },
            PauseReason::Redis | PauseReason::BudgetSpent { .. } => Recovery::Done,
        }
    }

    /// How long nothing is tried. `users/me` may be let through where the rest is not: without a pause the pause would open
    /// and close again at once, and each time what is in progress costs tokens.
    fn least_pause(&self, reason: PauseReason) -> Duration {
        match reason {
            PauseReason::Redis => Duration::ZERO,
            PauseReason::Unauthorized { .. } | PauseReason::Denied(_) | PauseReason::NoToken => {
                self.probe_interval
            }
            PauseReason::Blocked => self.probe_interval * BLOCKED_INTERVALS,
            // Pipedrive may tell a time that is far too short.
            PauseReason::BudgetSpent { wait } => wait.max(self.probe_interval),
        }
    }
}

/// How far something that closed the pause has healed.
enum Recovery {
    /// All the way.
    Done,
    /// It takes its time.
    Waiting,
    /// Pipedrive was asked, and let nobody in.
    TurnedAway,
}
