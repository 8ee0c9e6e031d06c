//! RabbitMQ: every name, the topology, connections, and publishing with confirms.
//!
//! No other module spells the name of an exchange, a queue, a routing key or a header.

mod connection;
mod declaration;
pub mod message;
pub mod properties_json;
mod publisher;
pub mod topology;

pub use connection::{ConnectError, connect};
pub use declaration::declare;
pub use publisher::{Outgoing, PublishError, Publisher, PublisherState};
pub use topology::{TopologyError, is_marked, mark};
