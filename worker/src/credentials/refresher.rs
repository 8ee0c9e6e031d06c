//! Keeps an app's tokens, whether or not anything is sent: a refresh token that nobody uses ends after 60 days, and a
//! worker without an access token shall say so before the next interaction comes.

use std::time::Duration;

use shared::error::chain;
use tokio_util::sync::CancellationToken;

use crate::pause::reason::PauseReason;
use crate::pause::state::Pause;
use pipedrive::{OAuth, PipedriveError};

/// Between two looks at whether Redis still has the tokens.
const LOOK: Duration = Duration::from_secs(5);
/// Between two refreshes at least, whatever life Pipedrive grants a token.
const BREATH: Duration = Duration::from_millis(100);

/// Keeps the tokens fresh, and in Redis.
#[derive(Debug)]
pub struct TokenRefresher {
    /// Whose tokens.
    pub oauth: OAuth,
    /// Closed when there is no access token any more.
    pub pause: Pause,
    /// After a refresh that failed.
    pub retry_after: Duration,
}

impl TokenRefresher {
    /// Keeps them until shutdown.
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

    /// Does what is due, and tells how long to wait then.
    async fn keep_fresh(&self) -> Duration {
        let error = match self.oauth.keep_fresh().await {
            Ok(wait) => return wait.clamp(BREATH, LOOK),
            Err(error) => PipedriveError::from(error),
        };
        tracing::warn!(
            error = chain(&error),
            "Cannot keep the access token fresh at present"
        );
        // Until it ends the present one serves.
        if !self.oauth.has_valid_token()
            && let Some(reason) = PauseReason::caused_by(&error)
        {
            self.pause.begin(reason);
        }
        self.retry_after
    }
}
