//! Folds what Genesys said into the interaction. Pure functions.

use std::collections::BTreeMap;

use shared::domain::event::{Direction, Disconnect, Kind};
use shared::domain::facts::Facts;
use shared::domain::ids::EventKey;
use shared::domain::interaction::{Interaction, Outcome, Stage};
use shared::domain::phone::{Party, Reader};
use uuid::Uuid;

use crate::enrichment::known::{Conversation, Handles, Known};
use crate::store::KnownName;

/// The interaction with what Genesys said of it. The same arguments give the same interaction.
pub(crate) fn fold(
    interaction: Interaction,
    facts: &BTreeMap<String, Facts>,
    known: &Known,
    reader: &Reader,
) -> Interaction {
    let mut folded = match known.conversation.value() {
        Some(conversation) => with_conversation(&interaction, facts, conversation, reader),
        None => interaction,
    };
    if let Some(contact) = known.contact.value() {
        identify(&mut folded, contact, reader);
    }
    if let Some(conversation) = known.conversation.value() {
        identify(&mut folded, &conversation.customer, reader);
    }
    folded.agent_email = agent_email(&folded, known);
    name(&mut folded, known);
    folded.has_recording |= known.recording.value().is_some();
    if let Some(summary) = known.summary.value() {
        folded.summary = Some(summary.text.clone());
        folded.reason.clone_from(&summary.reason);
        folded.follow_up.clone_from(&summary.follow_up);
    }
    folded.transcript = known.transcript.value().cloned();
    folded
}

/// Merges again, with what Genesys knows of sessions and legs of which no event came, or a part alone.
fn with_conversation(
    interaction: &Interaction,
    facts: &BTreeMap<String, Facts>,
    conversation: &Conversation,
    reader: &Reader,
) -> Interaction {
    let is_own = |number: &str| {
        let party = reader.read(Some(number)).party;
        matches!(party, Party::Own | Party::Internal)
    };
    let all = completed(interaction, facts, conversation);
    let merged = Interaction::merge(&interaction.id, &all, &is_own);
    let mut merged = merged.unwrap_or_else(|| interaction.clone());
    // Legs without the end of a customer's session create no person, whatever Genesys knows of it.
    let has_end = facts.values().any(|facts| !facts.kind.enriches());
    merged.may_create &= has_end;
    if let Some(started) = conversation.started {
        merged.started = started;
    }
    if let (Some(started), Some(ended)) = (conversation.started, conversation.ended) {
        let lasted = ended.duration_since(started).as_millis();
        merged.duration_ms = u64::try_from(lasted).ok();
    }
    merged.outcome = outcome(&merged, conversation);
    let others = std::mem::take(&mut merged.queues).into_iter();
    let others = others.filter(|queue| !conversation.queues.contains(queue));
    merged.queues = others.chain(conversation.queues.clone()).collect();
    merged.stage = Stage::Ended;
    merged
}

/// The facts of events, those of parts completed, and of each session and leg that no event gives.
fn completed(
    interaction: &Interaction,
    facts: &BTreeMap<String, Facts>,
    conversation: &Conversation,
) -> BTreeMap<String, Facts> {
    let complete = |(key, facts): (&String, &Facts)| {
        let completed = facts.part.as_ref().and_then(|_| whole(facts, conversation));
        (key.clone(), completed.unwrap_or_else(|| facts.clone()))
    };
    let mut all: BTreeMap<String, Facts> = facts.iter().map(complete).collect();
    let knows_customer = all
        .values()
        .any(|facts| !facts.kind.enriches() && facts.part.is_none());
    let missing = conversation.facts.iter().filter(|given| match given.kind {
        Kind::Completed | Kind::CustomerEnd => !knows_customer,
        Kind::UserEnd => !all
            .values()
            .any(|known| known.kind == Kind::UserEnd && is_of(known, given)),
        Kind::Acw | Kind::Wrapup => !all
            .values()
            .any(|known| known.kind > Kind::UserEnd && is_of(known, given)),
    });
    let missing: Vec<(String, Facts)> = missing
        .enumerate()
        .map(|(position, given)| (key(interaction, position, given), given.clone()))
        .collect();
    all.extend(missing);
    all
}

/// A key that no event has.
fn key(interaction: &Interaction, position: usize, given: &Facts) -> String {
    let position = position.to_string();
    EventKey::from_parts(&[
        "genesys",
        interaction.id.as_str(),
        given.kind.as_str(),
        &position,
    ])
    .digest()
}

/// Whether both are of one session or one participant.
fn is_of(one: &Facts, other: &Facts) -> bool {
    let (one, other) = (&one.details, &other.details);
    let same = |one: &Option<String>, other: &Option<String>| one.is_some() && one == other;
    same(&one.session, &other.session) || same(&one.participant, &other.participant)
}

/// The whole of a part: what it lacks, of the same session.
fn whole(part: &Facts, conversation: &Conversation) -> Option<Facts> {
    let same_kind = |given: &&Facts| match part.kind {
        Kind::Completed | Kind::CustomerEnd => given.kind == Kind::CustomerEnd,
        Kind::UserEnd => given.kind == Kind::UserEnd,
        Kind::Acw | Kind::Wrapup => given.kind == Kind::Acw,
    };
    let mut candidates = conversation.facts.iter().filter(same_kind);
    let given = match part.kind {
        Kind::Completed => candidates.next(),
        Kind::CustomerEnd => candidates
            .clone()
            .find(|given| is_of(part, given))
            .or_else(|| candidates.next()),
        Kind::UserEnd | Kind::Acw | Kind::Wrapup => candidates.find(|given| is_of(part, given)),
    }?;
    let mut facts = part.clone();
    facts.part = None;
    if facts.at_receipt {
        (facts.at, facts.at_receipt) = (given.at, false);
    }
    let (own, given) = (&mut facts.details, given.details.clone());
    own.direction = own.direction.or(given.direction);
    own.duration_ms = own.duration_ms.or(given.duration_ms);
    own.ringing_ms = own.ringing_ms.or(given.ringing_ms);
    own.after_call_ms = own.after_call_ms.or(given.after_call_ms);
    own.disconnect = own.disconnect.take().or(given.disconnect);
    for (own, given) in [
        (&mut own.number, given.number),
        (&mut own.from, given.from),
        (&mut own.to, given.to),
        (&mut own.contact, given.contact),
        (&mut own.participant, given.participant),
        (&mut own.session, given.session),
        (&mut own.agent, given.agent),
        (&mut own.queue, given.queue),
        (&mut own.wrapup_code, given.wrapup_code),
        (&mut own.wrapup_notes, given.wrapup_notes),
    ] {
        *own = own.take().or(given);
    }
    Some(facts)
}

/// What came of it by what queues and mailboxes saw, where no agent answered.
fn outcome(merged: &Interaction, conversation: &Conversation) -> Outcome {
    let is_open = match merged.outcome {
        Outcome::Unknown | Outcome::NoAnswer | Outcome::Abandoned { .. } => true,
        Outcome::Connected
        | Outcome::Busy
        | Outcome::Voicemail
        | Outcome::Callback
        | Outcome::Failed => false,
    };
    if !is_open {
        return merged.outcome;
    }
    if conversation.has_voicemail {
        return Outcome::Voicemail;
    }
    let is_callback =
        |given: &&Facts| given.kind == Kind::CustomerEnd && given.channel.as_str() == "callback";
    if conversation.facts.iter().any(|given| is_callback(&given)) {
        return Outcome::Callback;
    }
    let gave_up = conversation.facts.iter().any(|given| {
        let why = given.details.disconnect.as_ref();
        given.kind == Kind::CustomerEnd
            && given.details.direction == Some(Direction::Inbound)
            && why.is_some_and(Disconnect::is_by_customer)
    });
    match conversation.queued_ms {
        Some(ms) if gave_up => Outcome::Abandoned { after_ms: Some(ms) },
        Some(_) | None => merged.outcome,
    }
}

/// Adds what is missing of the customer's handles. A number or address of an event stays, unless it is none.
fn identify(interaction: &mut Interaction, handles: &Handles, reader: &Reader) {
    for (own, given) in [
        (&mut interaction.customer, &handles.name),
        (&mut interaction.email, &handles.email),
    ] {
        if own.is_none() {
            own.clone_from(given);
        }
    }
    let replaces = match reader.read(interaction.number.as_deref()).party {
        Party::Address | Party::Absent | Party::Withheld | Party::Impossible => true,
        Party::Number(_) | Party::Foreign(_) | Party::Internal | Party::Own | Party::ShortCode => {
            false
        }
    };
    let is_number = |number: &&String| reader.read(Some(number)).party.number().is_some();
    if let Some(number) = handles
        .number
        .as_ref()
        .filter(is_number)
        .filter(|_| replaces)
    {
        interaction.number = Some(number.clone());
    }
}

/// The e-mail address of the agent who talked last.
fn agent_email(interaction: &Interaction, known: &Known) -> Option<String> {
    let talked = interaction
        .legs
        .iter()
        .filter(|leg| leg.was_answered && leg.agent.is_some());
    let last = talked
        .max_by_key(|leg| leg.ended)
        .and_then(|leg| leg.agent.as_ref());
    let agent = last.or_else(|| interaction.agents.last())?;
    known.agents.get(agent)?.email.clone()
}

/// Puts names in the place of ids, each once.
fn name(interaction: &mut Interaction, known: &Known) {
    for leg in &mut interaction.legs {
        for (value, names) in [
            (&mut leg.agent, &known.agents),
            (&mut leg.queue, &known.queues),
        ] {
            if let Some(known) = value.as_ref().and_then(|id| names.get(id)) {
                *value = Some(known.name.clone());
            }
        }
    }
    for (values, names) in [
        (&mut interaction.agents, &known.agents),
        (&mut interaction.queues, &known.queues),
        (&mut interaction.wrapup_codes, &known.wrapups),
    ] {
        *values = with_names(values, names);
    }
}

fn with_names(values: &[String], names: &BTreeMap<String, KnownName>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for value in values {
        let shown = names.get(value).map_or(value, |known| &known.name);
        if !all.contains(shown) {
            all.push(shown.clone());
        }
    }
    all
}

/// Whether `value` is an id, and no name: events of Genesys hold ids alone, others mostly names.
pub(crate) fn is_id(value: &str, facts: &BTreeMap<String, Facts>, known: &Known) -> bool {
    let given = known
        .conversation
        .value()
        .map(|conversation| &conversation.facts);
    let events = facts.values().filter(|facts| facts.kind != Kind::Completed);
    let mut all = events.chain(given.into_iter().flatten());
    let is_there = |facts: &Facts| {
        let details = &facts.details;
        [&details.agent, &details.queue, &details.wrapup_code]
            .into_iter()
            .any(|id| id.as_deref() == Some(value))
    };
    Uuid::try_parse(value).is_ok() || all.any(is_there)
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
