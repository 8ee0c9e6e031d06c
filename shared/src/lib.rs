//! What `ingest` and `worker` have in common.
//!
//! [`domain`] is the knowledge of interactions, people's numbers and records; it does no I/O. The other modules own one
//! outside thing each: [`broker`] RabbitMQ's names and connections, [`config`] the settings, [`clock`] the time,
//! [`telemetry`] logs and metrics, [`lifecycle`] start and stop, [`health`] the health and metrics pages, [`fail_point`] the places at which tests end a
//! process.

pub mod broker;
pub mod clock;
pub mod config;
pub mod domain;
pub mod error;
pub mod fail_point;
pub mod health;
pub mod lifecycle;
pub mod telemetry;
