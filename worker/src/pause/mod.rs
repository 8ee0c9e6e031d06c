//! Whether messages are consumed at present, why not, and when consumption resumes.

pub(crate) mod breaker;
pub(crate) mod breakers;
pub(crate) mod reason;
pub(crate) mod recovery;
pub(crate) mod redis_trouble;
pub(crate) mod resume;
pub(crate) mod spent;
pub(crate) mod state;
pub(crate) mod trace;
