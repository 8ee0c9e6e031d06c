//! With what the bridge of a campaign is let into Pipedrive.

use std::time::Duration;

use url::Url;

use super::system::variable;
use crate::bridge::ENCRYPTION_KEY;
use crate::sandbox::pipedrive::{Control, OAuthConfig, RefreshTokens};

/// How long an access token lives: it is refreshed when a fifth of that is left, many times in a campaign.
const TOKEN_LIFE: Duration = Duration::from_secs(20);

/// One of the two ways in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A credential that is one fixed API token.
    ApiToken,
    /// An app, whose access tokens end.
    App,
}

impl Credential {
    /// That of a campaign: an odd seed is an app's.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        if seed.is_multiple_of(2) {
            Self::ApiToken
        } else {
            Self::App
        }
    }

    /// As reports say it.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::ApiToken => "API token".to_owned(),
            Self::App => format!("app, its access tokens end after {TOKEN_LIFE:?}"),
        }
    }

    /// Settings of a worker that reaches the sandbox by `base_url`.
    pub(super) fn variables(self, pipedrive: &Control, base_url: &Url) -> Vec<(String, String)> {
        let app = pipedrive.app();
        match self {
            Self::ApiToken => vec![variable("PIPEDRIVE__API_TOKEN", &pipedrive.api_token())],
            Self::App => vec![
                variable("PIPEDRIVE__OAUTH__CLIENT_ID", &app.client_id),
                variable("PIPEDRIVE__OAUTH__CLIENT_SECRET", &app.client_secret),
                variable(
                    "PIPEDRIVE__OAUTH__REFRESH_TOKEN",
                    &app.refresh_token.unwrap_or_default(),
                ),
                variable("PIPEDRIVE__OAUTH__ENCRYPTION_KEY", ENCRYPTION_KEY),
                variable(
                    "PIPEDRIVE__OAUTH__TOKEN_URL",
                    &format!("{base_url}oauth/token"),
                ),
            ],
        }
    }
}

/// The app that may be installed. Each refresh brings another refresh token; the old one stays good, for where it does
/// not, a crash at the wrong moment needs a new installation (O1), which a campaign cannot make.
pub(super) fn app() -> OAuthConfig {
    OAuthConfig {
        life: TOKEN_LIFE,
        refresh_tokens: RefreshTokens::Change,
        ..OAuthConfig::default()
    }
}
