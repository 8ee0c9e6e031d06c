//! Keeps the credentials of a running worker fresh.

pub(crate) mod refresher;
pub(crate) mod rotation;
