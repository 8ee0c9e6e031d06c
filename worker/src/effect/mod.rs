//! Writes to Pipedrive that must take effect once.

pub(crate) mod once;
pub(crate) mod timing;
