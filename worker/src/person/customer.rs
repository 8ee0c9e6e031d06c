//! Finds the people of an interaction: the customer, and third parties who are known.

use std::collections::BTreeMap;

use shared::domain::interaction::Interaction;
use shared::domain::phone::{E164, Party, Reader};

use crate::failure::Failure;
use crate::person::attachment::{Attachment, NotCreated, Target};
use crate::person::candidate::Named;
use crate::person::existing::Existing;
use crate::person::finder::{PersonFinder, WhenUnknown};
use crate::person::handle::Handle;
use crate::person::memory::{self, ThirdParties};
use crate::store::{Lease, Progress};

/// Most third parties of one interaction that are looked for. Each may cost two searches, once: what came of it is
/// remembered with the interaction. The others are named in the note alone.
const THIRD_PARTIES_MAX: usize = 5;

/// What the interaction is attached to. What was found for the same handles before is kept.
pub(crate) async fn find_people(
    finder: &PersonFinder,
    reader: &Reader,
    interaction: &Interaction,
    party: &Party,
    (lease, progress): (&Lease, &mut Progress),
) -> Result<Attachment, Failure> {
    let to = find_customer(finder, interaction, party, progress).await?;
    let customer = to.person();
    let former = progress.person;
    let found = find_third_parties(finder, reader, interaction, (lease, progress)).await?;
    let mut attachment = Attachment {
        to,
        third_parties: Vec::new(),
        newcomers: Vec::new(),
        named: BTreeMap::new(),
    };
    for Found {
        given,
        person,
        is_new,
    } in found
    {
        let id = person.id;
        attachment.named.insert(given, person);
        if customer == Some(id) || attachment.third_parties.contains(&id) {
            continue;
        }
        attachment.third_parties.push(id);
        // The one who was taken for the customer before is a participant already, or was removed by a person.
        if is_new && former != Some(id) {
            attachment.newcomers.push(id);
        }
    }
    Ok(attachment)
}

async fn find_customer(
    finder: &PersonFinder,
    interaction: &Interaction,
    party: &Party,
    progress: &mut Progress,
) -> Result<Target, Failure> {
    let (number, email) = (party.number(), interaction.email.as_deref());
    let handles = Handle::of_customer(number, email);
    if let Some(target) = memory::recall(progress, number, email) {
        return Ok(target);
    }
    let mut target = if handles.is_empty() {
        Target::NoHandle
    } else {
        let existing = Existing::of(progress);
        let unknown = when_unknown(interaction, party, existing.as_ref());
        finder.find(&handles, unknown).await?.0
    };
    memory::remember(progress, number, email, &mut target);
    Ok(target)
}

/// Whether a person is created where none is found.
fn when_unknown<'i>(
    interaction: &'i Interaction,
    party: &Party,
    existing: Option<&'i Existing>,
) -> WhenUnknown<'i> {
    match party {
        Party::Foreign(_) => WhenUnknown::Leave(NotCreated::Foreign),
        Party::Own | Party::Internal => WhenUnknown::Leave(NotCreated::Own),
        // What is no number of a customer leaves the address.
        Party::Number(_)
        | Party::Withheld
        | Party::ShortCode
        | Party::Impossible
        | Party::Address
        | Party::Absent => {
            if interaction.may_create {
                WhenUnknown::Create {
                    name: interaction.customer.as_deref(),
                    existing,
                }
            } else {
                WhenUnknown::Leave(NotCreated::Unconfirmed)
            }
        }
    }
}

/// A third party who is known.
struct Found {
    /// The number as the events give it.
    given: String,
    person: Named,
    /// Whether the person is found for the first time.
    is_new: bool,
}

/// The third parties who are known: they are found as customers are, and never created.
async fn find_third_parties(
    finder: &PersonFinder,
    reader: &Reader,
    interaction: &Interaction,
    (lease, progress): (&Lease, &mut Progress),
) -> Result<Vec<Found>, Failure> {
    let mut known = ThirdParties::of(progress);
    let mut people = Vec::new();
    for (given, number) in numbers(reader, interaction) {
        let is_new = !known.contains(&number);
        if is_new {
            if known.len() >= THIRD_PARTIES_MAX {
                continue;
            }
            lease.renew().await?;
            let handle = [Handle::Number(number.clone())];
            let unknown = WhenUnknown::Leave(NotCreated::Unconfirmed);
            let (target, name) = finder.find(&handle, unknown).await?;
            known.insert(&number, target.person().map(|id| Named { id, name }));
        }
        people.extend(known.person(&number).map(|person| Found {
            given,
            person,
            is_new,
        }));
    }
    known.store(progress);
    Ok(people)
}

fn numbers(reader: &Reader, interaction: &Interaction) -> Vec<(String, E164)> {
    let parties = interaction.third_parties.iter();
    let given = parties.filter_map(|party| party.number.clone());
    let read = given.filter_map(|given| {
        let party = reader.read(Some(&given)).party;
        Some((given, party.number()?.clone()))
    });
    read.collect()
}
