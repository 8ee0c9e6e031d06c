//! The bridge as an app of Pipedrive's: access tokens that end, and are refreshed once for all workers.
//!
//! Whoever needs newer tokens boards the refresh that is under way, or starts one. That is a task of its own, so that
//! nobody's timeout or shutdown cuts it off between the answer and Redis: Pipedrive may have put another refresh token
//! in the answer, and taken the old one away. Across workers one has the right to refresh at a time ([`Vault`]); the
//! others wait for what it brings.
//!
//! A worker uses the tokens of the installation that its settings name, and never another's ([`chain::Chain`]).
//!
//! [`Vault`]: crate::store::Vault

mod chain;
mod endpoint;
mod error;
mod refresh;
mod tend;
mod tokens;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use shared::config::{OAuthApp, Secret};
use tokio::sync::watch;
use url::Url;

use crate::store::Vaults;
use chain::Chain;
use endpoint::TokenEndpoint;
use refresh::Wanted;

pub use error::{Denial, NoToken};
pub use tokens::Tokens;

type Outcome = Result<Arc<Tokens>, NoToken>;

/// Has the tokens. Clones have the same.
#[derive(Clone)]
pub struct OAuth {
    app: Arc<App>,
    /// The tokens of the installation that the settings name.
    chain: Arc<watch::Sender<Arc<Chain>>>,
}

/// The app, however it is installed.
struct App {
    endpoint: TokenEndpoint,
    client_secret: Secret,
    takes_api_domain: bool,
    vaults: Vaults,
    /// How long one exchange may take.
    timeout: Duration,
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
    pub fn new(app: OAuthApp, http: reqwest::Client, vaults: Vaults, timeout: Duration) -> Self {
        let first = app.refresh_token.current();
        let app = Arc::new(App {
            endpoint: TokenEndpoint {
                http,
                url: app.token_url,
                client_id: app.client_id,
            },
            client_secret: app.client_secret,
            takes_api_domain: app.takes_api_domain,
            vaults,
            timeout,
            turn: tokio::sync::Mutex::default(),
        });
        let chain = Chain::new(Arc::clone(&app), first);
        Self {
            app,
            chain: Arc::new(watch::Sender::new(chain)),
        }
    }

    fn chain(&self) -> Arc<Chain> {
        Arc::clone(&self.chain.borrow())
    }

    /// Tokens that are valid, refreshed if need be.
    pub(super) async fn tokens(&self) -> Outcome {
        self.chain().tokens().await
    }

    /// Tokens newer than those of `generation`, which are refused or about to end.
    pub(super) async fn renewed(&self, generation: u64) -> Outcome {
        self.chain().newer(Some(generation)).await
    }

    /// Takes the refresh token of another installation, if Pipedrive does.
    pub(super) async fn adopt_refresh_token(&self, token: SecretString) -> Result<(), NoToken> {
        let chain = Chain::new(Arc::clone(&self.app), token);
        chain.try_out(Wanted::default()).await?;
        self.chain.send_replace(chain);
        Ok(())
    }

    /// Takes another secret of the app, if Pipedrive does.
    pub(super) async fn adopt_client_secret(&self, secret: SecretString) -> Result<(), NoToken> {
        let wanted = Wanted {
            client_secret: Some(secret.clone()),
            ..Wanted::default()
        };
        self.chain().try_out(wanted).await?;
        self.app.client_secret.replace(secret);
        Ok(())
    }

    /// Where requests with these tokens go, if not to the configured host.
    pub(super) fn origin(&self, tokens: &Tokens) -> Option<Url> {
        tokens
            .api_domain
            .clone()
            .filter(|_| self.app.takes_api_domain)
    }
}

impl fmt::Display for OAuth {
    /// For `worker check`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OAuth app {}", self.app.endpoint.client_id)?;
        match self.chain().held() {
            Some(tokens) => write!(
                f,
                ", access token valid until {:.0}, {}",
                tokens.expires_at, tokens.whence
            ),
            None => f.write_str(", no access token yet"),
        }
    }
}
