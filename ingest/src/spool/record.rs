//! What the spool stores, and why it may not.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

/// A message to store.
#[derive(Clone, Debug)]
pub struct Record {
    /// When the webhook was received.
    pub received_at: Timestamp,
    /// The message's properties, by `shared::broker::properties_json`.
    pub properties: String,
    /// Body of the webhook, byte for byte.
    pub body: Bytes,
}

/// A message in the spool file, under the number that deletes it.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its position in the order of arrival.
    pub id: i64,
    /// The message's properties, by `shared::broker::properties_json`.
    pub properties: String,
    /// Body of the webhook, byte for byte.
    pub body: Bytes,
}

/// The message is not stored, or it is not certain that it is.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum SpoolError {
    /// The size limit is reached.
    #[error("the spool is full: it may hold {0} bytes")]
    Full(u64),
    /// The disk reported an error.
    #[error("the spool cannot be used: {0}")]
    Failed(String),
    /// The disk did not answer in time; the message may be stored.
    #[error("the disk did not answer within {}", humantime::format_duration(*.0))]
    TimedOut(Duration),
}
