//! A conversation that ended, as Genesys' own record has it: what of it belongs into Pipedrive, and the events that say so.
//! Pure.

use std::collections::BTreeMap;

use genesys::model::ConversationDetails;
use jiff::Timestamp;
use shared::domain::event::{Event, Filter, Recognised, Source, recognise};
use shared::domain::facts::Facts;
use shared::domain::ids::InteractionId;
use shared::domain::interaction::Interaction;

use super::customer_end::{self, CustomerEnd};

/// A conversation that ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// Its id.
    pub id: InteractionId,
    /// When it ended, after-call work included.
    pub at: Timestamp,
    /// Whether it belongs into Pipedrive, or why not.
    pub content: Result<(), LeftOut>,
    /// The events that say so; none where it does not belong there.
    pub events: Vec<Made>,
}

/// An event that was made from Genesys' record.
#[derive(Debug)]
pub(super) struct Made {
    /// What the body is recognised as.
    pub event: Box<Event>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why a conversation has no record, by the settings and by what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LeftOut {
    /// Its channel is not recorded: `ingest.channels`.
    Channel(String),
    /// A call between colleagues: `ingest.internal_calls`.
    Internal,
    /// No customer took part: it ended before one was connected, or agents alone were in it.
    NoCustomer,
}

impl LeftOut {
    /// The reason in reports.
    pub fn reason(&self) -> String {
        match self {
            Self::Channel(channel) => format!("channel {channel} is not recorded"),
            Self::Internal => "a call between colleagues".to_owned(),
            Self::NoCustomer => "no customer took part".to_owned(),
        }
    }
}

/// What is recorded, as the settings say.
pub(super) struct Recorded<'r> {
    /// Channels.
    pub filter: &'r Filter,
    /// Whether calls between colleagues are.
    pub internal_calls: bool,
    /// Whether a number or address is the company's.
    pub is_own: &'r (dyn Fn(&str) -> bool + Sync),
}

impl Ended {
    /// Reads Genesys' record; nothing of one without id or end.
    pub fn of(details: &ConversationDetails, recorded: &Recorded<'_>) -> Option<Self> {
        let id = InteractionId::parse(details.conversation_id.as_deref()?).ok()?;
        let (content, events) = match content(&id, details, recorded) {
            Ok(events) => (Ok(()), events),
            Err(left_out) => (Err(left_out), Vec::new()),
        };
        Some(Self {
            at: details.conversation_end?,
            content,
            events,
            id,
        })
    }
}

/// Decides with the code that events of Genesys pass, so that both give the same answer.
fn content(
    id: &InteractionId,
    details: &ConversationDetails,
    recorded: &Recorded<'_>,
) -> Result<Vec<Made>, LeftOut> {
    let ends = customer_end::of(details);
    if ends.is_empty() {
        return Err(LeftOut::NoCustomer);
    }
    let mut made = Vec::new();
    let mut channel = None;
    for end in &ends {
        match recognised(end, recorded.filter) {
            Some(Recognised::Event(mut event)) => {
                event.source = Source::Reconcile;
                let body = end.body();
                made.push(Made { event, body });
            }
            Some(Recognised::Ignored(_)) => channel = Some(end.channel()),
            None => {}
        }
    }
    if made.is_empty() {
        return Err(channel.map_or(LeftOut::NoCustomer, LeftOut::Channel));
    }
    if !recorded.internal_calls && is_internal(id, &made, recorded.is_own) {
        return Err(LeftOut::Internal);
    }
    Ok(made)
}

fn recognised(end: &CustomerEnd<'_>, filter: &Filter) -> Option<Recognised> {
    recognise(&end.body(), None, filter).ok()
}

fn is_internal(id: &InteractionId, made: &[Made], is_own: &(dyn Fn(&str) -> bool + Sync)) -> bool {
    let facts: BTreeMap<String, Facts> = made
        .iter()
        .map(|made| {
            let event = &made.event;
            let at = event.at.unwrap_or(Timestamp::MAX);
            (event.key.digest(), Facts::of(event, at))
        })
        .collect();
    Interaction::merge(id, &facts, &|text| is_own(text)).is_some_and(|merged| merged.is_internal)
}

#[cfg(test)]
#[path = "ended_tests.rs"]
mod tests;
