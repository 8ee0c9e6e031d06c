//! The end of a conversation: after-call work, and what is left behind.

use jiff::SignedDuration;
use rand::Rng;

use super::super::genesys::model::{Participant, Purpose, Wrapup};
use super::super::genesys::{Held, Recording, Summary, Transcript};
use super::story::{Ended, Story};
use super::truth::{Channel, Outcome};

/// From here on after-call work is late: the record has been written.
const LATE: SignedDuration = SignedDuration::from_secs(180);

impl Story<'_> {
    /// The last agent applies a wrap-up code, usually at once, sometimes much later.
    pub fn wrap_up(&mut self) {
        let length = if self.chance(0.06) {
            self.some(300..2_400)
        } else {
            self.some(2..60)
        };
        let code = self.cast.codes[self.rng.random_range(0..self.cast.codes.len())].clone();
        let notes = self
            .chance(0.5)
            .then(|| "Asked for a quote; call back on Friday.".to_owned());
        let mut agents = self.conversation.participants.iter_mut().rev();
        let agent = agents.find(|participant| {
            participant.purpose == Purpose::Agent && participant.end().is_some()
        });
        let Some(agent) = agent else { return };
        let start = agent.end().unwrap_or(self.now);
        let end = start + length;
        agent.wrapup = Some(Wrapup {
            code_id: code.id,
            notes: notes.clone(),
            start,
            end,
        });
        self.truth.wrap_up = Some(code.name);
        self.truth.notes = notes;
        if end.duration_since(self.now) > LATE {
            self.truth.late_events += 1;
        }
    }

    /// The end, with what is left of it.
    pub fn end(mut self) -> Ended {
        let ends = self
            .conversation
            .participants
            .iter()
            .filter_map(Participant::end);
        let end = ends.max().unwrap_or(self.now);
        self.conversation.end = Some(end);
        self.truth.end = end;
        let mut held = Held::new(self.conversation);
        let is_call =
            self.truth.channel == Channel::Voice && self.truth.outcome == Outcome::Connected;
        if is_call && self.truth.is_recorded && self.rng.random_bool(0.8) {
            self.truth.has_recording = true;
            held.recording = Recording::Ready {
                after: self.rng.random_range(0..3),
            };
            held.transcript = self
                .rng
                .random_bool(0.5)
                .then(|| transcript(self.rng.random_range(0..2)));
        }
        if self.truth.outcome == Outcome::Connected
            && self.truth.is_recorded
            && self.rng.random_bool(0.4)
        {
            held.summary = Some(summary(self.rng.random_range(0..2)));
        }
        held.details_wait = self.rng.random_range(0..2);
        Ended {
            held,
            truth: self.truth,
        }
    }
}

fn transcript(wait: u32) -> Transcript {
    let phrases = [
        (false, "Hello, how can I help?"),
        (true, "I would like a quote for 20 seats."),
        (false, "You will have it by Friday."),
    ];
    Transcript {
        phrases: phrases
            .map(|(is_customer, text)| (is_customer, text.to_owned()))
            .to_vec(),
        wait,
    }
}

fn summary(wait: u32) -> Summary {
    Summary {
        text: "The customer asked for a quote for 20 seats.".to_owned(),
        edited: None,
        reason: "New purchase".to_owned(),
        followup: Some("Send a quote by Friday.".to_owned()),
        resolution: "Follow-up agreed.".to_owned(),
        wait,
    }
}
