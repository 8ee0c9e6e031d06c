//! Consumes interactions from RabbitMQ and writes each once to Pipedrive.
//!
//! `pipeline.rs` is the way of one message: decode → lease → match → write → settle. Each room beside it owns one part of
//! that way, or one outside thing; `docs/ARCHITECTURE.md` lists them.

mod activity;
mod alarm;
pub mod cli;
pub mod commands;
mod consumer;
mod credentials;
mod delivery;
mod effect;
mod enrichment;
mod failure;
mod http;
mod metrics;
mod pause;
mod person;
mod pipeline;
mod process;
mod reconcile;
mod settlement;
pub mod startup;
pub mod store;
mod text;

/// The stages of a message as types.
///
/// A message is [acknowledged](stages::Delivery::acknowledge) once it is settled:
///
/// ```
/// use worker::stages::{Delivery, SettleError, Settled};
///
/// async fn finish(message: Delivery<Settled>) -> Result<(), SettleError> {
///     message.acknowledge().await
/// }
/// ```
///
/// Before its record is complete it cannot be:
///
/// ```compile_fail,E0599
/// use worker::stages::{Delivery, Leased, SettleError};
///
/// async fn finish(message: Delivery<Leased>) -> Result<(), SettleError> {
///     message.acknowledge().await
/// }
/// ```
///
/// Nor can a message that failed and is not confirmed in another queue, or one that is acknowledged already:
///
/// ```compile_fail,E0599
/// use worker::stages::{Delivery, Failed, SettleError};
///
/// async fn finish(message: Delivery<Failed>) -> Result<(), SettleError> {
///     message.acknowledge().await
/// }
/// ```
///
/// ```compile_fail,E0382
/// use worker::stages::{Delivery, SettleError, Settled};
///
/// async fn finish(message: Delivery<Settled>) -> Result<(), SettleError> {
///     message.acknowledge().await?;
///     message.acknowledge().await
/// }
/// ```
pub mod stages {
    pub use crate::delivery::message::{
        Decoded, Delivery, Failed, Leased, Received, SettleError, Settled,
    };
}
