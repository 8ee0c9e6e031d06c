//! What lets us in: an API token, or the access token of an app.

use std::fmt;

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use shared::config::Secret;
use url::Url;

use super::oauth::{NoToken, OAuth, Tokens};

/// What lets us in.
#[derive(Clone, Debug)]
pub enum Credential {
    /// Sent as `x-api-token`.
    ApiToken(Secret),
    /// An access token, sent as a bearer.
    OAuth(OAuth),
}

/// A secret that was changed, to be taken up.
#[derive(Debug)]
pub enum NewSecret {
    /// Another API token.
    ApiToken(SecretString),
    /// The refresh token of another installation of the app.
    RefreshToken(SecretString),
    /// Another secret of the app.
    ClientSecret(SecretString),
}

/// What one request carries.
pub(super) struct Pass {
    pub name: HeaderName,
    pub value: HeaderValue,
    /// Where to, in place of the configured host.
    pub origin: Option<Url>,
    /// Which access token it is, where a newer one can be had.
    pub generation: Option<u64>,
}

impl Credential {
    /// What the next request carries.
    pub(super) async fn pass(&self) -> Result<Pass, NoToken> {
        match self {
            Self::ApiToken(token) => Ok(Pass {
                name: HeaderName::from_static("x-api-token"),
                value: sensitive(token.current().expose_secret()),
                origin: None,
                generation: None,
            }),
            Self::OAuth(oauth) => Ok(bearer(oauth, &*oauth.tokens().await?)),
        }
    }

    /// What a request carries that was refused with this pass, if there is anything better.
    pub(super) async fn renewed(&self, refused: &Pass) -> Result<Option<Pass>, NoToken> {
        match (self, refused.generation) {
            (Self::OAuth(oauth), Some(generation)) => {
                let tokens = oauth.renewed(generation).await?;
                Ok(Some(bearer(oauth, &tokens)))
            }
            (Self::OAuth(_) | Self::ApiToken(_), _) => Ok(None),
        }
    }

    /// Waits until nothing of it is under way that must not be cut off.
    pub async fn landed(&self) {
        match self {
            Self::ApiToken(_) => {}
            Self::OAuth(oauth) => oauth.landed().await,
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

fn bearer(oauth: &OAuth, tokens: &Tokens) -> Pass {
    Pass {
        name: AUTHORIZATION,
        value: sensitive(&format!("Bearer {}", tokens.access_token.expose_secret())),
        origin: oauth.origin(tokens),
        generation: Some(tokens.generation),
    }
}

/// A secret as a header; an empty one where it has characters that no header can have, which is then refused.
fn sensitive(text: &str) -> HeaderValue {
    let value = HeaderValue::from_str(text);
    let mut value = value.unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}
