//! Stand-ins for the outside world, and what end-to-end tests are built from.
//!
//! Nothing in here is part of the product; `ingest` and `worker` never depend on it.

pub mod app;
pub mod authority;
pub mod chaos;
pub mod demo;
pub mod fleet;
pub mod history;
pub mod sandbox;
pub mod services;
