//! The events that a campaign sends, in the forms in which Genesys or the guide send them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shared::domain::event::{Filter, Recognised, recognise};

use super::numbers::Number;
use super::system::CHAT_TYPE;
use crate::history::{Answer, Began, Head, Posted};

/// How long an agent talks, in seconds, and how long the work after the call takes.
const TALK: u32 = 45;
const AFTER_CALL: u32 = 40;
/// How long an agent holds the caller, in seconds.
const HOLD: u32 = 5;
/// How long a third party takes part, in seconds: less than any other, so that theirs begins last.
const JOINED: u32 = 15;

/// What an event looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// The guide's payload of a call.
    Guide,
    /// The guide's payload of a chat.
    GuideChat,
    /// The customer's side of a call is over.
    CustomerEnd,
    /// The agent's side is.
    UserEnd,
    /// The agent has written down what it was about.
    Acw,
    /// The side of a party who is not the customer is over: a supplier in a conference, or the target of a transfer.
    ThirdParty,
    /// A channel that is not recorded.
    UnrecordedChannel,
    /// A status that is not final.
    NotFinal,
    /// A topic that is not recorded.
    OtherTopic,
}

impl Form {
    /// Whether such an event is owed a record.
    #[must_use]
    pub fn is_recordable(self) -> bool {
        match self {
            Self::Guide
            | Self::GuideChat
            | Self::CustomerEnd
            | Self::UserEnd
            | Self::Acw
            | Self::ThirdParty => true,
            Self::UnrecordedChannel | Self::NotFinal | Self::OtherTopic => false,
        }
    }
}

/// Event that senders post.
#[derive(Clone, Debug)]
pub struct Event {
    /// Counts the interactions of the campaign.
    pub interaction: usize,
    /// Position among the events of its interaction, from 0.
    pub index: usize,
    /// What it looks like.
    pub form: Form,
    /// Caller, unless the number is withheld; of a third party, that party.
    pub caller: Option<Number>,
    /// Their number, in some form.
    pub number: Option<String>,
    /// When it happens, from the start.
    pub offset: Duration,
    /// Whether Genesys knows its call: names stand in the record then, and a link to the recording.
    pub is_enriched: bool,
}

impl Event {
    /// The id of its interaction.
    #[must_use]
    pub fn interaction_id(&self) -> String {
        format!("c0000000-0000-4000-8000-{:012}", self.interaction)
    }

    /// What the record must hold in the end that no other event states.
    fn facts(&self) -> Vec<String> {
        match self.form {
            Form::Guide | Form::GuideChat => vec![self.customer(), self.recording()],
            Form::CustomerEnd => self.customers_facts(),
            Form::UserEnd if self.is_enriched => vec![self.agent(), self.queue()],
            Form::UserEnd => vec![self.agent_id(), self.queue_id()],
            Form::Acw => vec![self.wrapup_notes()],
            Form::ThirdParty => self.caller.map(Number::international).into_iter().collect(),
            Form::UnrecordedChannel | Form::NotFinal | Form::OtherTopic => Vec::new(),
        }
    }

    fn customers_facts(&self) -> Vec<String> {
        let (minutes, seconds) = (self.seconds() / 60, self.seconds() % 60);
        let mut facts = vec![format!(" {minutes} min {seconds} s")];
        if self.is_enriched {
            facts.push("Listen in Genesys Cloud".to_owned());
        }
        facts
    }

    /// What a record shows that this event leads.
    fn head(&self, start: Timestamp) -> Option<Head> {
        let caller = self.caller.map(Number::international);
        let caller = caller.unwrap_or_else(|| "a withheld number".to_owned());
        let (call, name) = (format!("Inbound call from {caller}"), self.customer());
        let lasted = self.seconds();
        let length = format!("({} min {} s)", lasted / 60, lasted % 60);
        let (subject, seconds) = match self.form {
            Form::Guide => (format!("Call with {name} {length}"), lasted),
            Form::GuideChat => (format!("Chat with {name} {length}"), lasted),
            Form::CustomerEnd => (format!("{call} {length}"), lasted),
            Form::UserEnd => (format!("{call} ({TALK} s)"), TALK),
            Form::Acw => (call, AFTER_CALL),
            Form::ThirdParty | Form::UnrecordedChannel | Form::NotFinal | Form::OtherTopic => {
                return None;
            }
        };
        let held = if self.form == Form::UserEnd { HOLD } else { 0 };
        let before = SignedDuration::from_secs((seconds + held).into());
        // Work after a call is no part of how long it lasted.
        let lasted = if self.form == Form::Acw { 0 } else { seconds };
        Some(Head {
            is_customers: !matches!(self.form, Form::UserEnd | Form::Acw),
            subject,
            kind: match self.form {
                Form::GuideChat => CHAT_TYPE.to_owned(),
                _ => "call".to_owned(),
            },
            began: if self.tells_time() {
                Began::At(self.happened(start) - before)
            } else {
                Began::BeforeReceipt(before)
            },
            duration: format!("00:{:02}", lasted.div_ceil(60)),
        })
    }

    /// As the check of the history reads it, before any answer. `start` is when the campaign began.
    ///
    /// # Panics
    ///
    /// If the bridge does not recognise it at all: then a form here is wrong.
    #[must_use]
    pub fn posted(&self, start: Timestamp) -> Posted {
        let body = self.body(start);
        let recognised = recognise(body.as_bytes(), None, &Filter::everything())
            .unwrap_or_else(|error| panic!("{:?}: {error}", self.form));
        let event = match recognised {
            Recognised::Event(event) => event.key.as_str().to_owned(),
            Recognised::Ignored(_) => format!("event {}", self.index),
        };
        let is_third_party = self.form == Form::ThirdParty;
        let international = self.caller.map(Number::international);
        Posted {
            interaction: self.interaction_id(),
            event,
            is_recordable: self.form.is_recordable(),
            number: self.number.clone().filter(|_| !is_third_party),
            third_party: international.filter(|_| is_third_party),
            facts: self.facts(),
            head: self.head(start),
            sent: None,
            answer: Answer::None,
        }
    }

    /// The body of its webhook.
    #[must_use]
    pub fn body(&self, start: Timestamp) -> String {
        let body = match self.form {
            Form::Guide => self.guide(start, "voice", "completed"),
            Form::GuideChat => self.guide(start, "chat", "completed"),
            Form::UnrecordedChannel => self.guide(start, "email", "completed"),
            Form::NotFinal => self.guide(start, "voice", "in-progress"),
            Form::CustomerEnd => self.detail(
                start,
                "customer.end",
                &json!({"interactingDurationMs": self.seconds() * 1000}),
            ),
            Form::UserEnd => self.detail(
                start,
                "user.end",
                &json!({
                    "userId": self.agent_id(), "queueId": self.queue_id(), "disconnectType": "PEER",
                    "interactingDurationMs": TALK * 1000, "heldDurationMs": HOLD * 1000,
                }),
            ),
            Form::Acw => self.detail(
                start,
                "acw",
                &json!({"wrapupNotes": self.wrapup_notes(), "wrapupDurationMs": AFTER_CALL * 1000}),
            ),
            Form::ThirdParty => self.detail(start, "customer.end", &self.joined()),
            Form::OtherTopic => self.detail(start, "customer.start", &json!({})),
        };
        body.to_string()
    }

    fn guide(&self, start: Timestamp, channel: &str, status: &str) -> Value {
        let ended = self.happened(start);
        let began = ended - SignedDuration::from_secs(self.seconds().into());
        let mut data = json!({
            "id": self.interaction_id(), "channelType": channel, "phoneNumber": self.number, "status": status,
            "participantName": self.customer(), "duration": self.seconds(), "recordingUrl": self.recording(),
        });
        if self.tells_time() {
            data["startTime"] = json!(began.to_string());
            data["endTime"] = json!(ended.to_string());
        }
        json!({"eventType": "interaction.completed", "data": data})
    }

    fn detail(&self, start: Timestamp, leaf: &str, more: &Value) -> Value {
        let at = self.happened(start);
        let (ani, dnis) = self.addresses();
        let (participant, session) = self.part_ids();
        let mut body = json!({
            "eventTime": at.as_millisecond(), "conversationId": self.interaction_id(),
            "participantId": participant, "sessionId": session, "mediaType": "VOICE",
            "direction": "INBOUND", "ani": ani, "dnis": dnis, "disconnectType": "ENDPOINT",
        });
        let members = body.as_object_mut().zip(more.as_object());
        if let Some((members, more)) = members {
            members.extend(more.clone());
        }
        let topic = |id: &str| format!("v2.detail.events.conversation.{id}.{leaf}");
        let detail =
            json!({"topicName": topic(&self.interaction_id()), "version": "2", "eventBody": body});
        json!({"version": "0", "id": self.uuid('e'), "detail-type": topic("{id}"), "detail": detail})
    }

    /// The side of a third party, who is called into the conversation after all others began.
    fn joined(&self) -> Value {
        let number = self.caller.map(Number::international).unwrap_or_default();
        json!({
            "direction": "OUTBOUND", "ani": "tel:+12025550100", "dnis": format!("tel:{number}"),
            "interactingDurationMs": JOINED * 1000, "disconnectType": "PEER",
        })
    }

    /// The ids of its participant and session.
    pub(super) fn part_ids(&self) -> (String, String) {
        (self.uuid('c'), self.uuid('d'))
    }

    /// Who called, and who was called.
    pub(super) fn addresses(&self) -> (String, String) {
        let ani = self.number.clone();
        let ani = ani.unwrap_or_else(|| "sip:anonymous@anonymous.invalid".to_owned());
        (ani, "tel:+12025550100".to_owned())
    }

    /// When its side of the call began and ended.
    pub(super) fn span(&self, start: Timestamp) -> (Timestamp, Timestamp) {
        let seconds = match self.form {
            Form::UserEnd => TALK + HOLD,
            _ => self.seconds(),
        };
        let ended = self.happened(start);
        (ended - SignedDuration::from_secs(seconds.into()), ended)
    }

    /// The agent's user, and their name.
    pub(super) fn agent_id(&self) -> String {
        self.uuid('a')
    }

    pub(super) fn agent(&self) -> String {
        format!("Agent {:06}", self.index)
    }

    /// The queue, and its name.
    pub(super) fn queue_id(&self) -> String {
        self.uuid('b')
    }

    pub(super) fn queue(&self) -> String {
        format!("Queue {:06}", self.index)
    }

    /// The division of its conversation.
    pub(super) fn division_id(&self) -> String {
        self.uuid('f')
    }

    fn customer(&self) -> String {
        format!("Caller {:06}", self.index)
    }

    fn recording(&self) -> String {
        format!("https://recordings.example.invalid/{:06}", self.index)
    }

    fn wrapup_notes(&self) -> String {
        format!("Note {:06}: call back on Friday", self.index)
    }

    fn seconds(&self) -> u32 {
        60 + u32::try_from(self.index % 240).unwrap_or_default()
    }

    /// When it happens, in the milliseconds that events have.
    fn happened(&self, start: Timestamp) -> Timestamp {
        let offset = SignedDuration::try_from(self.offset).unwrap_or_default();
        let ms = (start + offset).as_millisecond();
        Timestamp::from_millisecond(ms).unwrap_or(start)
    }

    /// Whether it states its time. Half of the guide's payloads do not.
    fn tells_time(&self) -> bool {
        !matches!(self.form, Form::Guide | Form::GuideChat) || self.index.is_multiple_of(2)
    }

    fn uuid(&self, sort: char) -> String {
        format!("{sort}0000000-0000-4000-8000-{:012}", self.index)
    }
}
