//! One message that the worker holds: its stages, its event, and where it goes when it fails.

pub(crate) mod backfill;
pub(crate) mod decode;
pub(crate) mod message;
pub(crate) mod poison;
pub(crate) mod retry;
pub(crate) mod settling;
