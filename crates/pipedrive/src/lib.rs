//! Pipedrive's API as far as a telephony integration needs it: people, organisations, activities, open deals, users.
//!
//! The crate knows nothing of interactions, queues or Redis. What a caller has to bring stands in [`ports`]: a budget of
//! requests that all processes share, and a store for an app's tokens. A read is one call of [`Client`]. A write goes
//! through three steps, so that its caller can note its intent in between: [`Client::reserve`], [`Client::send`], and
//! what the [`Sent`] outcome means.

mod activities;
mod answer;
mod call;
mod client;
mod clock;
mod credential;
mod deals;
mod error;
mod exchange;
mod ids;
mod lenient;
mod limits;
mod lists;
pub mod metrics;
mod model;
mod oauth;
mod page_size;
mod persons;
pub mod ports;
mod redaction;
mod reservation;
mod tokens;
mod users;

pub use activities::{create_activity, update_activity};
pub use call::Call;
pub use client::{Client, Probe, Settings, http_client};
pub use credential::{Credential, NewSecret};
pub use deals::DealsPage;
pub use error::{Class, PipedriveError};
pub use exchange::{Permit, Refused, Sent};
pub use ids::{ActivityId, DealId, OrganizationId, PersonId, UserId};
pub use limits::{Allowance, Limits};
pub use model::{
    ActivityRecord, ActivityType, Deal, Email, NewPerson, Participant, Person, PersonHit, Phone,
    User,
};
pub use oauth::{App, Denial, NoToken, OAuth};
pub use persons::{PeoplePage, create_person};
pub use reservation::Reservation;
pub use tokens::{TokenOrigin, Tokens};
