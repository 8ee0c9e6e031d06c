//! The worker's own HTTP listener.

pub(crate) mod health;
