//! The content of an accepted body: an event, or a fragment that only a person can interpret.

use jiff::Timestamp;
use lapin::BasicProperties;
use shared::broker::message;
use shared::domain::event::{Event, Unrecognised};
use shared::domain::ids::InteractionId;

use crate::metrics::Metrics;

/// The AMQP `app_id` of what is published here.
pub(super) const APP_ID: &str = "ingest";

/// The content of an accepted body.
pub enum Accepted {
    /// An event, or enough of one to write it to Pipedrive.
    Event(Box<Event>),
    /// A truncated body without a complete event. It is published as well: the worker alone dead-letters messages and
    /// counts them.
    Fragment(Option<InteractionId>, Unrecognised),
}

/// The content of the answer to the sender.
pub struct Receipt {
    /// The interaction, if its id arrived.
    pub interaction: Option<InteractionId>,
    /// Whether the body was cut off.
    pub is_partial: bool,
    /// The reason why no event was recognised.
    pub unrecognised: Option<Unrecognised>,
}

impl Accepted {
    /// The properties of the message.
    pub fn properties(
        &self,
        topic: Option<&str>,
        received_at: Timestamp,
        traceparent: &str,
    ) -> BasicProperties {
        match self {
            Self::Event(event) => {
                message::accepted_properties(event, received_at, traceparent, APP_ID)
            }
            Self::Fragment(interaction, _) => message::unrecognised_properties(
                interaction.as_ref(),
                topic,
                received_at,
                traceparent,
                APP_ID,
            ),
        }
    }

    /// Logs and counts the accepted message.
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
                    "Accepted {} of interaction {}",
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
                    "A body was cut off after {bytes} bytes, before a complete event: {why}. The worker will move it to the dead \
                     letter queue"
                );
            }
        }
    }

    /// The content of the answer.
    pub fn into_receipt(self) -> Receipt {
        match self {
            Self::Event(event) => Receipt {
                is_partial: event.part.is_some(),
                interaction: Some(event.interaction),
                unrecognised: None,
            },
            Self::Fragment(interaction, why) => Receipt {
                interaction,
                is_partial: true,
                unrecognised: Some(why),
            },
        }
    }
}
