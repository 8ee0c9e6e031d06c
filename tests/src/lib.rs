//! The stand-ins and the harness of the end-to-end tests.
//!
//! Nothing in here is part of the product; `ingest` and `worker` never depend on it.

pub mod services;
