//! What an operator can see, and what must not be visible: metrics, logs, rules and dashboards.
#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod alert_rules;
mod exposition;
mod genesys;
mod metrics;
mod personal_data;
mod service;
mod stops;
