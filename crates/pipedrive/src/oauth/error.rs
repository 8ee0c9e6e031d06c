//! Why there is no access token, and what is to be done.

use std::fmt;
use std::sync::Arc;

use crate::ports::StoreError;

/// There is no access token. All who wait for one refresh share the error.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NoToken {
    /// It does not recover by itself.
    #[error("{0}")]
    Denied(Denial),
    /// No whole answer came, or nothing could be sent.
    #[error("the token endpoint on {host} (pipedrive.oauth.token_url) does not answer")]
    NoAnswer {
        /// Host of the token endpoint, for the message.
        host: String,
        /// What the HTTP client reports of the connection or the read that failed.
        source: Arc<reqwest::Error>,
    },
    /// The endpoint failed, or limited the rate.
    #[error("the token endpoint (pipedrive.oauth.token_url) answers {status}")]
    Failed {
        /// HTTP status of the answer.
        status: u16,
    },
    /// The endpoint reports success, but its answer is not of the documented shape.
    #[error("the answer of the token endpoint (pipedrive.oauth.token_url) cannot be read")]
    Unreadable,
    /// The refresh takes longer than a request may wait, or another process has not ended one.
    #[error("the access token is still being refreshed")]
    Late,
    /// The store of the tokens did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A refusal that only an operator can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// 401 to a token that was just refreshed.
    AccessToken,
    /// No refresh token is accepted any more.
    Grant,
    /// The app is unknown, or its secret is wrong.
    Client,
    /// The stored tokens were encrypted with another key.
    Undecipherable,
}

impl Denial {
    /// The status of the refused request, where Pipedrive's API answered it.
    pub(crate) fn status(self) -> Option<u16> {
        match self {
            Self::AccessToken => Some(401),
            Self::Grant | Self::Client | Self::Undecipherable => None,
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AccessToken => {
                "Pipedrive answers 401 to an access token just refreshed: is the app still installed? Install it again \
                 (pipedrive.oauth.refresh_token)"
            }
            Self::Grant => {
                "Pipedrive refuses the refresh token (invalid_grant): install the app again, and set the new one \
                 (pipedrive.oauth.refresh_token)"
            }
            Self::Client => {
                "Pipedrive does not know the app (invalid_client): set its client id and secret \
                 (pipedrive.oauth.client_id, pipedrive.oauth.client_secret)"
            }
            Self::Undecipherable => {
                "the tokens in Redis cannot be opened: set the key that they were encrypted with \
                 (pipedrive.oauth.encryption_key), or delete them to begin with pipedrive.oauth.refresh_token (keys \
                 <redis.prefix>:{oauth}:tokens:*)"
            }
        })
    }
}
