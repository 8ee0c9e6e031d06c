//! What a caller brings: a budget of requests, and a store for an app's tokens.
//!
//! Both are shared by every process that uses the same account, so they live outside of this crate.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::SecretString;

use crate::limits::Limits;
use crate::tokens::Tokens;

/// What a call costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spend {
    /// What the call does, such as `create a person`.
    pub operation: &'static str,
    /// Tokens of the daily budget: `x-token-cost` in Pipedrive's documents.
    pub tokens: u64,
    /// Whether it counts as a search, of which Pipedrive takes 10 in 2 seconds on every plan.
    pub is_search: bool,
}

/// The limits that all processes share: requests and searches in 2 seconds, tokens a day.
pub trait Budget: fmt::Debug + Send + Sync {
    /// Takes the tokens of one request; waits for them if that is short.
    fn take(&self, spend: Spend) -> BoxFuture<'_, Result<(), SpendError>>;

    /// No process sends anything for `wait`: Pipedrive limited the rate.
    fn pause(&self, wait: Duration) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The day's tokens are spent for `wait`, as Pipedrive says.
    fn end_day(&self, wait: Duration) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Corrects the budget by what the headers of the answer to a call say.
    fn learn(&self, spend: Spend, limits: Limits) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// The budget granted no tokens.
#[derive(Debug, thiserror::Error)]
pub enum SpendError {
    /// Not within the time for which a message may be held.
    #[error("the rate limit leaves no room for {}s", .0.as_secs())]
    Busy(Duration),
    /// The daily tokens are spent; until the reset.
    #[error("the day's tokens are spent for {}s", .0.as_secs())]
    Spent(Duration),
    /// The budget's store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Keeps an app's tokens for all processes, and grants the right to refresh them to one process at a time.
///
/// `installation` is the refresh token that the installation of the app gave; it names the installation.
pub trait TokenStore: fmt::Debug + Send + Sync {
    /// Asks for the right to refresh, which ends after `expiry`, and reads the tokens.
    fn take<'s>(
        &'s self,
        installation: &'s SecretString,
        owner: &'s str,
        expiry: Duration,
    ) -> BoxFuture<'s, Result<Taken, TokenStoreError>>;

    /// Gives the right to refresh back; otherwise it expires.
    fn release<'s>(&'s self, installation: &'s SecretString, owner: &'s str) -> BoxFuture<'s, ()>;

    /// Stores tokens that were just refreshed by `owner`, repeatedly if need be, and gives the right back. Answers
    /// whether they are stored; if not, newer ones are.
    fn keep<'s>(
        &'s self,
        installation: &'s SecretString,
        owner: &'s str,
        tokens: &'s Tokens,
    ) -> BoxFuture<'s, Result<bool, StoreError>>;

    /// Stores tokens again if the store holds none, or older ones. Answers whether it did.
    fn put_back<'s>(
        &'s self,
        installation: &'s SecretString,
        tokens: &'s Tokens,
    ) -> BoxFuture<'s, Result<bool, StoreError>>;
}

/// What [`TokenStore::take`] found.
#[derive(Debug)]
pub struct Taken {
    /// Whether the asker has the right to refresh now.
    pub is_ours: bool,
    /// The tokens, if any are stored.
    pub tokens: Option<Tokens>,
}

/// The tokens cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TokenStoreError {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stored tokens were encrypted with another key.
    #[error("the stored tokens cannot be decrypted")]
    Undecipherable,
}

/// A store that all processes share did not answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the shared store does not answer")]
pub struct StoreError(#[source] Arc<dyn Error + Send + Sync>);

impl StoreError {
    /// Wraps the error of a store.
    pub fn new(source: impl Error + Send + Sync + 'static) -> Self {
        Self(Arc::new(source))
    }
}
