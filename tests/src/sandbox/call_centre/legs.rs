//! Agents' parts of a conversation, and those of third parties.

use std::time::Duration;

use jiff::SignedDuration;

use super::super::genesys::model::{
    Direction, Disconnect, Media, Participant, Purpose, Segment, SegmentKind,
};
use super::cast::stranger;
use super::story::Story;
use super::truth::{AgentTalk, Owner};

impl Story<'_> {
    /// It is offered to an agent, who does not take it.
    pub fn declined(&mut self, agent: usize, queue: usize) {
        let length = self.some(5..25);
        let segment = Segment {
            kind: SegmentKind::Alert,
            start: self.now,
            end: self.now + length,
        };
        self.now = segment.end;
        let participant = self.agent_participant(agent, Some(queue));
        let disconnect = if self.chance(0.5) {
            Disconnect::NoAnswerTransfer
        } else {
            Disconnect::Client
        };
        self.push_beside(participant, vec![segment], disconnect);
    }

    fn agent_participant(&mut self, agent: usize, queue: Option<usize>) -> Participant {
        let purpose = if queue.is_some() {
            Purpose::Agent
        } else {
            Purpose::User
        };
        let cast = self.cast;
        let agent = &cast.agents[agent];
        let mut participant = self.participant(purpose);
        participant.name = Some(agent.name.clone());
        participant.user_id = Some(agent.id.clone());
        participant.queue_id = queue.map(|queue| self.cast.queues[queue].id.clone());
        participant
    }

    /// An agent and the customer talk, perhaps with a hold. Time goes on to the end of it.
    pub fn talk(
        &mut self,
        agent: usize,
        queue: Option<usize>,
        alert: SignedDuration,
        disconnect: Disconnect,
    ) {
        let (before, after) = (self.some(20..240), self.some(5..180));
        let held = if self.chance(0.3) {
            self.some(5..60)
        } else {
            SignedDuration::ZERO
        };
        let mut segments = Vec::new();
        let parts = [
            (SegmentKind::Alert, alert),
            (SegmentKind::Interact, before),
            (SegmentKind::Hold, held),
            (SegmentKind::Interact, after),
        ];
        for (kind, length) in parts {
            if !length.is_zero() {
                let (start, end) = (self.now, self.now + length);
                segments.push(Segment { kind, start, end });
                self.now = end;
            }
        }
        let participant = self.agent_participant(agent, queue);
        self.push_beside(participant, segments, disconnect);
        if let Some(queue) = queue {
            self.truth.queue = Some(self.cast.queues[queue].name.clone());
        }
        self.note_talk(agent, (before + after).unsigned_abs(), held.unsigned_abs());
    }

    fn note_talk(&mut self, agent: usize, talk: Duration, held: Duration) {
        let cast = self.cast;
        let agent = &cast.agents[agent];
        self.truth.owner = if agent.is_pipedrive_user {
            Owner::User(agent.email.clone())
        } else {
            Owner::Fallback
        };
        let known = self
            .truth
            .agents
            .iter_mut()
            .find(|known| known.user_id == agent.id);
        if let Some(known) = known {
            known.talk += talk;
            known.held += held;
            return;
        }
        self.truth.agents.push(AgentTalk {
            user_id: agent.id.clone(),
            name: agent.name.clone(),
            email: agent.email.clone(),
            talk,
            held,
        });
    }

    /// A third party is called into the conversation, from the present time back.
    pub fn third_party(&mut self, length: SignedDuration) {
        let number = format!("tel:{}", stranger(self.rng));
        let mut session = self.session(Media::Voice, Direction::Outbound, &number);
        let start = self.now - length;
        session.segments = vec![Segment {
            kind: SegmentKind::Interact,
            start,
            end: self.now,
        }];
        session.disconnect = Disconnect::Peer;
        let mut participant = self.participant(Purpose::External);
        participant.sessions.push(session);
        self.conversation.participants.push(participant);
    }

    /// A colleague is asked, or called, without the customer.
    pub fn colleague(
        &mut self,
        agent: usize,
        direction: Direction,
        length: SignedDuration,
        disconnect: Disconnect,
    ) {
        let address = format!(
            "sip:{}+example.orgspan.com@localhost",
            &self.cast.agents[agent].id[..8]
        );
        let mut session = self.session(Media::Voice, direction, &address);
        session.ani = Some(address.clone());
        session.dnis = Some(address);
        session.segments = vec![Segment {
            kind: SegmentKind::Interact,
            start: self.now,
            end: self.now + length,
        }];
        session.disconnect = disconnect;
        let mut participant = self.agent_participant(agent, None);
        participant.sessions.push(session);
        self.conversation.participants.push(participant);
    }
}
