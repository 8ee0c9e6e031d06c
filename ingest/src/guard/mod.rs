//! What keeps strangers from taking more than an answer: limits of size and time, and patience with failures.
//!
//! Nothing here lets anybody in; that is [`crate::auth`]'s. A request with a right token passes without waiting,
//! whatever others do, also from the same address: Genesys' and AWS' addresses are shared by all their customers.

mod connection;
mod failures;
mod origins;
mod source;

pub use connection::HEAD_LIMIT_BYTES;
pub(crate) use connection::{admit, hold};
pub use failures::{Answered, Failures};
pub use origins::Origins;
pub use source::source;
