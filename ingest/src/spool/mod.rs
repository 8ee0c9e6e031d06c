//! The spool: messages on disk that wait while RabbitMQ is away, short of memory or full.
//!
//! A webhook whose message the broker does not confirm is appended to the spool, and answered 200 once it is on disk. As
//! soon as the broker accepts messages again they are published unchanged, and deleted once confirmed. A crash in
//! between, or a confirm after our timeout, leads to a second message, which the worker skips as a duplicate by its
//! interaction and event; no message is lost.
//!
//! One thread owns the file. It groups all waiting commands into one transaction, so that a sync of the disk serves many
//! requests.

mod drain;
mod handle;
mod record;
mod store;
mod thread;

pub use drain::Drain;
pub use handle::Spool;
pub use record::{Record, SpoolError};
pub use store::{Depth, OpenError, inspect};
pub use thread::Status;
