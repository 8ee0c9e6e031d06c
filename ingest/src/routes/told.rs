//! What a body tells that is to be published: an event, or a part of which nobody but a person can make sense.

use jiff::Timestamp;
use lapin::BasicProperties;
use shared::broker::message;
use shared::domain::event::{Event, Unrecognised};
use shared::domain::ids::InteractionId;

use crate::metrics::Metrics;

/// The AMQP `app_id` of what is published here.
const APP_ID: &str = "ingest";

/// What a body tells.
pub enum Told {
    /// An event, or as much of one as makes a record.
    Event(Box<Event>),
    /// A part of something. The worker makes it a dead letter: one place does that, and counts them.
    Fragment(Option<InteractionId>, Unrecognised),
}

/// What the sender learns of it.
pub struct Accepted {
    /// Which interaction, if that came.
    pub interaction: Option<InteractionId>,
    /// Whether the body was cut off.
    pub is_partial: bool,
    /// Why no event could be recognised in what came.
    pub unrecognised: Option<Unrecognised>,
}

impl Told {
    /// The properties of the message.
    pub fn properties(
        &self,
        topic: Option<&str>,
        received_at: Timestamp,
        traceparent: &str,
    ) -> BasicProperties {
        match self {
            Self::Event(event) => message::accept(event, received_at, traceparent, APP_ID),
            Self::Fragment(interaction, _) => message::accept_unrecognised(
                interaction.as_ref(),
                topic,
                received_at,
                traceparent,
                APP_ID,
            ),
        }
    }

    /// Logs and counts what was published.
    pub fn report(&self, bytes: usize, traceparent: &str, metrics: &Metrics) {
        match self {
            Self::Event(event) => {
                if event.part.is_some() {
                    metrics.partial("recognised");
                }
                tracing::debug!(
                    interaction.id = %event.interaction,
                    source = event.source.as_str(),
                    event = event.kind.as_str(),
                    is_partial = event.part.is_some(),
                    traceparent,
                    "Accepted {} of {}",
                    event.kind.as_str(),
                    event.interaction,
                );
            }
            Self::Fragment(interaction, why) => {
                metrics.partial("unrecognised");
                tracing::warn!(
                    interaction.id = interaction.as_ref().map(InteractionId::as_str),
                    reason = %why,
                    bytes,
                    traceparent,
                    "A body was cut off after {bytes} bytes and becomes a dead letter"
                );
            }
        }
    }

    /// What the sender learns.
    pub fn into_accepted(self) -> Accepted {
        match self {
            Self::Event(event) => Accepted {
                is_partial: event.part.is_some(),
                interaction: Some(event.interaction),
                unrecognised: None,
            },
            Self::Fragment(interaction, why) => Accepted {
                interaction,
                is_partial: true,
                unrecognised: Some(why),
            },
        }
    }
}
