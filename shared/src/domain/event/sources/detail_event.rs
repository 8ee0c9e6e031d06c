//! An analytics detail event of Genesys Cloud, whatever it is wrapped in.

use super::super::channel::Channel;
use super::super::details::{Details, Direction};
use super::super::disconnect::Disconnect;
use super::super::email::email;
use super::super::filter::Filter;
use super::super::json::{Node, Text};
use super::super::kind::Kind;
use super::super::names::person_name;
use super::super::recognised::{Event, Ignored, Recognised, Unrecognised};
use super::super::source::Source;
use super::super::texts::{excerpt, id, value};
use super::members;
use crate::domain::ids::{EventKey, InteractionId};
use crate::domain::times;

/// What `eventTime` holds in the test body of Genesys' documentation of triggers.
const TEST_TIME: f64 = 10_000.0;

/// Recognises the event in `body`. `id_member` is the path of its id, for errors.
pub(super) fn recognise(
    body: &Node<'_>,
    source: Source,
    topic: Option<&str>,
    id_member: &'static str,
    filter: &Filter,
) -> Result<Recognised, Unrecognised> {
    let kind = match topic {
        Some(topic) => match Kind::from_topic(topic) {
            Some(kind) => kind,
            None => return Ok(Recognised::Ignored(Ignored::Topic(topic.to_owned()))),
        },
        None => infer_kind(body).ok_or(Unrecognised::Missing("topicName"))?,
    };
    if is_test(body) {
        return Ok(Recognised::Ignored(Ignored::Test));
    }
    let interaction = members::interaction_id(&body.conversation_id, id_member)?;
    let media = members::needed(&body.media_type, "eventBody.mediaType")?;
    let channel = Channel::parse(media, body.message_type.as_deref());
    if let Some(ignored) = members::ignored_channel(&channel, filter) {
        return Ok(Recognised::Ignored(ignored));
    }
    Ok(Recognised::Event(Box::new(Event {
        source,
        kind,
        key: natural_key(kind, &interaction, body),
        details: details(body, &channel),
        interaction,
        channel,
        at: body.event_time.0.and_then(times::from_epoch_ms),
        part: None,
        is_inferred: topic.is_none(),
    })))
}

/// Whether it is the test body of Genesys' documentation of triggers: its ids hold their own names, in 1970. An id alone
/// that does is a template that was not filled.
fn is_test(body: &Node<'_>) -> bool {
    let holds = |text: &Text<'_>, name| text.as_deref() == Some(name);
    let others = [
        holds(&body.participant_id, "participantId"),
        holds(&body.session_id, "sessionId"),
        body.event_time.0 == Some(TEST_TIME),
    ];
    holds(&body.conversation_id, "conversationId") && others.contains(&true)
}

/// The kind of a body that came without a topic, from the members that only that kind has.
fn infer_kind(body: &Node<'_>) -> Option<Kind> {
    let ended =
        body.disconnect_type.as_deref().is_some() || body.interacting_duration_ms.0.is_some();
    if body.wrapup_code.as_deref().is_some() || body.wrapup_duration_ms.0.is_some() {
        Some(Kind::Acw)
    } else if ended && body.user_id.as_deref().is_some() {
        Some(Kind::UserEnd)
    } else if ended {
        Some(Kind::CustomerEnd)
    } else {
        None
    }
}

fn natural_key(kind: Kind, interaction: &InteractionId, body: &Node<'_>) -> EventKey {
    let part = |text: &Text<'_>| text.as_deref().unwrap_or_default().to_owned();
    let time = body.event_time.0.map(|time| time.to_string());
    EventKey::from_parts(&[
        kind.as_str(),
        interaction.as_str(),
        &part(&body.participant_id),
        &part(&body.session_id),
        &time.unwrap_or_default(),
    ])
}

fn details(body: &Node<'_>, channel: &Channel) -> Details {
    let direction = Direction::parse(body.direction.as_deref());
    let from = address(channel, &body.ani, &body.address_from);
    let to = address(channel, &body.dnis, &body.address_to);
    let side = match direction {
        Some(Direction::Inbound) => from.clone(),
        Some(Direction::Outbound) => to.clone(),
        None => None,
    };
    let number = value(body.callback_numbers.as_deref()).or(side);
    Details {
        direction,
        email: body.any_email().or_else(|| email(number.as_deref())),
        number,
        from,
        to,
        customer: person_name(body.callback_user_name.as_deref()),
        contact: id(body.external_contact_id.as_deref()),
        contacts: body.conversation_external_contact_ids.ids(),
        participant: id(body.participant_id.as_deref()),
        session: id(body.session_id.as_deref()),
        disconnect: value(body.disconnect_type.as_deref()).map(|text| Disconnect::parse(&text)),
        duration_ms: members::milliseconds(&body.interacting_duration_ms),
        hold_ms: members::milliseconds(&body.held_duration_ms),
        ringing_ms: ringing(body),
        after_call_ms: members::milliseconds(&body.wrapup_duration_ms),
        agent: value(body.user_id.as_deref()),
        queue: value(body.queue_id.as_deref()),
        wrapup_code: value(body.wrapup_code.as_deref()),
        wrapup_notes: excerpt(body.wrapup_notes.as_deref()),
        ..Details::default()
    }
}

/// The address of one side: that of a telephone, or of a message.
fn address(channel: &Channel, telephone: &Text<'_>, message: &Text<'_>) -> Option<String> {
    let by_channel = match channel {
        Channel::Voice => [telephone, message],
        Channel::Chat | Channel::Other(_) => [message, telephone],
    };
    by_channel
        .into_iter()
        .find_map(|text| value(text.as_deref()))
}

/// The time before anyone spoke, all parts of it together.
fn ringing(body: &Node<'_>) -> Option<u64> {
    let parts = [
        &body.alerting_duration_ms,
        &body.contacting_duration_ms,
        &body.dialing_duration_ms,
        &body.callback_duration_ms,
    ];
    let parts = parts.into_iter().filter_map(members::milliseconds);
    parts.reduce(u64::saturating_add)
}
