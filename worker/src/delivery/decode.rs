//! Decodes the body of a message into the event that it carries, as `ingest` recognised it.

use jiff::Timestamp;
use shared::broker::message::{self, Envelope};
use shared::domain::event::{Filter, Kind, Reading, Unrecognised, read_body};
use shared::domain::facts::Facts;
use shared::domain::ids::{EventKey, InteractionId};
use shared::domain::truncated::TRUNCATED_MIN_BYTES;

use crate::failure::Failure;

/// The event of a message.
#[derive(Debug)]
pub(crate) struct DecodedEvent {
    /// Id of the interaction.
    pub interaction: InteractionId,
    /// Key of the event within its interaction.
    pub key: EventKey,
    /// Kind of the event.
    pub kind: Kind,
    /// Content of the event.
    pub facts: Facts,
}

/// Decodes the body. An event that `ingest` accepted is recorded, whatever the filter is by now.
///
/// # Errors
///
/// When the body is not an event that is ever recorded: another program published it, a newer version did, or it was
/// truncated too early.
pub(crate) fn decode(
    envelope: &Envelope,
    body: &[u8],
    received_at: Timestamp,
) -> Result<DecodedEvent, Failure> {
    if envelope.schema > message::SCHEMA {
        return Err(Failure::NewerSchema {
            what: "message",
            schema: envelope.schema,
        });
    }
    let (topic, filter) = (envelope.event.as_deref(), Filter::everything());
    // Read as `ingest` reads it, which takes no short body for a part.
    let may_be_truncated = envelope.refused.is_none() || body.len() >= TRUNCATED_MIN_BYTES;
    let read = read_body(body, topic, &filter, may_be_truncated)
        .map_err(|error| Failure::Unrecognised(describe(&error)))?;
    match read.reading {
        Reading::Event(event) => Ok(DecodedEvent {
            facts: Facts::of(&event, received_at),
            interaction: event.interaction,
            key: event.key,
            kind: event.kind,
        }),
        Reading::Ignored(why) => Err(Failure::NotOurs(why.to_string())),
        Reading::Fragment { why, .. } => Err(Failure::Unrecognised(format!(
            "it is cut off after {} bytes, and {}",
            body.len(),
            describe(&why)
        ))),
    }
}

/// The error without content of the body: a syntax error quotes nothing, but a shape error may.
fn describe(error: &Unrecognised) -> String {
    match error {
        Unrecognised::Shape(_) => "a member is there twice".to_owned(),
        other => other.to_string(),
    }
}
