//! Takes Genesys' webhooks: authenticates, recognises, publishes, and answers once the broker has confirmed.
//!
//! What an event means is `shared::domain`'s; what becomes of it is the worker's. This service keeps nothing but what
//! waits for the broker, in its spool.

mod admin;
pub mod auth;
pub mod check;
pub mod cli;
mod credentials;
pub mod draining;
pub mod error;
pub mod guard;
mod metrics;
pub mod publishers;
mod rotation;
pub mod routes;
pub mod setup;
pub mod signature;
pub mod spool;
pub mod startup;
pub mod tls;
