//! What tokens need whether or not anything is sent: to be refreshed ahead of time, and to be in Redis.

use std::time::Duration;

use shared::clock;

use super::chain::Chain;
use super::{NoToken, OAuth};
use crate::metrics as names;

impl OAuth {
    /// Does what is due, and tells how long nothing is.
    ///
    /// # Errors
    ///
    /// When the tokens could not be refreshed, or be put back into Redis.
    pub async fn tend(&self) -> Result<Duration, NoToken> {
        let chain = self.chain();
        let tokens = match chain.held() {
            Some(tokens) if !tokens.until_due(clock::now()).is_zero() => {
                chain.put_back().await?;
                tokens
            }
            held => chain.newer(held.map(|tokens| tokens.generation)).await?,
        };
        Ok(tokens.until_due(clock::now()))
    }

    /// Whether there is an access token that serves.
    #[must_use]
    pub fn is_let_in(&self) -> bool {
        let held = self.chain().held();
        held.is_some_and(|tokens| tokens.is_valid(clock::now()))
    }

    /// Waits until no refresh is under way, whose answer would be lost with the process; for as long as one exchange
    /// takes at most.
    pub async fn landed(&self) {
        let landing = tokio::time::timeout(self.app.expiry(), self.app.turn.lock()).await;
        drop(landing);
    }
}

impl Chain {
    /// Puts the tokens back where Redis does not have them any more, or never got them: a worker that starts now would
    /// know but the configured refresh token, which may be spent.
    async fn put_back(&self) -> Result<(), NoToken> {
        let kept = self.vault.generation().await.map_err(NoToken::Redis)?;
        let Some(tokens) = self.held().filter(|held| Some(held.generation) > kept) else {
            return Ok(());
        };
        let is_best = self.vault.keep("", &tokens, []).await;
        if is_best.map_err(NoToken::Redis)? {
            metrics::counter!(names::REFRESHES, "outcome" => "put_back").increment(1);
            tracing::info!("Put the tokens back into Redis");
        }
        Ok(())
    }
}
