//! What every installation of the app shares.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use secrecy::SecretString;

use super::endpoint::TokenEndpoint;
use super::error::NoToken;
use crate::ports::TokenStore;
use crate::tokens::Tokens;

/// The right to refresh outlives one exchange by this: its answer is stored meanwhile.
const AFTER_EXCHANGE: Duration = Duration::from_secs(5);
/// Tokens, or why there are none.
pub(super) type Outcome = Result<Arc<Tokens>, NoToken>;

/// What every installation of the app shares.
pub(super) struct Shared {
    pub endpoint: TokenEndpoint,
    pub client_secret: ArcSwap<SecretString>,
    pub takes_api_domain: bool,
    pub store: Arc<dyn TokenStore>,
    /// How long one exchange may take.
    pub timeout: Duration,
    /// One refresh at a time, those that try new secrets included.
    pub turn: tokio::sync::Mutex<()>,
}

impl Shared {
    /// How long the right to refresh lasts: for one exchange and for storing its answer.
    pub fn expiry(&self) -> Duration {
        self.timeout + AFTER_EXCHANGE
    }
}
