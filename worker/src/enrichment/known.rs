//! What Genesys said of one conversation, and how far each part of it is.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::domain::facts::Facts;

use crate::store::{KnownName, NameKind};

/// How often something is asked for that Genesys does not have yet: with the waits between, within about a quarter of an
/// hour.
const TRIES_MAX: u32 = 4;

/// The parts of a conversation that Genesys may have, as metrics name them.
pub(crate) const ARTEFACTS: [&str; 5] = [
    "conversation",
    "contact",
    "recording",
    "summary",
    "transcript",
];

/// A part that Genesys may have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub(crate) enum Artefact<T> {
    /// Not there yet, or not asked for.
    Pending {
        /// How often Genesys did not have it.
        tries: u32,
    },
    /// It is there.
    Attached {
        /// What it is.
        value: T,
    },
    /// It will not be there.
    Unavailable {
        /// A stable code, or what Genesys lacks.
        reason: String,
    },
}

impl<T> Default for Artefact<T> {
    fn default() -> Self {
        Self::Pending { tries: 0 }
    }
}

impl<T> Artefact<T> {
    /// What is there.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Attached { value } => Some(value),
            Self::Pending { .. } | Self::Unavailable { .. } => None,
        }
    }

    /// Whether it may still come.
    pub fn is_pending(&self) -> bool {
        matches!(self, Self::Pending { .. })
    }

    /// The label in metrics.
    pub fn state(&self) -> &'static str {
        match self {
            Self::Pending { .. } => "pending",
            Self::Attached { .. } => "attached",
            Self::Unavailable { .. } => "unavailable",
        }
    }

    /// It will not be there.
    pub fn unavailable(reason: &str) -> Self {
        Self::Unavailable {
            reason: reason.to_owned(),
        }
    }

    /// Genesys did not have it this time.
    pub fn not_yet(&self) -> Self {
        match self {
            Self::Pending { tries } if tries + 1 < TRIES_MAX => Self::Pending { tries: tries + 1 },
            Self::Pending { .. } | Self::Attached { .. } | Self::Unavailable { .. } => {
                Self::unavailable("not_there")
            }
        }
    }
}

/// What is known of one conversation. Kept in Redis as JSON: members may be added, never renamed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Known {
    /// How many events were known when Genesys was asked last.
    pub events: usize,
    /// How often it was asked while something was missing.
    pub checks: u32,
    /// Whether an event came since the conversation was read.
    pub is_outdated: bool,
    /// Whether a name could not be asked for.
    pub lacks_names: bool,
    /// Agents by user id.
    pub agents: BTreeMap<String, KnownName>,
    /// Queues by id.
    pub queues: BTreeMap<String, KnownName>,
    /// Wrap-up codes by id.
    pub wrapups: BTreeMap<String, KnownName>,
    /// The conversation.
    pub conversation: Artefact<Conversation>,
    /// The external contact of the customer.
    pub contact: Artefact<Handles>,
    /// Whether there is a recording.
    pub recording: Artefact<()>,
    /// The summary.
    pub summary: Artefact<Summary>,
    /// The beginning of the transcript.
    pub transcript: Artefact<String>,
}

/// By what a customer is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Handles {
    /// The name.
    pub name: Option<String>,
    /// The e-mail address, in lower case.
    pub email: Option<String>,
    /// The number.
    pub number: Option<String>,
}

/// A summary.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Summary {
    /// What was spoken of.
    pub text: String,
    /// Why the customer got in touch.
    pub reason: Option<String>,
    /// What is to be done.
    pub follow_up: Option<String>,
}

/// A conversation as Genesys has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Conversation {
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended; nothing while it goes on.
    pub ended: Option<Timestamp>,
    /// The customer by what flows and forms noted.
    pub customer: Handles,
    /// The customer's external contact.
    pub contact: Option<String>,
    /// What events would say of each session and leg.
    pub facts: Vec<Facts>,
    /// Queues that it came through, in order.
    pub queues: Vec<String>,
    /// Names of queues, by id.
    pub queue_names: BTreeMap<String, String>,
    /// Names of wrap-up codes, by id.
    pub wrapup_names: BTreeMap<String, String>,
    /// How long the customer waited in queues.
    pub queued_ms: Option<u64>,
    /// Whether a message was left.
    pub has_voicemail: bool,
    /// Whether a call is recorded.
    pub is_recorded: bool,
    /// Communications that may have a transcript, the customer's first.
    pub communications: Vec<String>,
}

impl Known {
    /// Prepares for the events that are known by now. A new one says that more has happened: what was answered stays until
    /// there is a newer answer.
    pub fn prepare(&mut self, events: usize) {
        /// What a conversation that goes on may change.
        const PRESENT: [&str; 3] = ["none", "not_connected", "not_recorded"];
        fn reopen<T>(artefact: &mut Artefact<T>) {
            if let Artefact::Unavailable { reason } = artefact
                && PRESENT.contains(&reason.as_str())
            {
                *artefact = Artefact::default();
            }
        }
        if self.events != events {
            self.is_outdated = self.conversation.value().is_some();
            self.lacks_names = true;
            reopen(&mut self.contact);
            reopen(&mut self.recording);
            reopen(&mut self.summary);
            reopen(&mut self.transcript);
        }
        self.events = events;
    }

    /// Takes the names that a conversation gives: they need no request of their own.
    pub fn learn_names(&mut self) {
        let Some(given) = self.conversation.value() else {
            return;
        };
        for (names, given) in [
            (&mut self.queues, &given.queue_names),
            (&mut self.wrapups, &given.wrapup_names),
        ] {
            let named = given.iter().map(|(id, name)| {
                let (name, email) = (name.clone(), None);
                (id.clone(), KnownName { name, email })
            });
            names.extend(named);
        }
    }

    /// Names of one kind, by id.
    pub fn names(&self, kind: NameKind) -> &BTreeMap<String, KnownName> {
        match kind {
            NameKind::Agent => &self.agents,
            NameKind::Queue => &self.queues,
            NameKind::Wrapup => &self.wrapups,
        }
    }

    /// The same, to add to.
    pub fn names_mut(&mut self, kind: NameKind) -> &mut BTreeMap<String, KnownName> {
        match kind {
            NameKind::Agent => &mut self.agents,
            NameKind::Queue => &mut self.queues,
            NameKind::Wrapup => &mut self.wrapups,
        }
    }

    /// Whether something may still come.
    pub fn is_pending(&self) -> bool {
        self.lacks_names
            || self.is_outdated
            || self.conversation.is_pending()
            || self.contact.is_pending()
            || self.recording.is_pending()
            || self.summary.is_pending()
            || self.transcript.is_pending()
    }

    /// Gives up what is missing.
    pub fn give_up(&mut self) {
        fn end<T>(artefact: &mut Artefact<T>) {
            if artefact.is_pending() {
                *artefact = Artefact::unavailable("no_answer");
            }
        }
        (self.lacks_names, self.is_outdated) = (false, false);
        end(&mut self.conversation);
        end(&mut self.contact);
        end(&mut self.recording);
        end(&mut self.summary);
        end(&mut self.transcript);
    }

    /// The states of all parts, in the order of [`ARTEFACTS`].
    pub fn states(&self) -> [&'static str; 5] {
        [
            self.conversation.state(),
            self.contact.state(),
            self.recording.state(),
            self.summary.state(),
            self.transcript.state(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_asked_for_a_few_times() {
        let mut artefact: Artefact<()> = Artefact::default();
        for _ in 1..TRIES_MAX {
            artefact = artefact.not_yet();
            assert!(artefact.is_pending());
        }
        assert_eq!(artefact.not_yet(), Artefact::unavailable("not_there"));
    }

    #[test]
    fn a_new_event_reopens_the_conversation_alone() {
        let mut known = Known {
            events: 2,
            conversation: Artefact::Attached {
                value: Conversation::default(),
            },
            recording: Artefact::unavailable("not_there"),
            ..Known::default()
        };

        known.prepare(2);
        assert!(!known.is_outdated);
        known.prepare(3);

        assert!(known.is_outdated && known.conversation.value().is_some());
        assert!(!known.recording.is_pending());
    }
}
