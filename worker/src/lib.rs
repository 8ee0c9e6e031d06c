//! Consumes interactions from RabbitMQ and writes each once to Pipedrive.
//!
//! [`pipeline`] is the way of one message: decode → lease → match → write → settle. Each room beside it owns one part of
//! that way, or one outside thing; `docs/ARCHITECTURE.md` lists them.

mod activity;
mod alarm;
pub mod cli;
pub mod commands;
mod consumer;
mod credentials;
mod delivery;
mod effect;
mod http;
mod metrics;
mod pause;
mod person;
mod pipeline;
pub mod startup;
pub mod store;
