//! What the organisation has: people, queues, and conversations.
//!
//! One model, and three ways to write it: the conversation API, analytics, and events (which the call centre writes). So the
//! three agree with each other.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

pub use super::terms::{Direction, Disconnect, Media, Purpose, SegmentKind};

/// Users, queues, wrap-up codes and contacts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Directory {
    /// Agents who take conversations.
    pub users: Vec<User>,
    /// Queues that route conversations.
    pub queues: Vec<Named>,
    /// Wrap-up codes that agents choose from.
    pub wrapup_codes: Vec<Named>,
    /// Customers that Genesys knows.
    pub contacts: Vec<Contact>,
}

/// An agent of the call centre, who is a user of Genesys.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// Id of the user, as Genesys gives it.
    pub id: String,
    /// Name of the user, for people to read.
    pub name: String,
    /// The e-mail address, in any case of letters.
    pub email: String,
}

/// Something with an id and a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// Id of the queue or wrap-up code, as Genesys gives it.
    pub id: String,
    /// Name of the queue or wrap-up code, for people to read.
    pub name: String,
}

/// A customer that Genesys knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contact {
    /// Id of the external contact, as Genesys gives it.
    pub id: String,
    /// First name of the external contact.
    pub first_name: String,
    /// Last name of the external contact.
    pub last_name: String,
    /// Telephone number of the contact, in E.164.
    pub phone: Option<String>,
    /// E-mail address of the contact.
    pub email: Option<String>,
    /// Ids of contacts that were merged into this one; they are answered with this one.
    pub merged_from: Vec<String>,
}

/// A conversation with its participants and their communications.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversation {
    /// Id of the conversation, as Genesys gives it.
    pub id: String,
    /// Time at which the conversation began.
    pub start: Timestamp,
    /// When the last session ended. None while it goes on.
    pub end: Option<Timestamp>,
    /// Which side began the conversation.
    pub direction: Direction,
    /// Id of the division that everything belongs to.
    pub division_id: String,
    /// A mark that other software has set.
    pub external_tag: Option<String>,
    /// Everyone and everything that took part, in order.
    pub participants: Vec<Participant>,
}

/// One who took part.
#[derive(Clone, Debug, PartialEq)]
pub struct Participant {
    /// Id of the participant within the conversation.
    pub id: String,
    /// The part that it plays.
    pub purpose: Purpose,
    /// Name of the participant, as agents see it.
    pub name: Option<String>,
    /// Id of the user, where the participant is an agent.
    pub user_id: Option<String>,
    /// Id of the queue that routed the conversation.
    pub queue_id: Option<String>,
    /// Id of the external contact, where the participant is a customer.
    pub contact_id: Option<String>,
    /// What flows and forms have noted.
    pub attributes: BTreeMap<String, String>,
    /// Communications of the participant, in their order.
    pub sessions: Vec<Session>,
    /// After-call work of the agent, if there was any.
    pub wrapup: Option<Wrapup>,
}

/// A communication of a participant: a call, a chat, a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// Id of the communication, as Genesys gives it.
    pub id: String,
    /// Medium of the communication.
    pub media: Media,
    /// Which side began it.
    pub direction: Direction,
    /// The calling address, `tel:+…` or `sip:…`.
    pub ani: Option<String>,
    /// Number or address that the communication went to.
    pub dnis: Option<String>,
    /// Where messages come from.
    pub address_from: Option<String>,
    /// Address that messages are sent to.
    pub address_to: Option<String>,
    /// Numbers to call back.
    pub callback_numbers: Vec<String>,
    /// Who asked to be called back.
    pub callback_name: Option<String>,
    /// The session at the other end.
    pub peer_id: Option<String>,
    /// Whether it is recorded.
    pub is_recorded: bool,
    /// What happened, in order and without gaps.
    pub segments: Vec<Segment>,
    /// Which side or event ended the communication.
    pub disconnect: Disconnect,
}

/// A stretch of a session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// What the segment was spent on.
    pub kind: SegmentKind,
    /// Begin of the segment.
    pub start: Timestamp,
    /// End of the segment.
    pub end: Timestamp,
}

/// After-call work that was finished.
#[derive(Clone, Debug, PartialEq)]
pub struct Wrapup {
    /// Id of the wrap-up code that the agent chose.
    pub code_id: String,
    /// What the agent wrote.
    pub notes: Option<String>,
    /// Begin of the wrap-up.
    pub start: Timestamp,
    /// End of the wrap-up.
    pub end: Timestamp,
}

impl Segment {
    /// How long it took.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.end.duration_since(self.start).unsigned_abs()
    }
}

impl Session {
    /// When it began. A session without segments never did.
    #[must_use]
    pub fn start(&self) -> Option<Timestamp> {
        self.segments.first().map(|segment| segment.start)
    }

    /// Time at which the communication ended, if it did.
    #[must_use]
    pub fn end(&self) -> Option<Timestamp> {
        self.segments.last().map(|segment| segment.end)
    }

    /// When the two sides were first connected.
    #[must_use]
    pub fn connected(&self) -> Option<Timestamp> {
        let mut segments = self.segments.iter();
        segments
            .find(|segment| segment.kind == SegmentKind::Interact)
            .map(|segment| segment.start)
    }

    /// The time of one kind.
    #[must_use]
    pub fn time(&self, kind: SegmentKind) -> Duration {
        let of_kind = self.segments.iter().filter(|segment| segment.kind == kind);
        of_kind.map(Segment::length).sum()
    }
}

impl Participant {
    /// When it was first there.
    #[must_use]
    pub fn start(&self) -> Option<Timestamp> {
        self.sessions.iter().filter_map(Session::start).min()
    }

    /// Time at which the participant left, if they did.
    #[must_use]
    pub fn end(&self) -> Option<Timestamp> {
        self.sessions.iter().filter_map(Session::end).max()
    }
}
