//! Genesys webhook service: authenticates, recognises, publishes, and answers once the broker has confirmed.
//!
//! The path of one webhook is `webhook/receive.rs`. The meaning of an event is `shared::domain`'s; what becomes of it is
//! the worker's. This service stores nothing but the messages that wait for the broker, in its spool.

mod alarm;
mod auth;
pub mod cli;
pub mod commands;
mod descriptors;
mod door;
mod metrics;
mod rotation;
mod server;
mod spool;
pub mod startup;
pub mod tls;
pub mod webhook;
