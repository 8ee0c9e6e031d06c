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

pub(crate) use answer::Limits;
pub(crate) use client::{Client, Settings};
pub(crate) use credential::{Credential, NewSecret};
pub(crate) use error::{PipedriveError, SpendError};
pub(crate) use exchange::{Spend, http_client};
pub(crate) use model::{ActivityRecord, NewPerson, Person, Phone};
#[cfg(test)]
pub(crate) use oauth::NoToken;
pub(crate) use oauth::{Denial, OAuth, Tokens};
