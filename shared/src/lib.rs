//! What `ingest` and `worker` have in common.
//!
//! [`domain`] is the knowledge of interactions, people's numbers and records; it does no I/O. Each other module owns one
//! thing: [`broker`] RabbitMQ's names and connections, [`config`] the settings, [`clock`] the time, [`telemetry`] logs
//! and the metrics recorder, [`metrics`] their declaration, [`lifecycle`] start and stop, [`supervision`] background
//! tasks, [`rotation`] changed secrets, [`backoff`] pauses between attempts, [`health`] the health and metrics pages,
//! [`check`] the findings of the check commands, [`command_line`] what the command lines share, [`error`] errors as text,
//! [`fail_point`] the places at which tests end a process, [`incident`] what an alarm is about and [`alarm_receiver`] where it
//! goes, [`outbound`] requests to other machines.

pub mod alarm_receiver;
pub mod backoff;
pub mod broker;
pub mod check;
pub mod clock;
pub mod command_line;
pub mod config;
pub mod domain;
pub mod error;
pub mod fail_point;
pub mod health;
pub mod incident;
pub mod lifecycle;
pub mod metrics;
pub mod outbound;
pub mod rotation;
pub mod supervision;
pub mod telemetry;
