//! Completes an interaction with what Genesys knows of it: names, handles of the customer, what came of it, recording,
//! summary, transcript.
//!
//! A record never waits for Genesys for longer than a moment, and never fails for its sake. What is missing is asked for
//! again: the message that carried the event waits in a retry queue meanwhile, so that nothing rests on memory. What Genesys
//! said is kept in Redis, and the decisions are pure functions: `conversation.rs`, `customer.rs`, `fold.rs`, `recheck.rs`.

mod absent;
pub(crate) mod access;
mod artefacts;
mod ask;
mod conversation;
mod customer;
mod fold;
mod known;
mod names;
mod recheck;

use std::collections::BTreeMap;
use std::time::Duration;

use genesys::operations::{CONVERSATION, CONVERSATION_DETAILS, EXTERNAL_CONTACT};
use jiff::SignedDuration;
use shared::clock;
use shared::domain::facts::Facts;
use shared::domain::interaction::{Interaction, Outcome};
use shared::domain::phone::Reader;

use crate::enrichment::ask::Asked;
use crate::enrichment::known::{Artefact, Known};
use crate::failure::Failure;
use crate::metrics::GENESYS_ARTEFACTS;
use crate::store::{Enrichments, Lease, NameKind};

pub(crate) use absent::{Absent, absent};
pub(crate) use ask::Genesys;
pub(crate) use known::ARTEFACTS;

/// How long after its begin a conversation that Genesys does not have counts as an old one.
const OLD: SignedDuration = SignedDuration::from_hours(24);

/// Completes interactions; without access to Genesys they stay as they are.
#[derive(Clone, Debug)]
pub(crate) struct Enrichment {
    /// Access to Genesys, if there is one.
    pub source: Option<Source>,
}

/// Genesys, and what is taken from it.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Genesys.
    pub genesys: Genesys,
    /// What it said of each conversation.
    pub store: Enrichments,
    /// How long all requests for one record may take together.
    pub patience: Duration,
    /// Whether summaries are asked for.
    pub summary: bool,
    /// Whether transcripts are asked for.
    pub transcript: bool,
}

/// An interaction with what Genesys knows of it.
#[derive(Debug)]
pub(crate) struct Enriched {
    /// The interaction.
    pub interaction: Interaction,
    /// After how long Genesys has to be asked again, if something may still come.
    pub recheck: Option<Duration>,
}

impl Enrichment {
    /// Completes an interaction that is about to be written.
    ///
    /// # Errors
    ///
    /// When the lease is lost, or Redis does not answer; never for the sake of Genesys.
    pub async fn complete(
        &self,
        interaction: Interaction,
        facts: &BTreeMap<String, Facts>,
        lease: &Lease,
        reader: &Reader,
    ) -> Result<Enriched, Failure> {
        let Some(source) = &self.source else {
            return Ok(Enriched {
                interaction,
                recheck: None,
            });
        };
        let id = interaction.id.clone();
        let mut known: Known = source.store.get(&id).await?.unwrap_or_default();
        let before = known.clone();
        known.prepare(facts.len());
        if known.is_pending() {
            let asking = source.ask(&mut known, &interaction, facts, reader);
            if tokio::time::timeout(source.patience, asking).await.is_err() {
                tracing::info!(
                    "Genesys takes too long: interaction {id} is written with what is known, and completed later"
                );
            }
            lease.renew().await?;
        }
        let recheck = settle(&mut known);
        count(&before, &known);
        if known != before {
            source.store.put(&id, &known).await?;
        }
        Ok(Enriched {
            interaction: fold::fold(interaction, facts, &known, reader),
            recheck,
        })
    }
}

/// Counts a check that left something open; after the last one that is given up.
fn settle(known: &mut Known) -> Option<Duration> {
    if !known.is_pending() {
        return None;
    }
    let wait = recheck::next(known.checks);
    known.checks += 1;
    if wait.is_none() {
        known.give_up();
    }
    wait
}

fn count(before: &Known, after: &Known) {
    let is_first = before.checks == 0;
    let states = before.states().into_iter().zip(after.states());
    for ((was, state), artefact) in states.zip(ARTEFACTS) {
        if is_first || was != state {
            metrics::counter!(GENESYS_ARTEFACTS, "artefact" => artefact, "state" => state)
                .increment(1);
        }
    }
}

impl Source {
    /// Asks for everything that is missing. What was answered is kept in `known` even if the rest takes too long.
    async fn ask(
        &self,
        known: &mut Known,
        interaction: &Interaction,
        facts: &BTreeMap<String, Facts>,
        reader: &Reader,
    ) {
        let id = interaction.id.as_str();
        // Until all is answered: a request that is cut short must not look like an answer.
        known.lacks_names = true;
        if known.conversation.is_pending() || known.is_outdated {
            let asked = self.conversation(id, interaction).await;
            known.is_outdated &= matches!(asked, Asked::Away);
            known.conversation = self::conversation(asked, &known.conversation);
            known.learn_names();
        }
        let folded = fold::fold(interaction.clone(), facts, known, reader);
        self.contact(known, folded.contact.as_deref()).await;
        self.names(known, interaction, &folded, facts).await;
        self.artefacts(known, id, folded.outcome == Outcome::Connected)
            .await;
    }

    /// The conversation; an old one from analytics, which alone has it then.
    async fn conversation(
        &self,
        id: &str,
        interaction: &Interaction,
    ) -> Asked<known::Conversation> {
        let request = self.genesys.client.conversation(id);
        let asked = self.genesys.ask(&CONVERSATION, request).await;
        let age = clock::now().duration_since(interaction.started);
        let asked = match asked {
            Asked::NotFound if age > OLD => {
                let request = self.genesys.client.conversation_details(id);
                let details = self.genesys.ask(&CONVERSATION_DETAILS, request).await;
                details.map(genesys::model::Conversation::from)
            }
            asked => asked,
        };
        asked.map(|answer| conversation::read(&answer))
    }

    async fn contact(&self, known: &mut Known, contact: Option<&str>) {
        if !known.contact.is_pending() {
            return;
        }
        let given = known
            .conversation
            .value()
            .and_then(|given| given.contact.as_deref());
        let Some(contact) = contact.or(given) else {
            if !known.conversation.is_pending() {
                known.contact = Artefact::unavailable("none");
            }
            return;
        };
        let request = self.genesys.client.external_contact(contact);
        known.contact = match self.genesys.ask(&EXTERNAL_CONTACT, request).await {
            Asked::Found(contact) => Artefact::Attached {
                value: customer::of_contact(&contact),
            },
            Asked::NotFound => Artefact::unavailable("genesys_not_found"),
            Asked::Refused(reason) => Artefact::unavailable(reason),
            Asked::Away => return,
        };
    }

    /// Names of those that the record shows, as far as events and the conversation give ids.
    async fn names(
        &self,
        known: &mut Known,
        interaction: &Interaction,
        folded: &Interaction,
        facts: &BTreeMap<String, Facts>,
    ) {
        let mut is_away = false;
        for kind in [NameKind::Agent, NameKind::Queue, NameKind::Wrapup] {
            let values = match kind {
                NameKind::Agent => interaction.agents.iter().chain(&folded.agents),
                NameKind::Queue => interaction.queues.iter().chain(&folded.queues),
                NameKind::Wrapup => interaction.wrapup_codes.iter().chain(&folded.wrapup_codes),
            };
            for value in values {
                let names = known.names(kind);
                if names.contains_key(value) || !fold::is_id(value, facts, known) {
                    continue;
                }
                match self.genesys.name(kind, value).await {
                    Asked::Found(Some(name)) => {
                        known.names_mut(kind).insert(value.clone(), name);
                    }
                    Asked::Found(None) | Asked::NotFound | Asked::Refused(_) => {}
                    Asked::Away => is_away = true,
                }
            }
        }
        known.lacks_names = is_away;
    }

    async fn artefacts(&self, known: &mut Known, id: &str, is_connected: bool) {
        let Some(given) = known.conversation.value() else {
            if !known.conversation.is_pending() {
                known.recording = Artefact::unavailable("no_conversation");
                known.summary = Artefact::unavailable("no_conversation");
                known.transcript = Artefact::unavailable("no_conversation");
            }
            return;
        };
        let (is_recorded, communications) = (given.is_recorded, given.communications.clone());
        if known.recording.is_pending() {
            known.recording = if is_recorded && is_connected {
                self.genesys.recording(id, &known.recording).await
            } else {
                Artefact::unavailable("not_recorded")
            };
        }
        if known.summary.is_pending() {
            known.summary = match (self.summary, is_connected) {
                (true, true) => self.genesys.summary(id, &known.summary).await,
                (false, _) => Artefact::unavailable("switched_off"),
                (true, false) => Artefact::unavailable("not_connected"),
            };
        }
        if known.transcript.is_pending() {
            let before = &known.transcript;
            known.transcript = match (self.transcript, is_connected) {
                (true, true) => self.genesys.transcript(id, &communications, before).await,
                (false, _) => Artefact::unavailable("switched_off"),
                (true, false) => Artefact::unavailable("not_connected"),
            };
        }
    }
}

/// What came of the request for a conversation. An older answer serves until there is a newer one.
fn conversation(
    asked: Asked<known::Conversation>,
    before: &Artefact<known::Conversation>,
) -> Artefact<known::Conversation> {
    match asked {
        Asked::Found(value) => Artefact::Attached { value },
        _ if before.value().is_some() => before.clone(),
        Asked::NotFound => before.not_yet(),
        Asked::Refused(reason) => Artefact::unavailable(reason),
        Asked::Away => before.clone(),
    }
}

/// Says once at start what records lack without access to Genesys.
pub(crate) const NO_ACCESS: &str = "Genesys is not asked: records hold what events say, which are ids of agents, queues and \
    wrap-up codes, no e-mail addresses of chats, and no owners. Set genesys.api_url, genesys.client_id and \
    genesys.client_secret (BRIDGE__GENESYS__API_URL, __CLIENT_ID, __CLIENT_SECRET; docs/SETUP.md)";
