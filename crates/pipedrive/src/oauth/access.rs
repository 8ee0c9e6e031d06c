//! An app's access to Pipedrive: its tokens, its secrets, and how both are replaced.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use secrecy::SecretString;
use url::Url;

use super::endpoint::TokenEndpoint;
use super::error::NoToken;
use super::installation::Installation;
use super::shared::{Outcome, Shared};
use super::wanted::Wanted;
use crate::ports::TokenStore;
use crate::tokens::Tokens;

/// A registered app, and its installation at one company.
#[derive(Debug)]
pub struct App {
    /// The app's name towards the token endpoint.
    pub client_id: String,
    /// Secret with which the app authenticates at the token endpoint.
    pub client_secret: SecretString,
    /// The refresh token that the installation gave; later ones are in the store.
    pub refresh_token: SecretString,
    /// Address of the token endpoint, which issues access tokens.
    pub token_url: Url,
    /// Whether requests go to the `api_domain` of the token's answer rather than to the configured host.
    pub takes_api_domain: bool,
}

/// Has the tokens of an app. Clones share them.
#[derive(Clone)]
pub struct OAuth {
    pub(super) shared: Arc<Shared>,
    /// The installation that the settings name.
    installation: Arc<ArcSwap<Installation>>,
}

impl fmt::Debug for OAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuth").finish_non_exhaustive()
    }
}

impl OAuth {
    /// Prepares; nothing is sent yet. `timeout` is that of `http`.
    #[must_use]
    pub fn new(
        app: App,
        http: reqwest::Client,
        store: Arc<dyn TokenStore>,
        timeout: Duration,
    ) -> Self {
        let shared = Arc::new(Shared {
            endpoint: TokenEndpoint {
                http,
                url: app.token_url,
                client_id: app.client_id,
            },
            client_secret: ArcSwap::from_pointee(app.client_secret),
            takes_api_domain: app.takes_api_domain,
            store,
            timeout,
            turn: tokio::sync::Mutex::default(),
        });
        let installation = Installation::new(Arc::clone(&shared), app.refresh_token);
        Self {
            shared,
            installation: Arc::new(ArcSwap::new(installation)),
        }
    }

    pub(super) fn installation(&self) -> Arc<Installation> {
        self.installation.load_full()
    }

    /// Tokens that are valid, refreshed if need be.
    pub(crate) async fn tokens(&self) -> Outcome {
        self.installation().tokens().await
    }

    /// Tokens newer than those of `generation`, which are refused or about to end.
    pub(crate) async fn renewed(&self, generation: u64) -> Outcome {
        self.installation().newer(Some(generation)).await
    }

    /// Changes to another installation, if Pipedrive accepts its refresh token.
    pub(crate) async fn adopt_refresh_token(&self, token: SecretString) -> Result<(), NoToken> {
        let installation = Installation::new(Arc::clone(&self.shared), token);
        installation.try_out(Wanted::default()).await?;
        self.installation.store(installation);
        Ok(())
    }

    /// Changes to another secret of the app, if Pipedrive accepts it.
    pub(crate) async fn adopt_client_secret(&self, secret: SecretString) -> Result<(), NoToken> {
        let wanted = Wanted {
            client_secret: Some(secret.clone()),
            ..Wanted::default()
        };
        self.installation().try_out(wanted).await?;
        self.shared.client_secret.store(Arc::new(secret));
        Ok(())
    }

    /// The host that requests with these tokens go to, if not the configured one.
    pub(crate) fn origin(&self, tokens: &Tokens) -> Option<Url> {
        tokens
            .api_domain
            .clone()
            .filter(|_| self.shared.takes_api_domain)
    }
}

impl fmt::Display for OAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OAuth app {}", self.shared.endpoint.client_id)?;
        match self.installation().held() {
            Some(tokens) => write!(
                f,
                ", access token valid until {:.0}, {}",
                tokens.expires_at, tokens.origin
            ),
            None => f.write_str(", no access token yet"),
        }
    }
}
