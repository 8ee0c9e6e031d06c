//! Which person in Pipedrive an interaction belongs to.

pub(crate) mod attachment;
pub(crate) mod finder;
pub(crate) mod matching;
