//! Whether messages are consumed at present, why not, and when consumption resumes.

pub(crate) mod state;
