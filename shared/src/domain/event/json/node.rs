//! The members of all forms, by their names.

use serde::Deserialize;

use super::super::email::email;
use super::lenient::{First, Number, Object, Text, Texts};
use super::nesting;

/// What some editors and systems put before UTF-8. It is no JSON, but does no harm.
pub(in crate::domain::event) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A JSON object of any level of any form. All members are optional.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::domain) struct Node<'a> {
    // Wrappers: EventBridge, detail, trigger template, the guide.
    #[serde(borrow)]
    pub detail: Object<Node<'a>>,
    pub event_body: Object<Node<'a>>,
    pub data: Object<Node<'a>>,
    #[serde(rename = "detail-type")]
    pub detail_type: Text<'a>,
    pub account: Text<'a>,
    pub source: Text<'a>,
    pub time: Text<'a>,
    pub topic_name: Text<'a>,
    pub event_type: Text<'a>,
    pub event: Text<'a>,
    pub status: Text<'a>,
    // Analytics detail event.
    pub conversation_id: Text<'a>,
    pub participant_id: Text<'a>,
    pub session_id: Text<'a>,
    pub event_time: Number,
    pub media_type: Text<'a>,
    pub message_type: Text<'a>,
    pub direction: Text<'a>,
    pub disconnect_type: Text<'a>,
    pub ani: Text<'a>,
    pub dnis: Text<'a>,
    pub address_from: Text<'a>,
    pub address_to: Text<'a>,
    pub callback_numbers: First<'a>,
    pub callback_user_name: Text<'a>,
    pub user_id: Text<'a>,
    pub queue_id: Text<'a>,
    pub external_contact_id: Text<'a>,
    pub conversation_external_contact_ids: Texts<'a>,
    pub interacting_duration_ms: Number,
    pub held_duration_ms: Number,
    pub alerting_duration_ms: Number,
    pub contacting_duration_ms: Number,
    pub dialing_duration_ms: Number,
    pub callback_duration_ms: Number,
    pub wrapup_code: Text<'a>,
    pub wrapup_notes: Text<'a>,
    pub wrapup_duration_ms: Number,
    // The guide's `data`; the last ones are what its text promises and its snippet leaves out.
    pub id: Text<'a>,
    pub channel_type: Text<'a>,
    pub phone_number: Text<'a>,
    pub participant_name: Text<'a>,
    pub duration: Number,
    pub recording_url: Text<'a>,
    pub recording_id: Text<'a>,
    pub agent_name: Text<'a>,
    pub queue_name: Text<'a>,
    pub start_time: Text<'a>,
    pub end_time: Text<'a>,
    pub transcript_summary: Text<'a>,
    pub summary: Text<'a>,
    pub email: Texts<'a>,
    pub emails: Texts<'a>,
    pub email_address: Texts<'a>,
    pub email_addresses: Texts<'a>,
    pub customer_email: Texts<'a>,
    pub participant_email: Texts<'a>,
    pub contact_email: Texts<'a>,
    // The customer, as an object.
    pub customer: Object<Node<'a>>,
    pub participant: Object<Node<'a>>,
    pub contact: Object<Node<'a>>,
    // `conversation.ended`.
    pub caller_id: Text<'a>,
    pub callee_id: Text<'a>,
    pub caller_name: Text<'a>,
    pub duration_seconds: Number,
}

impl<'a> Node<'a> {
    /// The analytics detail event, in whatever it is wrapped.
    pub(in crate::domain) fn event_body(&self) -> &Self {
        let detail = self.detail.0.as_deref().unwrap_or(self);
        detail.event_body.0.as_deref().unwrap_or(detail)
    }

    /// The customer's e-mail address, by whichever of the usual names it has: the first that reads as one, its own before
    /// that of an object in it.
    pub(in crate::domain) fn any_email(&self) -> Option<String> {
        let members = [
            &self.email,
            &self.emails,
            &self.email_address,
            &self.email_addresses,
            &self.customer_email,
            &self.participant_email,
            &self.contact_email,
        ];
        let mut own = members.into_iter().flat_map(|texts| &texts.0);
        let customers = [&self.customer, &self.participant, &self.contact];
        let mut customers = customers.into_iter().filter_map(|node| node.0.as_deref());
        own.find_map(|text| email(Some(text)))
            .or_else(|| customers.find_map(Self::any_email))
    }

    /// Reads a body that is known to be JSON; nothing where it is nested too deep to be read.
    pub(in crate::domain) fn read(body: &'a [u8]) -> Option<Box<Self>> {
        let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
        if nesting::is_too_deep(body) {
            return None;
        }
        serde_json::from_slice::<Object<Self>>(body).ok()?.0
    }
}
