//! RabbitMQ: every name, the topology, connections, and publishing with confirms.
//!
//! No other module spells the name of an exchange, a queue, a routing key or a header.

mod connection;
mod existing;
pub mod message;
pub mod properties_json;
mod publisher;
pub mod topology;

pub use connection::{ConnectError, connect};
pub use publisher::{Outgoing, PublishError, Publisher, PublisherState};
pub use topology::{TopologyError, declare, is_marked, mark};
