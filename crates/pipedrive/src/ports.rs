//! What a caller brings: a budget of requests, and a store for an app's tokens.
//!
//! Both are shared by every process that uses the same account, so they live outside of this crate.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use secrecy::SecretString;

use crate::limits::{Allowance, Limits};
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
    /// Whether it counts as a write, of which a user has so many a day: a POST or a PUT.
    pub is_write: bool,
}

/// What a budget has to know of a request that it granted. Opaque to the client, which brings it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// How much of the budget the request may use.
    pub spend: Spend,
    /// Later requests have a greater one.
    pub number: u64,
    /// Tokens granted so far, these included.
    pub tokens: i64,
    /// Writes granted so far, this included.
    pub writes: i64,
    /// When it was granted, in seconds of Unix time: names the day from whose count it is given back.
    pub at: i64,
    /// The moment from which on it may be sent: now, or shortly.
    pub granted: Instant,
    /// How much later than the budget's own clock says that moment may be: the time that the budget took to answer.
    pub lag: Duration,
    /// How long after the budget's moment it was sent, at most.
    pub delay: Duration,
    /// How long its answer took.
    pub took: Duration,
    /// Whether the answer was that a rate limit refuses it: it is not counted then.
    pub was_refused: bool,
}

/// The limits that all processes share: requests and searches in 2 seconds, tokens and writes a day.
pub trait Budget: fmt::Debug + Send + Sync {
    /// Takes the tokens of one request; waits for them if that is short.
    fn take(&self, spend: Spend) -> BoxFuture<'_, Result<Receipt, SpendError>>;

    /// Gives back what was taken for a request that was not sent.
    fn give_back(&self, receipt: Receipt) -> BoxFuture<'_, Result<(), StoreError>>;

    /// For `wait` no process sends a search, or, after another request, anything: Pipedrive limited the rate.
    fn pause(&self, spend: Spend, wait: Duration) -> BoxFuture<'_, Result<(), StoreError>>;

    /// An allowance of the day is spent, as Pipedrive says; `renewed_in` where it says that too. Answers how long nothing
    /// is granted.
    fn end_day(
        &self,
        of: Allowance,
        renewed_in: Option<Duration>,
    ) -> BoxFuture<'_, Result<Duration, StoreError>>;

    /// Corrects the budget by what the headers of an answer say; `receipt` is that of the request, unless it was sent past
    /// the budget.
    fn learn(
        &self,
        receipt: Option<Receipt>,
        limits: Limits,
    ) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Pipedrive did what was asked; called before anything else follows from its answer.
    fn answered(&self, spend: Spend) -> BoxFuture<'_, ()>;
}

/// The budget granted no tokens.
#[derive(Debug, thiserror::Error)]
pub enum SpendError {
    /// Not within the time for which a message may be held.
    #[error("the rate limit leaves no room for {}s", .0.as_secs())]
    Busy(Duration),
    /// The budget of the day is spent.
    #[error("{of} are spent for {}s", wait.as_secs())]
    Spent {
        /// Of what nothing is left.
        of: Allowance,
        /// How long at most.
        wait: Duration,
    },
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

/// Tokens in the store, and whether this worker may refresh them: [`TokenStore::take`].
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
