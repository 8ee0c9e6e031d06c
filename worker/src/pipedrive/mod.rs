//! Pipedrive's API as far as it is needed: people, activities, open deals, the token's user.
//!
//! Knows nothing of interactions. Every call takes its tokens from the bucket that all workers share, and carries an API
//! token or an app's access token.

mod answer;
mod call;
mod client;
mod credential;
mod error;
mod exchange;
mod model;
mod oauth;
mod reason;

pub use answer::Limits;
pub use client::{Client, Probe, Settings};
pub use credential::{Credential, NewSecret};
pub use error::{PipedriveError, SpendError};
pub use exchange::{Spend, http_client};
pub use model::{ActivityRecord, ActivityType, NewPerson, Person, Phone, User};
pub use oauth::{Denial, NoToken, OAuth, Tokens};
