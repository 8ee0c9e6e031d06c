//! When a pause for a spent allowance of the day is over.

use std::time::Duration;

use pipedrive::{Allowance, Client, Limits, PipedriveError};
use redis::RedisError;
use shared::error::chain;

use crate::store::TokenBucket;

/// Tokens with which work goes on: those of the dearest request on a message's way. With fewer it would pause again.
const ENOUGH: u64 = 20;

/// Finds out whether a spent allowance is there again.
#[derive(Clone, Debug)]
pub(crate) struct SpentDay {
    /// What all workers know of the day.
    pub bucket: TokenBucket,
    /// Asked while the tokens are spent.
    pub client: Client,
}

impl SpentDay {
    /// Whether there is something to spend again, after a pause of `elapsed`, which was to take `wait` at the longest.
    /// Tokens are asked for from time to time, by one worker for all; `Err` has what else Pipedrive refused.
    pub async fn is_over(
        &self,
        of: Allowance,
        elapsed: Duration,
        wait: Duration,
    ) -> Result<bool, PipedriveError> {
        match of {
            // Pipedrive does not know our share.
            Allowance::Share => Ok(elapsed >= wait),
            // Only another write would show it.
            Allowance::Writes => Ok(!self.is_spent(of).await),
            Allowance::Tokens => Ok(!self.is_spent(of).await || self.probe().await?),
        }
    }

    async fn is_spent(&self, of: Allowance) -> bool {
        known(self.bucket.is_spent(of).await).unwrap_or(true)
    }

    async fn probe(&self) -> Result<bool, PipedriveError> {
        if known(self.bucket.claim_probe().await) != Some(true) {
            return Ok(false);
        }
        match self.client.probe().await {
            Ok(probe) if is_enough(probe.limits) => Ok(known(self.bucket.renew().await).is_some()),
            Ok(probe) => {
                let left = probe.limits.daily_left.unwrap_or(0);
                tracing::info!(
                    left,
                    "The day's Pipedrive tokens are still spent; the worker probes again"
                );
                Ok(false)
            }
            Err(error) if error.class().credential_is_accepted || is_of_the_day(&error) => {
                tracing::info!(
                    error = chain(&error),
                    "The day's Pipedrive tokens are still spent; the worker probes again"
                );
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

fn is_enough(limits: Limits) -> bool {
    limits.daily_left.is_none_or(|left| left >= ENOUGH)
}

fn is_of_the_day(error: &PipedriveError) -> bool {
    matches!(error, PipedriveError::BudgetSpent { .. })
}

/// What Redis answered; its own failures pause consumption for their own reason.
fn known<T>(answer: Result<T, RedisError>) -> Option<T> {
    answer
        .inspect_err(|error| tracing::debug!(%error, "Whether the day is spent is not known"))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_passes_with_tokens_for_a_request_or_without_a_word_on_them() {
        let left = |daily_left| Limits {
            daily_left,
            ..Limits::default()
        };

        assert!(is_enough(left(None)));
        assert!(is_enough(left(Some(20))));
        assert!(!is_enough(left(Some(19))));
        assert!(!is_enough(left(Some(0))));
    }
}
