//! Which person in Pipedrive an interaction belongs to.

pub(crate) mod access;
pub(crate) mod attachment;
pub(crate) mod candidate;
pub(crate) mod customer;
pub(crate) mod directory;
mod existing;
pub(crate) mod finder;
pub(crate) mod handle;
mod held;
mod indexed;
pub(crate) mod matching;
pub(crate) mod memory;
pub(crate) mod reader;
mod search;
