//! One refresh: the right to it, the exchange, and its answer into Redis.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::Rng;
use secrecy::SecretString;
use shared::clock;
use shared::error::chain;
use shared::fail_point::{self, FailPoint};
use uuid::Uuid;

use super::chain::Chain;
use super::endpoint::Grant;
use super::error::{Denial, NoToken};
use super::tokens::{TokenOrigin, Tokens, next_candidate, next_generation};
use super::{App, Outcome};
use crate::backoff;
use crate::metrics as names;
use crate::store::VaultError;

/// The right to refresh outlives one exchange by this: Redis is told of its answer meanwhile.
const AFTER_EXCHANGE: Duration = Duration::from_secs(5);
/// Between two looks at what another worker brings.
const LOOK_MS: std::ops::Range<u64> = 50..150;
/// How often Redis is asked to keep the answer before this worker keeps it to itself for a while, and the first pause.
const KEEP_REPEATS: usize = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Which tokens are wanted.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// Any that are newer than these.
    pub newer_than: Option<u64>,
    /// Those that are got with this secret of the app, and no others.
    pub client_secret: Option<SecretString>,
}

impl Wanted {
    /// Whether tokens that another worker brought will do.
    fn is_met_by(&self, kept: &Tokens) -> bool {
        self.client_secret.is_none()
            && kept.is_valid(clock::now())
            && Some(kept.generation) > self.newer_than
    }
}

impl Chain {
    /// Gets the tokens that are wanted, from another worker or from Pipedrive, and holds them.
    pub async fn refresh(&self, wanted: Wanted) -> Outcome {
        let _turn = self.app.turn.lock().await;
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
        let expiry = self.app.expiry();
        // Another worker tries three refresh tokens at most, and its right may have to expire before it is ours.
        let give_up = Instant::now() + 4 * expiry;
        let mut denied = Vec::new();
        loop {
            // Taken again before each exchange: it lasts for one.
            let found = self.vault.take(owner, expiry).await.map_err(of_vault)?;
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
                let look = Duration::from_millis(rand::rng().random_range(LOOK_MS));
                tokio::time::sleep(look).await;
                continue;
            }
            let known = || kept.as_ref().into_iter().chain(held.as_deref());
            let next = next_candidate(known(), &self.first, &denied);
            let refresh_token = next.ok_or(NoToken::Denied(Denial::Grant))?;
            match self.exchange(wanted, &refresh_token).await {
                Ok(grant) => {
                    let mut tokens = issue(grant, refresh_token, known());
                    fail_point::reach(FailPoint::TokenAnswered).await;
                    if self.keep(owner, &mut tokens).await {
                        return Ok(Arc::new(tokens));
                    }
                }
                Err(NoToken::Denied(Denial::Grant)) => {
                    tracing::debug!(
                        "Pipedrive takes a refresh token no more; one before it is next"
                    );
                    denied.push(refresh_token);
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn release(&self, owner: &str) {
        if let Err(error) = self.vault.release(owner).await {
            tracing::debug!(%error, "The right to refresh expires by itself");
        }
    }

    async fn exchange(
        &self,
        wanted: &Wanted,
        refresh_token: &SecretString,
    ) -> Result<Grant, NoToken> {
        let client_secret = match &wanted.client_secret {
            Some(secret) => secret.clone(),
            None => self.app.client_secret.current(),
        };
        let endpoint = &self.app.endpoint;
        endpoint.refresh(refresh_token, &client_secret).await
    }

    /// Puts tokens into Redis. Where it does not take them this worker uses them all the same, and its keeper tries on.
    /// `false` when there are newer ones.
    async fn keep(&self, owner: &str, tokens: &mut Tokens) -> bool {
        let pauses = backoff::pauses(FIRST_PAUSE, KEEP_REPEATS);
        let (is_best, outcome) = match self.vault.keep(owner, tokens, pauses).await {
            Ok(is_best) => (is_best, "refreshed"),
            Err(error) => {
                tracing::error!(
                    error = chain(&error),
                    "Redis did not take the refreshed tokens; this worker holds them until it does"
                );
                tokens.whence = TokenOrigin::NotKept;
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

impl App {
    /// How long the right to refresh lasts: for one exchange, and its answer into Redis.
    pub fn expiry(&self) -> Duration {
        self.timeout + AFTER_EXCHANGE
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
        whence: TokenOrigin::Refreshed,
    }
}

fn of_vault(error: VaultError) -> NoToken {
    match error {
        VaultError::Redis(error) => NoToken::Redis(error),
        VaultError::Sealed => NoToken::Denied(Denial::Sealed),
    }
}
