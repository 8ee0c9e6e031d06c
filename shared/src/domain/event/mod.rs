//! Recognises what a webhook body says, whichever of the known forms it has.
//!
//! Forms: the guide's payload (`data`), the second webhook that guides invent (`conversation.ended`), an EventBridge
//! envelope (`detail`), a bare `detail` and both templates of a trigger's data action (`eventBody`, or its members at the
//! top level), and a bare `eventBody`. `ingest` recognises a body to answer the sender, `worker` recognises the same
//! bytes again: the body is the message.
//!
//! Source of the field names: Genesys' analytics detail event schemas (`CustomerEndDetailEventTopicCustomerEndEvent` and
//! its siblings) and Genesys' own EventBridge samples.

mod channel;
mod details;
mod disconnect;
mod email;
mod filter;
mod json;
mod kind;
mod media_link;
mod names;
mod part;
mod read;
mod recognised;
mod source;
mod sources;
mod texts;

pub use channel::Channel;
pub use details::{Details, Direction};
pub use disconnect::Disconnect;
pub use filter::Filter;
pub use kind::Kind;
pub use media_link::is_signed;
pub use part::Part;
pub use read::{ReadBody, Reading, interaction_of, read_body};
pub use recognised::{Event, Ignored, Recognised, Unrecognised};
pub use source::Source;
pub use sources::recognise;

pub use email::email;
pub use names::person_name;
pub use texts::excerpt;

pub(super) use json::Node;
#[cfg(test)]
pub(super) use texts::TEXT_MAX_CHARS;

#[cfg(test)]
mod tests;
