//! The client: where Pipedrive is, what it is reached with, and how its credential is replaced.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::credential::{Credential, NewSecret};
use crate::error::PipedriveError;
use crate::limits::Limits;
use crate::model::User;
use crate::page_size::PageSize;
use crate::ports::Budget;

/// Pauses between the repetitions of a read.
pub type Pauses = Box<dyn Iterator<Item = Duration> + Send>;

/// How Pipedrive is reached.
#[derive(Clone)]
pub struct Settings {
    /// Origin, without a path.
    pub base_url: Url,
    /// An API token, or an app.
    pub credential: Credential,
    /// How long one request may take. A page of a list may take twice as long.
    pub request_timeout: Duration,
    /// Pauses before a read that failed is repeated; as many repetitions as pauses.
    pub repeat_pauses: fn() -> Pauses,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("base_url", &self.base_url.as_str())
            .finish_non_exhaustive()
    }
}

/// What one cheap request shows of the credential: [`Client::probe`].
#[derive(Clone, Debug)]
pub struct Probe {
    /// User in whose name the token acts.
    pub user: User,
    /// The limits in the answer's headers.
    pub limits: Limits,
}

/// Talks to Pipedrive. Clones share everything.
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) http: reqwest::Client,
    pub(crate) settings: Arc<Settings>,
    pub(crate) budget: Arc<dyn Budget>,
    pub(crate) page_size: PageSize,
}

/// The HTTP client for the API and for the token endpoint. `builder` holds what depends on the network, such as proxies.
///
/// # Errors
///
/// When the system's certificates cannot be loaded.
pub fn http_client(
    builder: reqwest::ClientBuilder,
    user_agent: &str,
    request_timeout: Duration,
    connect_timeout: Duration,
) -> reqwest::Result<reqwest::Client> {
    builder
        .user_agent(user_agent)
        .timeout(request_timeout)
        .connect_timeout(connect_timeout)
        // A redirected POST would become a GET.
        .redirect(reqwest::redirect::Policy::none())
        .build()
}

impl Client {
    /// Makes the client; nothing is sent yet.
    #[must_use]
    pub fn new(http: reqwest::Client, settings: Settings, budget: Arc<dyn Budget>) -> Self {
        Self {
            http,
            settings: Arc::new(settings),
            budget,
            page_size: PageSize::default(),
        }
    }

    /// Credential that requests are sent with.
    #[must_use]
    pub fn credential(&self) -> &Credential {
        &self.settings.credential
    }

    /// Replaces a secret of the credential, if Pipedrive accepts the new one. A secret of the other kind of credential is
    /// left aside.
    ///
    /// # Errors
    ///
    /// When Pipedrive refuses the new secret, or does not answer; the present one stays in use.
    pub async fn adopt(&self, secret: NewSecret) -> Result<(), PipedriveError> {
        match (&self.settings.credential, secret) {
            (Credential::ApiToken(present), NewSecret::ApiToken(token)) => {
                self.with_token(token.clone()).probe().await?;
                present.store(Arc::new(token));
            }
            (Credential::OAuth(oauth), NewSecret::RefreshToken(token)) => {
                oauth.adopt_refresh_token(token).await?;
            }
            (Credential::OAuth(oauth), NewSecret::ClientSecret(secret)) => {
                oauth.adopt_client_secret(secret).await?;
            }
            (Credential::ApiToken(_) | Credential::OAuth(_), _) => {}
        }
        Ok(())
    }

    fn with_token(&self, token: SecretString) -> Self {
        let mut settings = Settings::clone(&self.settings);
        settings.credential = Credential::api_token(token);
        Self {
            settings: Arc::new(settings),
            ..self.clone()
        }
    }
}
