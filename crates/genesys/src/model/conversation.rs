//! A conversation close to real time: `Conversation` of the API description.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::tolerant::{list, maybe, texts};

/// A conversation: those who took part in it, each with communications.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Conversation {
    /// Id assigned by Genesys.
    #[serde(default, deserialize_with = "maybe")]
    pub id: Option<String>,
    /// Begin of the conversation.
    #[serde(default, deserialize_with = "maybe")]
    pub start_time: Option<Timestamp>,
    /// When it ended. Absent while it goes on.
    #[serde(default, deserialize_with = "maybe")]
    pub end_time: Option<Timestamp>,
    /// A mark that other software has set.
    #[serde(default, deserialize_with = "maybe")]
    pub external_tag: Option<String>,
    /// Everyone and everything that took part: customers, agents, queues, menus.
    #[serde(default, deserialize_with = "list")]
    pub participants: Vec<Participant>,
}

/// One who took part.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Participant {
    /// Id of the participant within the conversation.
    #[serde(default, deserialize_with = "maybe")]
    pub id: Option<String>,
    /// `customer`, `external`, `agent`, `user`, `acd`, `ivr`, `voicemail` and others.
    #[serde(default, deserialize_with = "maybe")]
    pub purpose: Option<String>,
    /// A display name; of a customer often a place.
    #[serde(default, deserialize_with = "maybe")]
    pub name: Option<String>,
    /// Id of the user, where the participant is an agent.
    #[serde(default, deserialize_with = "maybe")]
    pub user_id: Option<String>,
    /// The queue through which it came.
    #[serde(default, deserialize_with = "maybe")]
    pub queue_id: Option<String>,
    /// Name of the queue that routed the communication.
    #[serde(default, deserialize_with = "maybe")]
    pub queue_name: Option<String>,
    /// Id of the external contact, where the participant is a customer.
    #[serde(default, deserialize_with = "maybe")]
    pub external_contact_id: Option<String>,
    /// `tel:+…`, `sip:…` or an opaque id.
    #[serde(default, deserialize_with = "maybe")]
    pub address: Option<String>,
    /// Number or address that the communication came from.
    #[serde(default, deserialize_with = "maybe")]
    pub ani: Option<String>,
    /// Number or address that the communication went to.
    #[serde(default, deserialize_with = "maybe")]
    pub dnis: Option<String>,
    /// When it joined, or was offered.
    #[serde(default, deserialize_with = "maybe")]
    pub start_time: Option<Timestamp>,
    /// When it was connected. Absent for an agent who did not answer.
    #[serde(default, deserialize_with = "maybe")]
    pub connected_time: Option<Timestamp>,
    /// When the participant left.
    #[serde(default, deserialize_with = "maybe")]
    pub end_time: Option<Timestamp>,
    /// How an agent closed it.
    #[serde(default, deserialize_with = "maybe")]
    pub wrapup: Option<Wrapup>,
    /// What flows and forms have noted: names, e-mail addresses, numbers, and anything else.
    #[serde(default, deserialize_with = "texts")]
    pub attributes: BTreeMap<String, String>,
    /// Telephone calls of the participant.
    #[serde(default, deserialize_with = "list")]
    pub calls: Vec<Communication>,
    /// Callbacks that the participant asked for or made.
    #[serde(default, deserialize_with = "list")]
    pub callbacks: Vec<Communication>,
    /// Chats of before 2026.
    #[serde(default, deserialize_with = "list")]
    pub chats: Vec<Communication>,
    /// Web messages, SMS and social messages.
    #[serde(default, deserialize_with = "list")]
    pub messages: Vec<Communication>,
    /// E-mails of the participant.
    #[serde(default, deserialize_with = "list")]
    pub emails: Vec<Communication>,
}

impl Participant {
    /// All communications, whatever their media.
    pub fn communications(&self) -> impl Iterator<Item = &Communication> {
        let kinds = [
            &self.calls,
            &self.callbacks,
            &self.chats,
            &self.messages,
            &self.emails,
        ];
        kinds.into_iter().flatten()
    }
}

/// One communication of a participant. Its id is the `sessionId` of events and of analytics.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Communication {
    /// Id assigned by Genesys.
    #[serde(default, deserialize_with = "maybe")]
    pub id: Option<String>,
    /// `connected`, `disconnected`, `terminated` and others.
    #[serde(default, deserialize_with = "maybe")]
    pub state: Option<String>,
    /// Which side began: `inbound` or `outbound`.
    #[serde(default, deserialize_with = "maybe")]
    pub direction: Option<String>,
    /// `endpoint`, `client`, `transfer`, `transfer.consult` and others.
    #[serde(default, deserialize_with = "maybe")]
    pub disconnect_type: Option<String>,
    /// When it was connected.
    #[serde(default, deserialize_with = "maybe")]
    pub connected_time: Option<Timestamp>,
    /// End of the communication.
    #[serde(default, deserialize_with = "maybe")]
    pub disconnected_time: Option<Timestamp>,
    /// Whether a call is recorded.
    #[serde(default, deserialize_with = "maybe")]
    pub recording: Option<bool>,
    /// `webmessaging`, `sms`, `whatsapp` and others; messages alone have it.
    #[serde(default, rename = "type", deserialize_with = "maybe")]
    pub message_type: Option<String>,
    /// A call's own address.
    #[serde(default, rename = "self", deserialize_with = "maybe")]
    pub own: Option<Address>,
    /// A call's other address.
    #[serde(default, deserialize_with = "maybe")]
    pub other: Option<Address>,
    /// Where a message came from.
    #[serde(default, deserialize_with = "maybe")]
    pub from_address: Option<Address>,
    /// Where a message went.
    #[serde(default, deserialize_with = "maybe")]
    pub to_address: Option<Address>,
    /// Numbers to call back.
    #[serde(default, deserialize_with = "list")]
    pub callback_numbers: Vec<String>,
    /// Who asked to be called back.
    #[serde(default, deserialize_with = "maybe")]
    pub callback_user_name: Option<String>,
    /// When to call back.
    #[serde(default, deserialize_with = "maybe")]
    pub callback_scheduled_time: Option<Timestamp>,
    /// How an agent closed this communication.
    #[serde(default, deserialize_with = "maybe")]
    pub wrapup: Option<Wrapup>,
}

/// An address of a communication.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    /// Name of the participant, as agents see it.
    #[serde(default, deserialize_with = "maybe")]
    pub name: Option<String>,
    /// `tel:+…` where it is a number.
    #[serde(default, deserialize_with = "maybe")]
    pub address_normalized: Option<String>,
    /// As the network gave it.
    #[serde(default, deserialize_with = "maybe")]
    pub address_raw: Option<String>,
}

/// How an agent closed a conversation.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Wrapup {
    /// Id of the wrap-up code that the agent chose.
    #[serde(default, deserialize_with = "maybe")]
    pub code: Option<String>,
    /// Name of the wrap-up code that the agent chose.
    #[serde(default, deserialize_with = "maybe")]
    pub name: Option<String>,
    /// What the agent wrote.
    #[serde(default, deserialize_with = "maybe")]
    pub notes: Option<String>,
    /// How long it took, in seconds.
    #[serde(default, deserialize_with = "maybe")]
    pub duration_seconds: Option<u64>,
    /// When it was done.
    #[serde(default, deserialize_with = "maybe")]
    pub end_time: Option<Timestamp>,
}
