//! The record of an interaction that Redis does not know: found in Pipedrive before anything is written, and joined by
//! the events that are known.

use jiff::{SignedDuration, Timestamp};
use pipedrive::{ActivityId, ActivityRecord, PipedriveError};
use shared::domain::facts::Facts;
use shared::domain::interaction::{Interaction, ThirdParty};
use shared::domain::phone::{Party, Reader};

use crate::activity::note_merge as note;
use crate::activity::note_pieces::lines_of;
use crate::activity::recorder::Recorder;
use crate::activity::{labels, subject, zone};
use crate::effect::timing::wait_since;
use crate::failure::Failure;
use crate::store::{Effect, Lease, Progress};

/// What a note says of a time is as exact as this.
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
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
            if let Some(displaced) = join(interaction, &present, reader) {
                progress.adoption.displaced_subject = displaced.subject;
                progress.displaced = Some(displaced.number);
                progress.lines = note::either(&progress.lines, &displaced.lines);
            }
            progress.adoption.leads = !interaction.may_create;
        }
        if let Some(number) = &progress.displaced {
            takes_part(interaction, number, reader);
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

/// A customer of a record who is a third party by the known events.
#[derive(Debug, PartialEq, Eq)]
struct Displaced {
    /// As a third party of the known events gives it, or else the note.
    number: String,
    /// The subject of the record, where it comes from this customer's events.
    subject: Option<String>,
    /// Fingerprint of the lines that are about this customer.
    lines: String,
}

/// Brings the customer of the known events together with another one whom the note of the record names: the one who began
/// first is the customer, the other one a third party.
///
/// The note says to the minute when the record's customer began. Within a minute the known events decide, if they know
/// both; otherwise the record's customer stays. The record may have been moved to its person by hand.
fn join(
    interaction: &mut Interaction,
    present: &ActivityRecord,
    reader: &Reader,
) -> Option<Displaced> {
    let text = present.note.as_deref().unwrap_or_default();
    let lines = lines_of(text);
    let line = |label| lines.iter().find_map(|line| line.value(label));
    let recorded = given(line(labels::NUMBER)?);
    let named = read(reader, recorded);
    let is_customer = matches!(
        named,
        Party::Number(_) | Party::Foreign(_) | Party::Withheld
    );
    let number = interaction.number.as_deref();
    let other = number.and_then(|number| read(reader, number).number().cloned());
    if !is_customer || other.is_none() || other.as_ref() == named.number() {
        return None;
    }
    let known = third_party(interaction, &named, reader);
    let is_known = known.is_some();
    let began = line(labels::WHEN).and_then(zone::parse);
    if began.is_some_and(|began| is_earlier(interaction, began, is_known)) {
        let theirs = Interaction {
            customer: known.and_then(|party| party.name.clone()),
            email: None,
            ..interaction.clone()
        };
        let number = known.and_then(|party| party.number.as_deref());
        let subject = present.subject.clone();
        return Some(Displaced {
            number: number.unwrap_or(recorded).to_owned(),
            subject: subject.filter(|text| subject::is_of(text, &theirs, &named)),
            lines: note::fingerprint_of_head(text),
        });
    }
    stay(interaction, recorded, &named, reader);
    None
}

/// Whether the customer of the known events began before the record's customer, who began in the minute `began`.
fn is_earlier(interaction: &Interaction, began: Timestamp, knows_both: bool) -> bool {
    let is_same_minute = || interaction.started < began + MINUTE;
    interaction.may_create && (interaction.started < began || knows_both && is_same_minute())
}

/// Leaves the record to its customer, and makes that of the known events a third party.
fn stay(interaction: &mut Interaction, recorded: &str, named: &Party, reader: &Reader) {
    let joined = ThirdParty {
        number: interaction.number.replace(recorded.to_owned()),
        name: interaction.customer.take(),
    };
    let parties = &mut interaction.third_parties;
    parties.retain(|party| !is_same(party, named, reader));
    parties.insert(0, joined);
    interaction.email = None;
    interaction.contact = None;
    interaction.sessions.clear();
    interaction.may_create = false;
}

/// Adds a third party who is in no known event.
fn takes_part(interaction: &mut Interaction, number: &str, reader: &Reader) {
    if third_party(interaction, &read(reader, number), reader).is_none() {
        interaction.third_parties.push(ThirdParty {
            number: Some(number.to_owned()),
            name: None,
        });
    }
}

fn third_party<'i>(
    interaction: &'i Interaction,
    named: &Party,
    reader: &Reader,
) -> Option<&'i ThirdParty> {
    let mut parties = interaction.third_parties.iter();
    parties.find(|party| is_same(party, named, reader))
}

fn is_same(party: &ThirdParty, named: &Party, reader: &Reader) -> bool {
    let number = party.number.as_deref();
    number.is_some_and(|number| read(reader, number).number() == named.number())
}

fn read(reader: &Reader, number: &str) -> Party {
    reader.read(Some(number)).party
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

    use serde_json::json;
    use shared::domain::event::{Filter, Recognised, recognise};
    use shared::domain::interaction::no_own_numbers;
    use shared::domain::phone::Region;

    use super::*;

    const CALL: &[u8] = br#"{"data":{"id":"call-1","channelType":"voice","phoneNumber":"+12025550177","duration":45}}"#;

    /// A call of `+12025550177` that began at 14:19:15, joined to the record with this note; and whom it displaces there.
    fn joined(note: &str) -> (Interaction, Option<Displaced>) {
        let Ok(Recognised::Event(event)) = recognise(CALL, None, &Filter::everything()) else {
            panic!("no event");
        };
        let facts = Facts::of(&event, "2026-03-10T14:20:00Z".parse().unwrap());
        let known = BTreeMap::from([(event.key.digest(), facts)]);
        let mut call = Interaction::merge(&event.interaction, &known, &no_own_numbers).unwrap();
        let present =
            json!({"id": 7, "note": note, "subject": "Outbound call to +12025550143 (15 s)"});
        let present = serde_json::from_value(present).unwrap();
        let reader = Reader::of_region(Region::parse("US").ok());
        let displaced = join(&mut call, &present, &reader);
        (call, displaced)
    }

    #[test]
    fn a_record_of_another_number_keeps_its_customer_and_takes_the_caller_in() {
        for (said, number) in [
            ("+12025550143", "+12025550143"),
            ("withheld", WITHHELD),
            ("+442079460958 (given as 442079460958)", "442079460958"),
        ] {
            let (call, displaced) = joined(&format!("<b>Number:</b> {said}<br>x"));

            assert_eq!(call.number.as_deref(), Some(number));
            assert_eq!((call.may_create, displaced), (false, None));
            let parties: Vec<_> = call.third_parties.into_iter().map(|it| it.number).collect();
            assert_eq!(parties, [Some("+12025550177".to_owned())]);
        }
    }

    #[test]
    fn the_caller_takes_the_place_of_a_recorded_number_that_began_in_a_later_minute() {
        let note = |minute: u8| {
            format!(
                "<b>Number:</b> +12025550143<br><b>When:</b> Tue 10 Mar 2026, 14:{minute} (UTC)<br>x"
            )
        };

        for minute in [18, 19] {
            let (call, displaced) = joined(&note(minute));
            assert_eq!(call.number.as_deref(), Some("+12025550143"));
            assert_eq!(displaced, None);
        }
        let (call, displaced) = joined(&note(20));
        assert_eq!(call.number.as_deref(), Some("+12025550177"));
        assert!(call.may_create);
        let displaced = displaced.unwrap();
        assert_eq!(displaced.number, "+12025550143");
        let subject = displaced.subject.as_deref();
        assert_eq!(subject, Some("Outbound call to +12025550143 (15 s)"));
        assert_eq!(displaced.lines.split(' ').count(), 2);
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
            let (call, displaced) = joined(note);

            assert_eq!(call.number.as_deref(), Some("+12025550177"), "{note}");
            assert!(call.may_create && call.third_parties.is_empty(), "{note}");
            assert_eq!(displaced, None, "{note}");
        }
    }
}
