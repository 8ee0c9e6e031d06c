//! The records of the organisation.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::config::SandboxConfig;
use super::held::Held;
use super::model::{Contact, Directory, Named};

/// Records, and what is handed out for a while.
#[derive(Debug, Default)]
pub(super) struct World {
    pub directory: Directory,
    pub held: BTreeMap<String, Held>,
    /// How often each record was asked for that shows up late.
    asked: BTreeMap<(String, &'static str), u32>,
    documents: BTreeMap<String, Document>,
    pub jobs: BTreeMap<String, Job>,
    /// How long the address of a transcript serves.
    pub document_life: Duration,
    /// The origin at which documents are served: the sandbox's own.
    pub origin: String,
    /// How many requests for a job's state find it unfinished.
    pub job_wait: u32,
}

#[derive(Debug)]
struct Document {
    conversation: String,
    communication: String,
    ends_at: Instant,
}

/// A job of analytics.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub conversations: Vec<String>,
    pub asked: u32,
}

impl World {
    pub fn new(config: &SandboxConfig, origin: &str) -> Self {
        Self {
            document_life: config.document_life,
            origin: origin.to_owned(),
            job_wait: config.job_wait,
            ..Self::default()
        }
    }

    pub fn queue(&self, id: &str) -> Option<&Named> {
        self.directory.queues.iter().find(|queue| queue.id == id)
    }

    pub fn wrapup_code(&self, id: &str) -> Option<&Named> {
        self.directory
            .wrapup_codes
            .iter()
            .find(|code| code.id == id)
    }

    /// A contact, or the one that it was merged into.
    pub fn contact(&self, id: &str) -> Option<&Contact> {
        let mut contacts = self.directory.contacts.iter();
        contacts.find(|contact| {
            contact.id == id || contact.merged_from.iter().any(|merged| merged == id)
        })
    }

    /// Adds what `directory` has. What is there with the same id is replaced.
    pub fn extend(&mut self, directory: Directory) {
        let ours = &mut self.directory;
        replace(&mut ours.users, directory.users, |user| user.id.clone());
        replace(&mut ours.queues, directory.queues, |queue| queue.id.clone());
        replace(&mut ours.wrapup_codes, directory.wrapup_codes, |code| {
            code.id.clone()
        });
        replace(&mut ours.contacts, directory.contacts, |contact| {
            contact.id.clone()
        });
    }

    /// Counts a request for something that shows up late; whether it has shown up.
    pub fn has_shown_up(&mut self, conversation: &str, what: &'static str, after: u32) -> bool {
        let asked = self
            .asked
            .entry((conversation.to_owned(), what))
            .or_default();
        *asked += 1;
        *asked > after
    }

    /// Hands out an address at which a transcript can be fetched for a while.
    pub fn publish(&mut self, conversation: &str, communication: &str) -> String {
        let token = Uuid::new_v4().simple().to_string();
        let document = Document {
            conversation: conversation.to_owned(),
            communication: communication.to_owned(),
            ends_at: Instant::now() + self.document_life,
        };
        self.documents.insert(token.clone(), document);
        let seconds = self.document_life.as_secs();
        format!(
            "{}/transcripts/{token}.json?X-Amz-Expires={seconds}&X-Amz-Signature=example",
            self.origin
        )
    }

    /// The conversation and communication of a document that is still served.
    pub fn document(&self, token: &str) -> Option<(&str, &str)> {
        let document = self.documents.get(token)?;
        let is_served = Instant::now() < document.ends_at;
        is_served.then_some((&*document.conversation, &*document.communication))
    }

    /// Ends the addresses that were handed out.
    pub fn end_documents(&mut self) {
        self.documents.clear();
    }
}

fn replace<T>(ours: &mut Vec<T>, theirs: Vec<T>, id: impl Fn(&T) -> String) {
    for record in theirs {
        let known = ours.iter().position(|known| id(known) == id(&record));
        match known {
            Some(position) => ours[position] = record,
            None => ours.push(record),
        }
    }
}
