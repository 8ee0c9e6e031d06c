//! One installation of an app, and its tokens: a request that needs newer ones joins the refresh under way, or starts one.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared as SharedFuture};
use secrecy::SecretString;
use tokio::sync::watch;

use super::error::NoToken;
use super::shared::{Outcome, Shared};
use super::wanted::Wanted;
use crate::clock;
use crate::metrics as names;
use crate::tokens::Tokens;

/// The longest that a request waits for a refresh: its message is held meanwhile, under a lease.
const PATIENCE: Duration = Duration::from_secs(5);

/// A refresh under way, for all who wait for it.
type Refresh = SharedFuture<BoxFuture<'static, Outcome>>;

/// One installation, and its tokens.
pub(super) struct Installation {
    pub shared: Arc<Shared>,
    /// The refresh token that the installation gave; it names the installation in the store.
    pub first: SecretString,
    /// The newest tokens that this process knows of.
    held: watch::Sender<Option<Arc<Tokens>>>,
    /// The refresh under way: there is one at a time.
    under_way: Mutex<Option<Refresh>>,
}

impl fmt::Debug for Installation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Installation").finish_non_exhaustive()
    }
}

impl Installation {
    pub fn new(shared: Arc<Shared>, first: SecretString) -> Arc<Self> {
        Arc::new(Self {
            shared,
            first,
            held: watch::Sender::new(None),
            under_way: Mutex::new(None),
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
                // A refresh that began before these tokens came may bring the very same.
                best = Some(self.join_or_start(than).await?).filter(is_newer);
            }
            best.ok_or(NoToken::Late)
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        waited.unwrap_or(Err(NoToken::Late))
    }

    /// The refresh that is under way, or a new one.
    fn join_or_start(self: &Arc<Self>, than: Option<u64>) -> Refresh {
        let mut under_way = self.under_way();
        if let Some(refresh) = &*under_way {
            return refresh.clone();
        }
        let wanted = Wanted {
            newer_than: than,
            client_secret: None,
        };
        let installation = Arc::clone(self);
        let task = tokio::spawn(async move {
            let _ended = Ended(&installation);
            installation.refresh(wanted).await
        });
        let ended = async move { task.await.unwrap_or(Err(NoToken::Late)) };
        under_way.insert(ended.boxed().shared()).clone()
    }

    /// A refresh that no request joins, to try what it is made with.
    pub async fn try_out(self: &Arc<Self>, wanted: Wanted) -> Outcome {
        let installation = Arc::clone(self);
        let task = tokio::spawn(async move { installation.refresh(wanted).await });
        task.await.unwrap_or(Err(NoToken::Late))
    }

    pub fn held(&self) -> Option<Arc<Tokens>> {
        self.held.borrow().clone()
    }

    /// Puts these tokens into use, unless newer ones are.
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

    fn under_way(&self) -> std::sync::MutexGuard<'_, Option<Refresh>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of a refresh, however it ended: the next request that needs tokens starts another.
struct Ended<'i>(&'i Installation);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        *self.0.under_way() = None;
    }
}
