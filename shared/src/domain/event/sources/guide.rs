//! The guide's payload: `{"eventType":"interaction.completed","data":{…}}`, with and without its wrapper.
//!
//! Genesys Cloud sends no such event. The guide describes it, and a sender of one's own can produce it.

use super::super::channel::Channel;
use super::super::details::{Details, Direction};
use super::super::email::email;
use super::super::filter::Filter;
use super::super::json::Node;
use super::super::kind::Kind;
use super::super::media_link::is_signed;
use super::super::names::person_name;
use super::super::recognised::{Event, Ignored, Recognised, Unrecognised};
use super::super::source::Source;
use super::super::texts::{excerpt, id, value};
use super::members;
use crate::domain::times::timestamp;

/// Recognises the guide's payload in `wrapper`, which was read from `body`.
pub(super) fn recognise(
    wrapper: &Node<'_>,
    body: &[u8],
    filter: &Filter,
) -> Result<Recognised, Unrecognised> {
    let kind = Kind::Completed;
    let event_type = wrapper.event_type.as_deref();
    if let Some(other) = event_type.filter(|name| *name != kind.as_str()) {
        return Ok(Recognised::Ignored(Ignored::Topic(other.to_owned())));
    }
    let data = wrapper.data.0.as_deref();
    let data = data.ok_or(Unrecognised::Missing("data"))?;
    let interaction = members::interaction_id(&data.id, "data.id")?;
    let status = data.status.as_deref().or(wrapper.status.as_deref());
    if let Some(status) = status.filter(|status| !Filter::admits(&filter.statuses, status)) {
        return Ok(Recognised::Ignored(Ignored::Status(status.to_owned())));
    }
    let media = members::needed(&data.channel_type, "data.channelType")?;
    let channel = Channel::parse(media, None);
    if let Some(ignored) = members::ignored_channel(&channel, filter) {
        return Ok(Recognised::Ignored(ignored));
    }
    Ok(Recognised::Event(Box::new(Event {
        source: Source::Guide,
        kind,
        key: members::content_key(kind.as_str(), &interaction, body),
        interaction,
        at: timestamp(data.end_time.as_deref()),
        details: details(data, &channel),
        channel,
        part: None,
        is_inferred: false,
    })))
}

/// Outside of calls, senders put the customer's address where a call has the number, whichever kind it is. In a call,
/// what looks like an e-mail address is a SIP address.
fn details(data: &Node<'_>, channel: &Channel) -> Details {
    let number = data.phone_number.as_deref();
    let address = number.filter(|_| *channel != Channel::Voice);
    Details {
        direction: Direction::parse(data.direction.as_deref()),
        number: value(number),
        email: data.any_email().or_else(|| email(address)),
        ..shared_details(data)
    }
}

/// What both invented webhooks can say by the same names.
pub(super) fn shared_details(data: &Node<'_>) -> Details {
    let recording_url = value(data.recording_url.as_deref())
        .filter(|url| url.starts_with("https://") || url.starts_with("http://"));
    Details {
        customer: person_name(data.participant_name.as_deref()),
        contact: id(data.external_contact_id.as_deref()),
        started: timestamp(data.start_time.as_deref()),
        duration_ms: members::seconds(&data.duration),
        agent: value(data.agent_name.as_deref()).or_else(|| value(data.user_id.as_deref())),
        queue: value(data.queue_name.as_deref()).or_else(|| value(data.queue_id.as_deref())),
        has_recording: recording_url.as_deref().is_some_and(is_signed),
        recording_url: recording_url.filter(|url| !is_signed(url)),
        recording: id(data.recording_id.as_deref()),
        summary: excerpt(data.transcript_summary.as_deref())
            .or_else(|| excerpt(data.summary.as_deref())),
        ..Details::default()
    }
}
