//! Redis: every key and every script, and the connection.
//!
//! Each new connection checks the eviction policy and the epoch, so that a Redis that lost data is recognised.

mod answered;
mod breakers;
mod budget;
mod client;
mod connection;
pub(crate) mod coverage;
mod directory;
mod encryption;
mod epoch;
pub(crate) mod first_start;
mod genesys;
mod handle;
mod handle_keys;
mod incidents;
mod interactions;
mod lease;
mod memory;
mod numbers;
mod owners;
mod pauses;
mod poison;
mod progress;
mod queue_ages;
mod reconciliation;
mod refused;
mod script;
mod tokens;
mod waiting;

pub(crate) use self::genesys::{
    Enrichments, GenesysNames, KnownName, NameKind, Remembered, RequestWindow,
};
pub use answered::{Answered, clock, due, primary};
pub(crate) use breakers::{BreakerStore, FailedMessage, Observation, OpenBreaker, Pass};
pub(crate) use budget::{Day, TokenBucket, TokenBucketSettings, smallest_plan};
pub(crate) use connection::NO_INFO;
pub use connection::{Facts as StoreFacts, Store, StoreError};
#[cfg(test)]
pub(crate) use directory::{DirectoryDeals, Polls};
pub(crate) use directory::{
    DirectoryState, DirectoryStore, Entry, Holder, Kind, Purse, StoppedPoll, Work, WorkLock, at,
};
pub use epoch::Epoch;
pub use handle_keys::HandleKey;
pub(crate) use incidents::{Incidents, Window};
pub use interactions::{Claim, ClaimRequest, InteractionStore};
pub use lease::{Lease, LeaseError};
pub(crate) use memory::Memory;
pub use numbers::{People, PersonClaim, PersonLease};
pub(crate) use owners::OwnerStore;
pub(crate) use pauses::{PausedWorker, Pauses};
pub use poison::{AttemptState, DeliveryAttempts};
pub use progress::{Adoption, Effect, Progress};
pub(crate) use queue_ages::QueueAges;
pub(crate) use reconciliation::{LEASE, LastRun, LastTimes, Reconciliations};
pub(crate) use refused::RefusedBodies;
pub(crate) use tokens::EncryptedTokens;
pub(crate) use waiting::{WaitingList, WaitingMessage, WaitingSummary};
