//! The bridge as an app of Pipedrive's: access tokens that end, and are refreshed once for all workers.
//!
//! Whoever needs newer tokens boards the refresh that is under way, or starts one. That is a task of its own, so that
//! nobody's timeout or shutdown cuts it off between the answer and Redis: Pipedrive may have put another refresh token
//! in the answer, and taken the old one away. Across workers one has the right to refresh at a time ([`Vault`]); the
//! others wait for what it brings.

mod endpoint;
mod error;
mod refresh;
mod tend;
mod tokens;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use secrecy::SecretString;
use shared::clock;
use shared::config::{OAuthApp, Secret};
use tokio::sync::watch;
use url::Url;

use crate::metrics as names;
use crate::redis::Vault;
use endpoint::TokenEndpoint;
use refresh::Wanted;

pub use error::{Denial, NoToken};
pub use tokens::Tokens;

/// The longest that a request waits for a refresh: its message is held meanwhile, under a lease.
const PATIENCE: Duration = Duration::from_secs(5);

type Outcome = Result<Arc<Tokens>, NoToken>;
/// A refresh under way, for all who wait for it.
type Flight = Shared<BoxFuture<'static, Outcome>>;

/// Has the tokens. Clones have the same.
#[derive(Clone)]
pub struct OAuth(Arc<Inner>);

struct Inner {
    endpoint: TokenEndpoint,
    client_secret: Secret,
    configured: Secret,
    takes_api_domain: bool,
    vault: Vault,
    /// How long one exchange may take.
    timeout: Duration,
    /// The newest tokens that this worker knows of.
    held: watch::Sender<Option<Arc<Tokens>>>,
    flight: Mutex<Option<Flight>>,
    /// One refresh at a time, those that try new secrets included.
    turn: tokio::sync::Mutex<()>,
}

impl fmt::Debug for OAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuth").finish_non_exhaustive()
    }
}

impl OAuth {
    /// Prepares; nothing is sent yet. `timeout` is that of `http`.
    #[must_use]
    pub fn new(app: OAuthApp, http: reqwest::Client, vault: Vault, timeout: Duration) -> Self {
        Self(Arc::new(Inner {
            endpoint: TokenEndpoint {
                http,
                url: app.token_url,
                client_id: app.client_id,
            },
            client_secret: app.client_secret,
            configured: app.refresh_token,
            takes_api_domain: app.takes_api_domain,
            vault,
            timeout,
            held: watch::Sender::new(None),
            flight: Mutex::new(None),
            turn: tokio::sync::Mutex::default(),
        }))
    }

    /// Tokens that are valid, refreshed if need be.
    pub(super) async fn tokens(&self) -> Outcome {
        match self.0.held() {
            Some(tokens) if tokens.is_valid(clock::now()) => Ok(tokens),
            held => self.newer(held.map(|tokens| tokens.generation)).await,
        }
    }

    /// Tokens newer than those of `generation`, which are refused or about to end.
    pub(super) async fn renewed(&self, generation: u64) -> Outcome {
        self.newer(Some(generation)).await
    }

    async fn newer(&self, than: Option<u64>) -> Outcome {
        let is_newer = |tokens: &Arc<Tokens>| Some(tokens.generation) > than;
        let waiting = async {
            let mut best = self.0.held().filter(is_newer);
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
    fn board(&self, than: Option<u64>) -> Flight {
        let mut flight = self.0.flight();
        if let Some(flight) = &*flight {
            return flight.clone();
        }
        let wanted = Wanted {
            newer_than: than,
            ..Wanted::default()
        };
        let inner = Arc::clone(&self.0);
        let task = tokio::spawn(async move {
            let _landing = Landing(&inner);
            inner.refresh(wanted).await
        });
        let landed = async move { task.await.unwrap_or(Err(NoToken::Late)) };
        flight.insert(landed.boxed().shared()).clone()
    }

    /// Takes the refresh token of another installation, if Pipedrive does.
    pub(super) async fn adopt_refresh_token(&self, token: SecretString) -> Result<(), NoToken> {
        self.try_out(Wanted {
            installed_with: Some(token.clone()),
            ..Wanted::default()
        })
        .await?;
        self.0.configured.replace(token);
        Ok(())
    }

    /// Takes another secret of the app, if Pipedrive does.
    pub(super) async fn adopt_client_secret(&self, secret: SecretString) -> Result<(), NoToken> {
        self.try_out(Wanted {
            client_secret: Some(secret.clone()),
            ..Wanted::default()
        })
        .await?;
        self.0.client_secret.replace(secret);
        Ok(())
    }

    async fn try_out(&self, wanted: Wanted) -> Outcome {
        let inner = Arc::clone(&self.0);
        let task = tokio::spawn(async move { inner.refresh(wanted).await });
        task.await.unwrap_or(Err(NoToken::Late))
    }

    /// Where requests with these tokens go, if not to the configured host.
    pub(super) fn origin(&self, tokens: &Tokens) -> Option<Url> {
        tokens
            .api_domain
            .clone()
            .filter(|_| self.0.takes_api_domain)
    }
}

impl fmt::Display for OAuth {
    /// For `worker check`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OAuth app {}", self.0.endpoint.client_id)?;
        match self.0.held() {
            Some(tokens) => write!(f, ", access token valid until {:.0}", tokens.expires_at),
            None => f.write_str(", no access token yet"),
        }
    }
}

impl Inner {
    fn held(&self) -> Option<Arc<Tokens>> {
        self.held.borrow().clone()
    }

    /// From now on these serve, unless newer ones do.
    fn hold(&self, tokens: Arc<Tokens>) {
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
struct Landing<'i>(&'i Inner);

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        *self.0.flight() = None;
    }
}
