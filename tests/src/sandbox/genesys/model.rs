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
    /// Agents.
    pub users: Vec<User>,
    /// Queues.
    pub queues: Vec<Named>,
    /// Wrap-up codes.
    pub wrapup_codes: Vec<Named>,
    /// Customers that Genesys knows.
    pub contacts: Vec<Contact>,
}

/// An agent.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The e-mail address, in any case of letters.
    pub email: String,
}

/// Something with an id and a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
}

/// A customer that Genesys knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Contact {
    /// The id.
    pub id: String,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Number, in E.164.
    pub phone: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Ids of contacts that were merged into this one; they are answered with this one.
    pub merged_from: Vec<String>,
}

/// A conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversation {
    /// The id.
    pub id: String,
    /// When it began.
    pub start: Timestamp,
    /// When the last session ended. None while it goes on.
    pub end: Option<Timestamp>,
    /// Which side began.
    pub direction: Direction,
    /// The division's id.
    pub division_id: String,
    /// A mark that other software has set.
    pub external_tag: Option<String>,
    /// Everyone and everything that took part, in order.
    pub participants: Vec<Participant>,
}

/// One who took part.
#[derive(Clone, Debug, PartialEq)]
pub struct Participant {
    /// The participation's id.
    pub id: String,
    /// The part that it plays.
    pub purpose: Purpose,
    /// A display name.
    pub name: Option<String>,
    /// The agent's user.
    pub user_id: Option<String>,
    /// The queue.
    pub queue_id: Option<String>,
    /// The customer's contact.
    pub contact_id: Option<String>,
    /// What flows and forms have noted.
    pub attributes: BTreeMap<String, String>,
    /// Its communications.
    pub sessions: Vec<Session>,
    /// After-call work.
    pub wrapup: Option<Wrapup>,
}

/// A communication.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// The id.
    pub id: String,
    /// How it communicates.
    pub media: Media,
    /// Which side began it.
    pub direction: Direction,
    /// The calling address, `tel:+…` or `sip:…`.
    pub ani: Option<String>,
    /// The called address.
    pub dnis: Option<String>,
    /// Where messages come from.
    pub address_from: Option<String>,
    /// Where messages go.
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
    /// Why it ended.
    pub disconnect: Disconnect,
}

/// A stretch of a session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// What happened.
    pub kind: SegmentKind,
    /// From when.
    pub start: Timestamp,
    /// To when.
    pub end: Timestamp,
}

/// After-call work that was finished.
#[derive(Clone, Debug, PartialEq)]
pub struct Wrapup {
    /// The code's id.
    pub code_id: String,
    /// What the agent wrote.
    pub notes: Option<String>,
    /// From when.
    pub start: Timestamp,
    /// To when.
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

    /// When it ended.
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

    /// When it left.
    #[must_use]
    pub fn end(&self) -> Option<Timestamp> {
        self.sessions.iter().filter_map(Session::end).max()
    }
}
