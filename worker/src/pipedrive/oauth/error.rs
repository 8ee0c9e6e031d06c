//! Why there is no access token, and what is to be done.

use std::fmt;
use std::sync::Arc;

use redis::RedisError;

/// There is no access token. Those who wait for one refresh share the error.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NoToken {
    /// It does not heal by itself.
    #[error("{0}")]
    Denied(Denial),
    /// No whole answer came, or nothing could be sent.
    #[error("the token endpoint on {host} (pipedrive.oauth.token_url) does not answer")]
    NoAnswer {
        /// Where it was looked for.
        host: String,
        /// What came instead.
        source: Arc<reqwest::Error>,
    },
    /// It fails, or has no time for us.
    #[error("the token endpoint (pipedrive.oauth.token_url) answers {status}")]
    Failed {
        /// HTTP status.
        status: u16,
    },
    /// It says that it succeeded, but not with what.
    #[error("the answer of the token endpoint (pipedrive.oauth.token_url) cannot be read")]
    Unreadable,
    /// It takes longer than a request may wait for it, or another worker has not ended.
    #[error("the access token is still being refreshed")]
    Late,
    /// The tokens could not be read.
    #[error("Redis does not answer")]
    Redis(#[source] RedisError),
}

/// What only an operator can mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// 401 to a token that was just refreshed.
    AccessToken,
    /// No refresh token is taken any more.
    Grant,
    /// The app is not known, or its secret is another.
    Client,
    /// The tokens in Redis were encrypted with another key.
    Sealed,
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AccessToken => {
                "Pipedrive answers 401 to an access token just refreshed: is the app still installed? Install it again \
                 (pipedrive.oauth.refresh_token)"
            }
            Self::Grant => {
                "Pipedrive does not take the refresh token (invalid_grant): install the app again, and set the new one \
                 (pipedrive.oauth.refresh_token)"
            }
            Self::Client => {
                "Pipedrive does not know the app (invalid_client): set its client id and secret \
                 (pipedrive.oauth.client_id, pipedrive.oauth.client_secret)"
            }
            Self::Sealed => {
                "the tokens in Redis cannot be opened: set the key that they were encrypted with \
                 (pipedrive.oauth.encryption_key), or delete them to begin with pipedrive.oauth.refresh_token (keys \
                 <redis.prefix>:{oauth}:tokens:*)"
            }
        })
    }
}
