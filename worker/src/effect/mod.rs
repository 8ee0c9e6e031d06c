//! Writes to Pipedrive whose outcome may be unknown.

pub(crate) mod timing;
