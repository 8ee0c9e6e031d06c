//! What arrived in one request, as far as its message needs it.

use bytes::Bytes;
use jiff::Timestamp;
use lapin::BasicProperties;
use shared::broker::{Outgoing, topology};

/// A body and what came beside it.
pub(super) struct Arrival<'r> {
    pub body: &'r Bytes,
    /// The topic, from the query or a header.
    pub topic: Option<&'r str>,
    pub at: Timestamp,
    pub traceparent: String,
}

impl Arrival<'_> {
    /// The message for the work queue.
    pub fn message(&self, properties: BasicProperties) -> Outgoing {
        Outgoing {
            exchange: topology::EXCHANGE,
            routing_key: topology::WORK_KEY.into(),
            properties,
            body: self.body.clone(),
        }
    }
}
