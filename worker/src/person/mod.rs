//! Which person in Pipedrive an interaction belongs to.

pub(crate) mod attachment;
pub(crate) mod directory;
pub(crate) mod finder;
mod indexed;
pub(crate) mod matching;
