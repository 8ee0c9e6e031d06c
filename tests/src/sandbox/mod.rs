//! Sandboxes of the outside systems: programs that answer as the real one does, and can be
//! made to fail.

pub mod call_centre;
pub mod genesys;
pub mod pipedrive;
mod serving;
