//! Redis: every key and every script, and the connection.
//!
//! The connection is ours to rebuild: whenever one is made, the eviction policy and the epoch are checked, so that a
//! Redis which lost data is never taken for one that remembers.

mod budget;
mod client;
mod connection;
mod encryption;
mod epoch;
pub(crate) mod first_start;
mod incidents;
mod interactions;
mod numbers;
mod poison;
mod script;
mod tokens;

pub(crate) use budget::{Spent, TokenBucket, TokenBucketSettings};
pub use connection::{Facts as StoreFacts, Store, StoreError};
pub use epoch::Epoch;
pub(crate) use incidents::Incidents;
pub use interactions::{
    Claim, ClaimRequest, Effect, InteractionStore, Lease, LeaseError, Progress,
};
pub use numbers::{People, PersonClaim, PersonLease};
pub use poison::{AttemptState, DeliveryAttempts};
pub(crate) use tokens::EncryptedTokens;
