//! One refresh: the right to it, the exchange, and its answer into the store.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::Rng;
use secrecy::SecretString;
use uuid::Uuid;

use super::endpoint::Grant;
use super::error::{Denial, NoToken};
use super::installation::Installation;
use super::shared::Outcome;
use super::wanted::Wanted;
use crate::metrics as names;
use crate::ports::TokenStoreError;
use crate::tokens::{TokenOrigin, Tokens, next_candidate, next_generation};

/// Between two reads of what another process stores.
const POLL_MS: std::ops::Range<u64> = 50..150;
impl Installation {
    /// Gets the tokens that are wanted, from another process or from Pipedrive, and holds them.
    pub async fn refresh(&self, wanted: Wanted) -> Outcome {
        let _turn = self.shared.turn.lock().await;
        let owner = Uuid::new_v4().to_string();
        let outcome = self.obtain(&wanted, &owner).await;
        match &outcome {
            Ok(tokens) => self.hold(Arc::clone(tokens)),
            Err(error) => {
                let outcome = match error {
                    NoToken::Denied(_) => "denied",
                    _ => "failed",
                };
                metrics::counter!(names::REFRESHES, "outcome" => outcome).increment(1);
                self.release(&owner).await;
            }
        }
        outcome
    }

    async fn obtain(&self, wanted: &Wanted, owner: &str) -> Outcome {
        let held = self.held();
        let expiry = self.shared.expiry();
        // Another process tries three refresh tokens at most, and its right may have to expire before it is ours.
        let give_up = Instant::now() + 4 * expiry;
        let mut denied = Vec::new();
        loop {
            // Taken again before each exchange: it lasts for one.
            let store = &self.shared.store;
            let taken = store.take(&self.first, owner, expiry).await;
            let found = taken.map_err(of_store)?;
            let kept = found.tokens;
            if let Some(tokens) = &kept
                && wanted.is_met_by(tokens)
            {
                if found.is_ours {
                    self.release(owner).await;
                }
                return Ok(Arc::new(tokens.clone()));
            }
            if !found.is_ours {
                if Instant::now() > give_up {
                    return Err(NoToken::Late);
                }
                let pause = Duration::from_millis(rand::rng().random_range(POLL_MS));
                tokio::time::sleep(pause).await;
                continue;
            }
            let known = || kept.as_ref().into_iter().chain(held.as_deref());
            let next = next_candidate(known(), &self.first, &denied);
            let refresh_token = next.ok_or(NoToken::Denied(Denial::Grant))?;
            match self.exchange(wanted, &refresh_token).await {
                Ok(grant) => {
                    let mut tokens = issue(grant, refresh_token, known());
                    if self.keep(owner, &mut tokens).await {
                        return Ok(Arc::new(tokens));
                    }
                }
                Err(NoToken::Denied(Denial::Grant)) => {
                    tracing::debug!("Pipedrive refused a refresh token; the one before it is next");
                    denied.push(refresh_token);
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn release(&self, owner: &str) {
        self.shared.store.release(&self.first, owner).await;
    }

    async fn exchange(
        &self,
        wanted: &Wanted,
        refresh_token: &SecretString,
    ) -> Result<Grant, NoToken> {
        let client_secret = match &wanted.client_secret {
            Some(secret) => secret.clone(),
            None => SecretString::clone(&self.shared.client_secret.load()),
        };
        let endpoint = &self.shared.endpoint;
        endpoint.refresh(refresh_token, &client_secret).await
    }

    /// Stores tokens. Where the store does not take them this process uses them all the same, and puts them back later.
    /// Returns `false` when the store has newer ones.
    async fn keep(&self, owner: &str, tokens: &mut Tokens) -> bool {
        let (is_best, outcome) = match self.shared.store.keep(&self.first, owner, tokens).await {
            Ok(is_best) => (is_best, "refreshed"),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "The shared store did not take the refreshed tokens; this process holds them until it does"
                );
                tokens.origin = TokenOrigin::NotKept;
                (true, "not_kept")
            }
        };
        metrics::counter!(names::REFRESHES, "outcome" => outcome).increment(1);
        if is_best {
            tracing::info!(valid_until = %tokens.expires_at, "Refreshed the access token");
        }
        is_best
    }
}

/// The answer as tokens. Their life counts from before the question, so that they never end before we think so.
fn issue<'t>(
    grant: Grant,
    used: SecretString,
    known: impl IntoIterator<Item = &'t Tokens>,
) -> Tokens {
    Tokens {
        generation: next_generation(grant.asked_at, known),
        access_token: grant.access_token,
        refresh_token: grant.refresh_token.unwrap_or(used),
        issued_at: grant.asked_at,
        expires_at: grant.asked_at + grant.life,
        api_domain: grant.api_domain,
        origin: TokenOrigin::Refreshed,
    }
}

fn of_store(error: TokenStoreError) -> NoToken {
    match error {
        TokenStoreError::Store(error) => NoToken::Store(error),
        TokenStoreError::Undecipherable => NoToken::Denied(Denial::Undecipherable),
    }
}
