//! How events arrive: wrapped, late, twice, and in another order than they happened.

use jiff::{SignedDuration, Timestamp};
use rand::Rng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::cast::id;
use super::events::{self, Event};
use super::story::Ended;
use super::truth::Channel;

/// The organisation's id in Genesys.
const ORGANISATION: &str = "9b1f0c7e-5d2a-4b7f-8c36-2f6e1d0a7b11";

/// How events are wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The event in an envelope of `EventBridge`.
    EventBridge,
    /// A trigger with the format Json: topic, organisation and event.
    TriggerJson,
    /// A trigger with the format `TopLevelPrimitives`: flat, without lists.
    TriggerPrimitives,
    /// The guide's one event, when the conversation is over. It says less.
    Guide,
}

/// A webhook as it arrives.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Time of arrival at the webhook.
    pub at: Timestamp,
    /// Id of the conversation that this belongs to.
    pub conversation: String,
    /// Which event it carries: `customer.end`, `user.end`, `acw` or `interaction.completed`.
    pub leaf: &'static str,
    /// How the event is wrapped.
    pub form: Form,
    /// Body of the request.
    pub body: String,
    /// Whether the same event came before.
    pub is_duplicate: bool,
}

/// The deliveries of a conversation, in the order of their arrival.
pub(super) fn deliver(rng: &mut StdRng, form: Form, ended: &Ended) -> Vec<Delivery> {
    let conversation = &ended.held.conversation;
    let events = match form {
        Form::Guide => vec![completed(ended)],
        Form::EventBridge | Form::TriggerJson | Form::TriggerPrimitives => events::of(conversation),
    };
    let mut deliveries = Vec::new();
    for event in events {
        let delivery = Delivery {
            at: event.at + delay(rng),
            conversation: conversation.id.clone(),
            leaf: event.leaf,
            form,
            body: wrapped(rng, form, &event).to_string(),
            is_duplicate: false,
        };
        if rng.random_bool(0.05) {
            deliveries.push(again(rng, &delivery, &event));
        }
        deliveries.push(delivery);
    }
    deliveries.sort_by_key(|delivery| delivery.at);
    deliveries
}

/// Mostly a second, sometimes up to two minutes: then events arrive out of order.
fn delay(rng: &mut StdRng) -> SignedDuration {
    let millis = if rng.random_bool(0.04) {
        5_000..120_000
    } else {
        150..1_500
    };
    SignedDuration::from_millis(rng.random_range(millis))
}

/// The same once more: as it was, or published anew, with another envelope around the same event.
fn again(rng: &mut StdRng, first: &Delivery, event: &Event) -> Delivery {
    let body = if rng.random_bool(0.5) {
        first.body.clone()
    } else {
        wrapped(rng, first.form, event).to_string()
    };
    let later = SignedDuration::from_millis(rng.random_range(1..90_000));
    Delivery {
        at: first.at + later,
        body,
        is_duplicate: true,
        ..first.clone()
    }
}

fn wrapped(rng: &mut StdRng, form: Form, event: &Event) -> Value {
    let topic = format!("v2.detail.events.conversation.{{id}}.{}", event.leaf);
    match form {
        Form::Guide => event.body.clone(),
        Form::TriggerJson => json!({
            "topicName": topic,
            "organizationId": ORGANISATION,
            "eventBody": event.body,
        }),
        Form::TriggerPrimitives => {
            let mut flat = json!({"topicName": topic, "organizationId": ORGANISATION});
            for (name, member) in event.body.as_object().into_iter().flatten() {
                if !member.is_array() {
                    flat[name] = member.clone();
                }
            }
            flat
        }
        Form::EventBridge => json!({
            "version": "0",
            "id": id(rng),
            "detail-type": topic,
            "source": format!("aws.partner/genesys.com/cloud/{ORGANISATION}/crm-logger"),
            "account": "123456789012",
            "time": format!("{:.0}", event.at),
            "region": "us-east-1",
            "resources": [],
            "detail": {
                "topicName": topic.replace("{id}", event.body["conversationId"].as_str().unwrap_or_default()),
                "version": "2",
                "eventBody": event.body,
                "metadata": {"CorrelationId": id(rng)},
                "timestamp": format!("{:.3}", event.at),
            },
        }),
    }
}

/// The event that the guide invents, of a conversation that ended.
fn completed(ended: &Ended) -> Event {
    let (conversation, truth) = (&ended.held.conversation, &ended.truth);
    let customer = conversation
        .participants
        .first()
        .and_then(|participant| participant.sessions.first());
    let address = customer.and_then(|session| {
        let (inbound, outbound) = (
            session.ani.as_ref().or(session.address_from.as_ref()),
            session.dnis.as_ref(),
        );
        if truth.is_inbound { inbound } else { outbound }
    });
    let number = address.and_then(|address| {
        let number = address.trim_start_matches("tel:");
        number.starts_with('+').then_some(number)
    });
    let channel = match truth.channel {
        Channel::Voice => "voice",
        Channel::Chat => "chat",
        Channel::Message => "message",
    };
    let body = json!({
        "eventType": "interaction.completed",
        "data": {
            "id": conversation.id,
            "channelType": channel,
            "phoneNumber": number.unwrap_or("Unknown"),
            "duration": truth.end.duration_since(truth.start).as_secs(),
        },
    });
    Event {
        leaf: "interaction.completed",
        at: truth.end,
        body,
    }
}
