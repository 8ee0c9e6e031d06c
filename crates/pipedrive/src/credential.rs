//! The credential: an API token, or the access token of an app.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::oauth::{NoToken, OAuth};
use crate::tokens::Tokens;

/// What requests are authorized with.
#[derive(Clone)]
pub enum Credential {
    /// Sent as `x-api-token`. Clones share it: a replaced token counts for all.
    ApiToken(Arc<ArcSwap<SecretString>>),
    /// An access token, sent as a bearer.
    OAuth(OAuth),
}

/// A secret that was replaced by an operator.
#[derive(Debug)]
pub enum NewSecret {
    /// Requests carry another API token from now on.
    ApiToken(SecretString),
    /// The refresh token of another installation of the app.
    RefreshToken(SecretString),
    /// Another secret of the app.
    ClientSecret(SecretString),
}

/// What one request carries.
pub(crate) struct Authorization {
    pub name: HeaderName,
    pub value: HeaderValue,
    /// The host to send to, in place of the configured one.
    pub origin: Option<Url>,
    /// The access token's generation, where a newer one can be had.
    pub generation: Option<u64>,
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization").finish_non_exhaustive()
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential([REDACTED])")
    }
}

impl Credential {
    /// A credential that is one fixed API token.
    #[must_use]
    pub fn api_token(token: SecretString) -> Self {
        Self::ApiToken(Arc::new(ArcSwap::from_pointee(token)))
    }

    /// What the next request carries.
    pub(crate) async fn authorization(&self) -> Result<Authorization, NoToken> {
        match self {
            Self::ApiToken(token) => Ok(Authorization {
                name: HeaderName::from_static("x-api-token"),
                value: sensitive(token.load().expose_secret()),
                origin: None,
                generation: None,
            }),
            Self::OAuth(oauth) => Ok(bearer(oauth, &*oauth.tokens().await?)),
        }
    }

    /// A newer authorization than the one that Pipedrive refused, if there can be one.
    pub(crate) async fn renewed(
        &self,
        refused: &Authorization,
    ) -> Result<Option<Authorization>, NoToken> {
        match (self, refused.generation) {
            (Self::OAuth(oauth), Some(generation)) => {
                let tokens = oauth.renewed(generation).await?;
                Ok(Some(bearer(oauth, &tokens)))
            }
            (Self::OAuth(_) | Self::ApiToken(_), _) => Ok(None),
        }
    }

    /// Waits until no refresh of tokens is under way, which must not be cut off.
    pub async fn settled(&self) {
        match self {
            Self::ApiToken(_) => {}
            Self::OAuth(oauth) => oauth.settled().await,
        }
    }
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApiToken(_) => f.write_str("API token"),
            Self::OAuth(oauth) => oauth.fmt(f),
        }
    }
}

fn bearer(oauth: &OAuth, tokens: &Tokens) -> Authorization {
    Authorization {
        name: AUTHORIZATION,
        value: sensitive(&format!("Bearer {}", tokens.access_token.expose_secret())),
        origin: oauth.origin(tokens),
        generation: Some(tokens.generation),
    }
}

/// A secret as a header. One with characters that no header can have becomes an empty header, which Pipedrive refuses.
fn sensitive(text: &str) -> HeaderValue {
    let value = HeaderValue::from_str(text);
    let mut value = value.unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}
