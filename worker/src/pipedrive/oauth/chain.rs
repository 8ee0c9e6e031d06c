//! The tokens of one installation, each got with the one before: who needs newer ones boards the refresh that is under
//! way, or starts one.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use secrecy::SecretString;
use shared::clock;
use tokio::sync::watch;

use super::refresh::Wanted;
use super::{App, NoToken, Outcome, Tokens};
use crate::metrics as names;
use crate::store::Vault;

/// The longest that a request waits for a refresh: its message is held meanwhile, under a lease.
const PATIENCE: Duration = Duration::from_secs(5);

/// A refresh under way, for all who wait for it.
type Flight = Shared<BoxFuture<'static, Outcome>>;

/// One installation, and its tokens.
pub(super) struct Chain {
    pub app: Arc<App>,
    /// The refresh token that the installation gave.
    pub first: SecretString,
    /// Where the installation's tokens are kept, and no others.
    pub vault: Vault,
    /// The newest tokens that this worker knows of.
    held: watch::Sender<Option<Arc<Tokens>>>,
    flight: Mutex<Option<Flight>>,
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").finish_non_exhaustive()
    }
}

impl Chain {
    pub fn new(app: Arc<App>, first: SecretString) -> Arc<Self> {
        Arc::new(Self {
            vault: app.vaults.of(&first),
            app,
            first,
            held: watch::Sender::new(None),
            flight: Mutex::new(None),
        })
    }

    /// Tokens that are valid, refreshed if need be.
    pub async fn tokens(self: &Arc<Self>) -> Outcome {
        match self.held() {
            Some(tokens) if tokens.is_valid(clock::now()) => Ok(tokens),
            held => self.newer(held.map(|tokens| tokens.generation)).await,
        }
    }

    /// Tokens newer than those of a generation.
    pub async fn newer(self: &Arc<Self>, than: Option<u64>) -> Outcome {
        let is_newer = |tokens: &Arc<Tokens>| Some(tokens.generation) > than;
        let waiting = async {
            let mut best = self.held().filter(is_newer);
            while best.is_none() {
                // One that began before these tokens came may bring the very same.
                best = Some(self.board(than).await?).filter(is_newer);
            }
            best.ok_or(NoToken::Late)
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        waited.unwrap_or(Err(NoToken::Late))
    }

    /// The refresh that is under way, or a new one.
    fn board(self: &Arc<Self>, than: Option<u64>) -> Flight {
        let mut flight = self.flight();
        if let Some(flight) = &*flight {
            return flight.clone();
        }
        let wanted = Wanted {
            newer_than: than,
            client_secret: None,
        };
        let chain = Arc::clone(self);
        let task = tokio::spawn(async move {
            let _landing = Landing(&chain);
            chain.refresh(wanted).await
        });
        let landed = async move { task.await.unwrap_or(Err(NoToken::Late)) };
        flight.insert(landed.boxed().shared()).clone()
    }

    /// A refresh that is nobody else's, for the sake of what is tried by it.
    pub async fn try_out(self: &Arc<Self>, wanted: Wanted) -> Outcome {
        let chain = Arc::clone(self);
        let task = tokio::spawn(async move { chain.refresh(wanted).await });
        task.await.unwrap_or(Err(NoToken::Late))
    }

    pub fn held(&self) -> Option<Arc<Tokens>> {
        self.held.borrow().clone()
    }

    /// From now on these serve, unless newer ones do.
    pub fn hold(&self, tokens: Arc<Tokens>) {
        self.held.send_if_modified(|held| {
            let is_newer = held
                .as_ref()
                .is_none_or(|held| held.generation < tokens.generation);
            if is_newer {
                #[expect(clippy::cast_precision_loss, reason = "a gauge")]
                let expiry = tokens.expires_at.as_second() as f64;
                metrics::gauge!(names::TOKEN_EXPIRY).set(expiry);
                *held = Some(tokens);
            }
            is_newer
        });
    }

    fn flight(&self) -> std::sync::MutexGuard<'_, Option<Flight>> {
        self.flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of a refresh, however it ended: the next one who needs tokens starts another.
struct Landing<'c>(&'c Chain);

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        *self.0.flight() = None;
    }
}
