//! Refreshes ahead of time, whether or not anything is sent: a refresh token that nobody uses ends after 60 days.

use std::time::Duration;

use shared::clock;
use shared::telemetry::chain;
use tokio_util::sync::CancellationToken;

use super::{NoToken, OAuth};
use crate::metrics as names;

/// Between two looks at whether Redis still has the tokens.
const LOOK: Duration = Duration::from_secs(5);
/// Between two refreshes at least, whatever life Pipedrive grants a token.
const BREATH: Duration = Duration::from_millis(100);

/// Keeps the tokens fresh, and in Redis.
#[derive(Debug)]
pub struct Keeper {
    /// Whose tokens.
    pub oauth: OAuth,
    /// After a refresh that failed.
    pub pause: Duration,
}

impl Keeper {
    /// Keeps them until shutdown, and waits for a refresh that is under way then.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut wait = Duration::ZERO;
        while shutdown
            .run_until_cancelled(tokio::time::sleep(wait))
            .await
            .is_some()
        {
            wait = match self.tend().await {
                Ok(wait) => wait.clamp(BREATH, LOOK),
                Err(error) => {
                    tracing::warn!(
                        error = chain(&error),
                        "The access token is not refreshed yet"
                    );
                    self.pause
                }
            };
        }
        self.oauth.landed().await;
    }

    /// Does what is due, and tells how long nothing is.
    async fn tend(&self) -> Result<Duration, NoToken> {
        let held = self.oauth.0.held();
        let tokens = match held {
            Some(tokens) if !tokens.until_due(clock::now()).is_zero() => {
                self.put_back().await?;
                tokens
            }
            held => {
                self.oauth
                    .newer(held.map(|tokens| tokens.generation))
                    .await?
            }
        };
        Ok(tokens.until_due(clock::now()))
    }

    /// Puts the tokens back where Redis does not have them any more, or never got them: a worker that starts now would
    /// know but the configured refresh token, which may be spent.
    async fn put_back(&self) -> Result<(), NoToken> {
        let inner = &self.oauth.0;
        let kept = inner.vault.generation().await.map_err(NoToken::Redis)?;
        let Some(tokens) = inner.held().filter(|held| Some(held.generation) > kept) else {
            return Ok(());
        };
        let is_best = inner.vault.keep("", &tokens, []).await;
        if is_best.map_err(NoToken::Redis)? {
            metrics::counter!(names::REFRESHES, "outcome" => "put_back").increment(1);
            tracing::info!("Put the tokens back into Redis");
        }
        Ok(())
    }
}
