//! Decodes the body of a message into the event that it carries, as `ingest` recognised it.

use jiff::Timestamp;
use shared::broker::message::{self, Envelope};
use shared::domain::event::{Filter, Kind, Recognised, Unrecognised, recognise};
use shared::domain::facts::Facts;
use shared::domain::ids::{EventKey, InteractionId};
use shared::domain::salvage::{self, Cut};

use crate::failure::Failure;

/// The event of a message.
#[derive(Debug)]
pub(crate) struct Event {
    /// The interaction.
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
    data: &[u8],
    received_at: Timestamp,
) -> Result<Event, Failure> {
    if envelope.schema > message::SCHEMA {
        return Err(Failure::NewerSchema {
            what: "message",
            schema: envelope.schema,
        });
    }
    let (topic, filter) = (envelope.event.as_deref(), Filter::everything());
    let body = salvage::without_lone_surrogates(data);
    let truncated;
    let recognised = match recognise(&body, topic, &filter) {
        Err(error @ Unrecognised::Syntax(_)) => {
            truncated = Cut::of(data).ok_or_else(|| Failure::Unrecognised(describe(&error)))?;
            truncated.recognise(topic, &filter).map_err(|error| {
                let bytes = data.len();
                let reason = describe(&error);
                Failure::Unrecognised(format!("it is cut off after {bytes} bytes, and {reason}"))
            })?
        }
        other => other.map_err(|error| Failure::Unrecognised(describe(&error)))?,
    };
    match recognised {
        Recognised::Event(event) => Ok(Event {
            facts: Facts::of(&event, received_at),
            interaction: event.interaction,
            key: event.key,
            kind: event.kind,
        }),
        Recognised::Ignored(why) => Err(Failure::NotOurs(why.to_string())),
    }
}

/// The error without content of the body: a syntax error quotes nothing, but a shape error may.
fn describe(error: &Unrecognised) -> String {
    match error {
        Unrecognised::Shape(_) => "a member is there twice".to_owned(),
        other => other.to_string(),
    }
}
