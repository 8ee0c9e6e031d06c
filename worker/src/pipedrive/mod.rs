//! Pipedrive's API as far as it is needed: people, activities, open deals, the token's user.
//!
//! Knows nothing of interactions. Every call takes its tokens from the bucket that all workers share.

mod answer;
mod call;
mod client;
mod error;
mod model;
mod reason;

pub use answer::Limits;
pub use client::{Client, Probe, Settings, Spend};
pub use error::{PipedriveError, SpendError};
pub use model::{ActivityRecord, ActivityType, NewPerson, Person, Phone, User};
