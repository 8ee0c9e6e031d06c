//! One refresh: the right to it, the exchange, and its answer into Redis.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::Rng;
use secrecy::SecretString;
use shared::clock;
use shared::kill_point::{self, KillPoint};
use shared::telemetry::chain;
use uuid::Uuid;

use super::endpoint::Grant;
use super::error::{Denial, NoToken};
use super::tokens::{Candidate, Tokens, is_same, next_candidate, next_generation};
use super::{Inner, Outcome};
use crate::backoff;
use crate::metrics as names;
use crate::redis::VaultError;

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
    /// Those of an installation with this refresh token, and no others.
    pub installed_with: Option<SecretString>,
    /// Those that are got with this secret of the app, and no others.
    pub client_secret: Option<SecretString>,
}

impl Wanted {
    /// Whether tokens that another worker brought will do.
    fn is_met_by(&self, kept: &Tokens, held: Option<&Tokens>, configured: &SecretString) -> bool {
        if self.client_secret.is_some() || !kept.is_valid(clock::now()) {
            return false;
        }
        if let Some(installed_with) = &self.installed_with {
            return is_same(&kept.installed_with, installed_with);
        }
        // A worker that starts with another installation than the others does not take theirs.
        let is_ours = held.is_some() || is_same(&kept.installed_with, configured);
        is_ours && Some(kept.generation) > self.newer_than
    }

    /// The next refresh token to try.
    fn candidate(
        &self,
        kept: Option<&Tokens>,
        held: Option<&Tokens>,
        configured: &SecretString,
        denied: &[SecretString],
    ) -> Option<Candidate> {
        match &self.installed_with {
            None => next_candidate(kept, held, configured, denied),
            Some(token) => {
                // Another worker may have come first, and its installation's first refresh token be spent.
                let kept = kept.filter(|kept| is_same(&kept.installed_with, token));
                next_candidate(kept, None, token, denied)
            }
        }
    }
}

impl Inner {
    /// Gets the tokens that are wanted, from another worker or from Pipedrive, and holds them.
    pub(super) async fn refresh(&self, wanted: Wanted) -> Outcome {
        let _turn = self.turn.lock().await;
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
        let (configured, held) = (self.configured.current(), self.held());
        let expiry = self.expiry();
        // Another worker tries three refresh tokens at most, and its right may have to expire before it is ours.
        let give_up = Instant::now() + 4 * expiry;
        let mut denied = Vec::new();
        loop {
            // Taken again before each exchange: it lasts for one.
            let found = self.vault.take(owner, expiry).await.map_err(of_vault)?;
            let kept = found.tokens;
            if let Some(tokens) = &kept
                && wanted.is_met_by(tokens, held.as_deref(), &configured)
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
            let next = wanted.candidate(kept.as_ref(), held.as_deref(), &configured, &denied);
            let candidate = next.ok_or(NoToken::Denied(Denial::Grant))?;
            match self.exchange(wanted, &candidate).await {
                Ok(grant) => {
                    let known = kept.as_ref().into_iter().chain(held.as_deref());
                    let tokens = issue(grant, candidate, known);
                    kill_point::reach(KillPoint::TokenAnswered).await;
                    if self.keep(owner, &tokens).await {
                        return Ok(Arc::new(tokens));
                    }
                }
                Err(NoToken::Denied(Denial::Grant)) => denied.push(candidate.refresh_token),
                Err(error) => return Err(error),
            }
        }
    }

    async fn release(&self, owner: &str) {
        if let Err(error) = self.vault.release(owner).await {
            tracing::debug!(%error, "The right to refresh expires by itself");
        }
    }

    /// How long the right to refresh lasts: for one exchange, and its answer into Redis.
    pub(super) fn expiry(&self) -> Duration {
        self.timeout + AFTER_EXCHANGE
    }

    async fn exchange(&self, wanted: &Wanted, candidate: &Candidate) -> Result<Grant, NoToken> {
        let client_secret = match &wanted.client_secret {
            Some(secret) => secret.clone(),
            None => self.client_secret.current(),
        };
        self.endpoint
            .refresh(&candidate.refresh_token, &client_secret)
            .await
    }

    /// Puts tokens into Redis. Where it does not take them this worker uses them all the same, and its keeper tries on.
    /// `false` when there are newer ones.
    async fn keep(&self, owner: &str, tokens: &Tokens) -> bool {
        let pauses = backoff::pauses(FIRST_PAUSE, KEEP_REPEATS);
        let (is_best, outcome) = match self.vault.keep(owner, tokens, pauses).await {
            Ok(is_best) => (is_best, "refreshed"),
            Err(error) => {
                tracing::error!(
                    error = chain(&error),
                    "Redis did not take the refreshed tokens; this worker holds them until it does"
                );
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
fn issue<'t>(grant: Grant, used: Candidate, known: impl IntoIterator<Item = &'t Tokens>) -> Tokens {
    Tokens {
        generation: next_generation(grant.asked_at, known),
        access_token: grant.access_token,
        refresh_token: grant.refresh_token.unwrap_or(used.refresh_token),
        installed_with: used.installed_with,
        issued_at: grant.asked_at,
        expires_at: grant.asked_at + grant.life,
        api_domain: grant.api_domain,
    }
}

fn of_vault(error: VaultError) -> NoToken {
    match error {
        VaultError::Redis(error) => NoToken::Redis(error),
        VaultError::Sealed => NoToken::Denied(Denial::Sealed),
    }
}
