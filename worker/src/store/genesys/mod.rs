//! What all workers share of Genesys: the window of requests, names behind ids, what the organization does not have, and what
//! is known of each conversation. All of it can be asked for again: none of it decides whether something is recorded.

mod conversations;
mod names;
mod window;

pub(crate) use conversations::Enrichments;
pub(crate) use names::{GenesysNames, KnownName, NameKind, Remembered};
pub(crate) use window::RequestWindow;
