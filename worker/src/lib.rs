//! Consumes interactions from RabbitMQ and records each once in Pipedrive.
//!
//! [`pipeline`] is the way of one message: decode → lease → match → record → settle. Decisions are plain functions in
//! [`matching`], [`record`], [`note`] and [`retry`]; [`redis`] and [`pipedrive`] own those two services.

pub mod activity;
pub mod admin;
pub mod alarm;
mod backoff;
pub mod check;
pub mod cli;
pub mod consumer;
pub mod failure;
pub mod gate;
pub mod inbound;
pub mod installation;
pub mod keeper;
pub mod marks;
pub mod matching;
pub mod metrics;
pub mod note;
pub mod person;
pub mod pipedrive;
pub mod pipeline;
pub mod quarantine;
pub mod record;
pub mod redis;
pub mod replay;
pub mod retry;
pub mod rotation;
pub mod startup;
pub mod survey;
pub mod timing;
