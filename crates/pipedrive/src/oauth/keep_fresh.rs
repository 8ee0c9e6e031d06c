//! What tokens need whether or not anything is sent: to be refreshed ahead of their end, and to be in the store.

use std::time::Duration;

use super::access::OAuth;
use super::error::NoToken;
use super::installation::Installation;
use crate::clock;
use crate::metrics as names;

impl OAuth {
    /// Does what is due, and returns how long nothing is due.
    ///
    /// # Errors
    ///
    /// When the tokens could not be refreshed, or could not be put back into the store.
    pub async fn keep_fresh(&self) -> Result<Duration, NoToken> {
        let installation = self.installation();
        let tokens = match installation.held() {
            Some(tokens) if !tokens.until_due(clock::now()).is_zero() => {
                installation.put_back().await?;
                tokens
            }
            held => {
                let generation = held.map(|tokens| tokens.generation);
                installation.newer(generation).await?
            }
        };
        Ok(tokens.until_due(clock::now()))
    }

    /// Whether there is a valid access token.
    #[must_use]
    pub fn has_valid_token(&self) -> bool {
        let held = self.installation().held();
        held.is_some_and(|tokens| tokens.is_valid(clock::now()))
    }

    /// Waits until no refresh is under way, whose answer would be lost with the process; at most for as long as one
    /// exchange takes.
    pub async fn settled(&self) {
        let waited = tokio::time::timeout(self.shared.expiry(), self.shared.turn.lock()).await;
        drop(waited);
    }
}

impl Installation {
    /// Puts the tokens back where the store lost them, or never got them: a process that starts now would know only the
    /// configured refresh token, which may be spent.
    async fn put_back(&self) -> Result<(), NoToken> {
        let Some(tokens) = self.held() else {
            return Ok(());
        };
        if self.shared.store.put_back(&self.first, &tokens).await? {
            metrics::counter!(names::REFRESHES, "outcome" => "put_back").increment(1);
            tracing::info!("Put the access and refresh token back into the shared store");
        }
        Ok(())
    }
}
