//! Redis: every key and every script, and the connection.
//!
//! The connection is ours to rebuild: whenever one is made, the eviction policy and the epoch are looked at, so that a
//! Redis which lost data is never taken for one that remembers.

mod client;
mod epoch;
mod idempotency;
mod incidents;
mod people;
mod seal;
mod store;
mod suspects;
mod token_bucket;
mod vault;

pub use epoch::Epoch;
pub use idempotency::{Claim, ClaimRequest, Job, Lease, LeaseError, Ledger, Step};
pub use incidents::Incidents;
pub use people::{People, PersonClaim, PersonLease};
pub use store::{Facts as StoreFacts, Store, StoreError};
pub use suspects::{Suspects, Suspicion};
pub use token_bucket::{Spent, TokenBucket, TokenBucketSettings};
pub use vault::{Found, Vault, VaultError, Vaults};
