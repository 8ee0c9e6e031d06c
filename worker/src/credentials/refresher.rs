//! Keeps an app's tokens fresh, whether or not anything is sent: an unused refresh token expires after 60 days, and a
//! worker without an access token reports that before the next interaction arrives.

use std::time::Duration;

use shared::error::chain;
use tokio_util::sync::CancellationToken;

use crate::pause::reason::PauseReason;
use crate::pause::state::Pause;
use pipedrive::{OAuth, PipedriveError};

/// Longest time between two checks of whether Redis still has the tokens.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// Shortest time between two refreshes, however short-lived Pipedrive's tokens are.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);

/// Keeps the tokens fresh, and in Redis.
#[derive(Debug)]
pub struct TokenRefresher {
    /// Tokens of the app.
    pub oauth: OAuth,
    /// Begins a pause when there is no valid access token.
    pub pause: Pause,
    /// Wait after a refresh that failed.
    pub retry_after: Duration,
}

impl TokenRefresher {
    /// Refreshes tokens until shutdown.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut wait = Duration::ZERO;
        while shutdown
            .run_until_cancelled(tokio::time::sleep(wait))
            .await
            .is_some()
        {
            wait = self.keep_fresh().await;
        }
    }

    /// Refreshes the tokens if due, and returns how long to wait.
    async fn keep_fresh(&self) -> Duration {
        let error = match self.oauth.keep_fresh().await {
            Ok(wait) => return wait.clamp(SHORTEST_WAIT, CHECK_INTERVAL),
            Err(error) => PipedriveError::from(error),
        };
        tracing::warn!(
            error = chain(&error),
            "Cannot refresh the access token: next attempt in {:.0?}",
            self.retry_after
        );
        // The present token is used until it expires.
        if !self.oauth.has_valid_token()
            && let Some(reason) = PauseReason::caused_by(&error)
        {
            self.pause.begin(reason);
        }
        self.retry_after
    }
}
