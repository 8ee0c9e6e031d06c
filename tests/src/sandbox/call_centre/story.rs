//! Puts a conversation together, step by step, and notes the truth as it goes.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::{SignedDuration, Timestamp};
use rand::Rng;
use rand::rngs::StdRng;

use super::super::genesys::Held;
use super::super::genesys::model::{
    Conversation, Direction, Disconnect, Media, Participant, Purpose, Segment, SegmentKind, Session,
};
use super::cast::{Cast, Customer, id, stranger};
use super::truth::{Channel, Outcome, Owner, Truth, Who};

/// The organisation's own number.
const LINE: &str = "tel:+442079460001";

/// A finished conversation with its truth.
pub(super) struct Ended {
    pub held: Held,
    pub truth: Truth,
}

/// A conversation in the making.
pub(super) struct Story<'s> {
    pub rng: &'s mut StdRng,
    pub cast: &'s Cast,
    pub now: Timestamp,
    pub truth: Truth,
    pub(super) conversation: Conversation,
    /// Position of the participant whose session the customer uses at present.
    customer: usize,
    /// When that session began.
    customer_since: Timestamp,
}

impl<'s> Story<'s> {
    pub fn begin(rng: &'s mut StdRng, cast: &'s Cast, start: Timestamp) -> Self {
        let conversation = id(rng);
        let truth = Truth {
            conversation: conversation.clone(),
            is_recorded: true,
            channel: Channel::Voice,
            is_inbound: true,
            who: Who::Withheld,
            outcome: Outcome::Connected,
            agents: Vec::new(),
            queue: None,
            start,
            end: start,
            owner: Owner::Fallback,
            wrap_up: None,
            notes: None,
            has_recording: false,
            late_events: 0,
        };
        Self {
            rng,
            cast,
            now: start,
            truth,
            customer: 0,
            customer_since: start,
            conversation: Conversation {
                id: conversation,
                start,
                end: None,
                direction: Direction::Inbound,
                division_id: cast.division.clone(),
                external_tag: None,
                participants: Vec::new(),
            },
        }
    }

    /// Random duration within the range.
    pub fn some(&mut self, seconds: Range<i64>) -> SignedDuration {
        let millis = self
            .rng
            .random_range(seconds.start * 1_000..seconds.end * 1_000);
        SignedDuration::from_millis(millis)
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        self.rng.random_bool(probability)
    }

    pub fn queue(&mut self) -> usize {
        self.rng.random_range(0..4)
    }

    /// An agent who has not talked yet.
    pub fn agent(&mut self) -> usize {
        loop {
            let agent = self.rng.random_range(0..self.cast.agents.len());
            let id = &self.cast.agents[agent].id;
            if self.truth.agents.iter().all(|talk| talk.user_id != *id) {
                return agent;
            }
        }
    }

    /// A party with a number: mostly a customer, sometimes a stranger. Returns it as Genesys writes it.
    pub fn caller(&mut self) -> (String, Option<String>) {
        if self.chance(0.1) {
            let number = stranger(self.rng);
            self.truth.who = Who::Unknown(number.clone());
            return (format!("tel:{number}"), None);
        }
        let (position, customer) = self.any_customer();
        let (phone, contact) = (customer.phone.clone(), customer.contact_id.clone());
        self.truth.who = if customer.shares_with.is_empty() {
            Who::Person(position)
        } else {
            let mut people = customer.shares_with.clone();
            people.push(position);
            people.sort_unstable();
            Who::Shared(people)
        };
        // A contact would settle who of several people it is; events of shared numbers carry none.
        let contact = contact.filter(|_| matches!(self.truth.who, Who::Person(_)));
        (format!("tel:{phone}"), contact)
    }

    pub fn any_customer(&mut self) -> (usize, &'s Customer) {
        let customers = &self.cast.customers;
        let position = self.rng.random_range(0..customers.len());
        (position, &customers[position])
    }

    /// The customer's session begins.
    pub fn customer(
        &mut self,
        media: Media,
        direction: Direction,
        address: &str,
        contact: Option<String>,
    ) {
        if self.conversation.participants.is_empty() {
            self.conversation.direction = direction;
            self.truth.is_inbound = direction == Direction::Inbound;
        }
        let mut session = self.session(media, direction, address);
        session.is_recorded = media == Media::Voice;
        let mut participant = self.participant(Purpose::Customer);
        participant.name = Some("London".to_owned());
        participant.contact_id = contact;
        participant.sessions.push(session);
        self.customer = self.conversation.participants.len();
        self.customer_since = self.now;
        self.conversation.participants.push(participant);
    }

    pub(super) fn session(&mut self, media: Media, direction: Direction, address: &str) -> Session {
        let own = if media == Media::Voice {
            LINE
        } else {
            "+442079460002"
        };
        let (from, to) = match direction {
            Direction::Inbound => (address, own),
            Direction::Outbound => (own, address),
        };
        let is_voice = media == Media::Voice;
        let of_call = |text: &str| is_voice.then(|| text.to_owned());
        let of_message = |text: &str| media.message_type().map(|_| text.to_owned());
        Session {
            id: id(self.rng),
            media,
            direction,
            ani: of_call(from),
            dnis: of_call(to),
            address_from: of_message(from),
            address_to: of_message(to),
            callback_numbers: Vec::new(),
            callback_name: None,
            peer_id: None,
            is_recorded: false,
            segments: Vec::new(),
            disconnect: Disconnect::System,
        }
    }

    pub(super) fn participant(&mut self, purpose: Purpose) -> Participant {
        Participant {
            id: id(self.rng),
            purpose,
            name: None,
            user_id: None,
            queue_id: None,
            contact_id: None,
            attributes: BTreeMap::new(),
            sessions: Vec::new(),
            wrapup: None,
        }
    }

    /// What a form noted about the customer.
    pub fn attribute(&mut self, name: &str, value: &str) {
        let customer = &mut self.conversation.participants[self.customer];
        customer
            .attributes
            .insert(name.to_owned(), value.to_owned());
    }

    pub fn callback_numbers(&mut self, number: &str) {
        let session = self.customer_session();
        session.callback_numbers = vec![number.to_owned()];
    }

    fn customer_session(&mut self) -> &mut Session {
        let participant = &mut self.conversation.participants[self.customer];
        participant
            .sessions
            .last_mut()
            .expect("a customer has a session")
    }

    /// The customer's session goes on in one way for a while.
    pub fn customer_for(&mut self, kind: SegmentKind, length: SignedDuration) {
        let start = self.now;
        self.now += length;
        let end = self.now;
        self.customer_session()
            .segments
            .push(Segment { kind, start, end });
    }

    /// It waits in a queue, and leaves it in this way.
    pub fn wait(&mut self, queue: usize, length: SignedDuration, disconnect: Disconnect) {
        let cast = self.cast;
        let queue = &cast.queues[queue];
        self.truth.queue = Some(queue.name.clone());
        let segment = Segment {
            kind: SegmentKind::Interact,
            start: self.now,
            end: self.now + length,
        };
        self.now = segment.end;
        let mut acd = self.participant(Purpose::Acd);
        acd.name = Some(queue.name.clone());
        acd.queue_id = Some(queue.id.clone());
        self.push_beside(acd, vec![segment], disconnect);
    }

    /// A part beside the customer's session, with its media and addresses.
    pub fn beside(&mut self, purpose: Purpose, kind: SegmentKind, length: SignedDuration) {
        let segment = Segment {
            kind,
            start: self.now,
            end: self.now + length,
        };
        self.now = segment.end;
        let participant = self.participant(purpose);
        self.push_beside(participant, vec![segment], Disconnect::Peer);
    }

    pub(super) fn push_beside(
        &mut self,
        mut participant: Participant,
        segments: Vec<Segment>,
        disconnect: Disconnect,
    ) {
        let session_id = id(self.rng);
        let mut customer = self.customer_session().clone();
        let is_call_out =
            customer.media == Media::Voice && customer.direction == Direction::Outbound;
        if let Some(user) = participant.user_id.as_ref().filter(|_| is_call_out) {
            // An agent who calls out has an address of the organisation's own.
            customer.ani = Some(format!("sip:{user}+example.orgspan.com@localhost"));
        }
        participant.sessions.push(Session {
            id: session_id,
            peer_id: Some(customer.id.clone()),
            callback_numbers: Vec::new(),
            is_recorded: false,
            segments,
            disconnect,
            ..customer
        });
        self.conversation.participants.push(participant);
    }

    /// The customer's session ends: all of it that is not said yet was conversation.
    pub fn hang_up(&mut self, disconnect: Disconnect) {
        let (since, now) = (self.customer_since, self.now);
        let session = self.customer_session();
        let from = session.end().unwrap_or(since);
        if from < now {
            session.segments.push(Segment {
                kind: SegmentKind::Interact,
                start: from,
                end: now,
            });
        }
        session.disconnect = disconnect;
    }
}
