//! The commands beside the service itself.

pub mod check;
pub(crate) mod setup;
