//! Whether messages are consumed at present, why not, and when consumption resumes.

pub(crate) mod reason;
pub(crate) mod recovery;
pub(crate) mod resume;
pub(crate) mod spent;
pub(crate) mod state;
