//! The record of an interaction that Redis does not know: found in Pipedrive before anything is written, and joined by
//! the events that are known.

use pipedrive::{ActivityId, ActivityRecord, PipedriveError};
use shared::domain::facts::Facts;
use shared::domain::interaction::{Interaction, ThirdParty};
use shared::domain::phone::{Party, Reader};

use crate::activity::labels;
use crate::activity::note_pieces::lines_of;
use crate::activity::recorder::Recorder;
use crate::effect::timing::wait_since;
use crate::failure::Failure;
use crate::store::{Effect, Lease, Progress};

/// A number that is read as withheld.
const WITHHELD: &str = "anonymous";

impl Recorder {
    /// Searches for the record of an interaction that Redis does not know, and joins `interaction` to the customer that it
    /// names. This comes before people are looked for: no person is created for an interaction that has one.
    ///
    /// # Errors
    ///
    /// When Pipedrive fails, or what may exist is not certain yet.
    pub(crate) async fn adopt(
        &self,
        lease: &Lease,
        progress: &mut Progress,
        interaction: &mut Interaction,
        reader: &Reader,
    ) -> Result<(), Failure> {
        if progress.activity == Effect::NotTried && !progress.known_unrecorded {
            // A delivery that Redis forgot may be about to write.
            wait_since(lease.epoch_began(), self.timing.in_flight())?;
            let earliest = progress.facts.values().map(Facts::earliest).min();
            let since = earliest.unwrap_or(interaction.started);
            if let Some(found) = self.find(interaction, since).await? {
                progress.activity = Effect::Done(found.id);
                progress.adopted = true;
                progress.adoption.has_person = found.has_person;
            }
        }
        if let Effect::Done(id) = progress.activity
            && progress.adopted
            && let Some(present) = self.present(id).await?
        {
            join(
                interaction,
                present.note.as_deref().unwrap_or_default(),
                reader,
            );
            progress.adoption.leads = !interaction.may_create;
        }
        Ok(())
    }

    async fn present(&self, id: ActivityId) -> Result<Option<ActivityRecord>, Failure> {
        match self.client.activity(id).await {
            Ok(present) => Ok(Some(present)),
            Err(PipedriveError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Makes the customer of the known events a third party where the note of the record names another one.
///
/// Who of both began first is in no note to the second, and the record may have been moved to its person by hand: the
/// record's customer stays.
fn join(interaction: &mut Interaction, note: &str, reader: &Reader) {
    let lines = lines_of(note);
    let recorded = lines.iter().find_map(|line| line.value(labels::NUMBER));
    let Some(recorded) = recorded.map(given) else {
        return;
    };
    let read = |number: &str| reader.read(Some(number)).party;
    let named = read(recorded);
    let is_customer = matches!(
        named,
        Party::Number(_) | Party::Foreign(_) | Party::Withheld
    );
    let number = interaction.number.as_deref();
    let other = number.map(read).and_then(|party| party.number().cloned());
    if !is_customer || other.is_none() || other.as_ref() == named.number() {
        return;
    }
    let joined = ThirdParty {
        number: interaction.number.replace(recorded.to_owned()),
        name: interaction.customer.take(),
    };
    let parties = &mut interaction.third_parties;
    parties.retain(|party| {
        let number = party.number.as_deref().map(read);
        number.is_none_or(|party| party.number() != named.number())
    });
    parties.insert(0, joined);
    interaction.email = None;
    interaction.contact = None;
    interaction.sessions.clear();
    interaction.may_create = false;
}

/// The number as the events gave it, of what a note says of it.
fn given(said: &str) -> &str {
    let in_brackets = said
        .strip_suffix(')')
        .and_then(|said| said.rsplit_once(" ("));
    match in_brackets {
        _ if said == "withheld" => WITHHELD,
        Some((_, given)) => given.strip_prefix("given as ").unwrap_or(given),
        None => said,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use shared::domain::event::{Filter, Recognised, recognise};
    use shared::domain::interaction::no_own_numbers;
    use shared::domain::phone::Region;

    use super::*;

    const CALL: &[u8] = br#"{"data":{"id":"call-1","channelType":"voice","phoneNumber":"+12025550177","duration":45}}"#;

    /// A call of `+12025550177`, joined to the record with this note.
    fn joined(note: &str) -> Interaction {
        let Ok(Recognised::Event(event)) = recognise(CALL, None, &Filter::everything()) else {
            panic!("no event");
        };
        let facts = Facts::of(&event, "2026-03-10T14:20:00Z".parse().unwrap());
        let known = BTreeMap::from([(event.key.digest(), facts)]);
        let mut call = Interaction::merge(&event.interaction, &known, &no_own_numbers).unwrap();
        join(
            &mut call,
            note,
            &Reader::of_region(Region::parse("US").ok()),
        );
        call
    }

    #[test]
    fn a_record_of_another_number_keeps_its_customer_and_takes_the_caller_in() {
        for (said, number) in [
            ("+12025550143", "+12025550143"),
            ("withheld", WITHHELD),
            ("+442079460958 (given as 442079460958)", "442079460958"),
        ] {
            let call = joined(&format!("<b>Number:</b> {said}<br>x"));

            assert_eq!(call.number.as_deref(), Some(number));
            assert!(!call.may_create);
            let parties: Vec<_> = call.third_parties.into_iter().map(|it| it.number).collect();
            assert_eq!(parties, [Some("+12025550177".to_owned())]);
        }
    }

    #[test]
    fn a_record_that_names_the_same_number_or_none_is_the_callers() {
        for note in [
            "<b>Number:</b> +12025550177",
            "<b>Number:</b> (202) 555-0177",
            "<b>Number:</b> internal (1234)",
            "Number: +12025550143",
            "",
        ] {
            let call = joined(note);

            assert_eq!(call.number.as_deref(), Some("+12025550177"), "{note}");
            assert!(call.may_create && call.third_parties.is_empty(), "{note}");
        }
    }
}
