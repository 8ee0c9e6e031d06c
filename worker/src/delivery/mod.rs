//! One message in the worker's hands: what it holds, how it can fail, and where it goes then.

pub(crate) mod failure;
pub(crate) mod message;
pub(crate) mod poison;
pub(crate) mod retry;
