//! Gathers what came of a campaign, for the check of its history.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use shared::broker::topology;

use super::mishap::Deletions;
use super::senders::Answers;
use crate::history::{Activity, DeadLetter, Deal, Gone, History, Person, Verdict};
use crate::sandbox::pipedrive::{Control, Item};
use crate::servers::{Management, QueuedMessage};

/// The virtual host of a private broker.
pub(super) const VHOST: &str = "/";
/// More dead letters than any campaign has.
const DEAD_LETTERS_MAX: u32 = 1_000_000;

/// What only the campaign knows.
pub(super) struct Sources<'c> {
    /// Answers to the senders.
    pub(super) answers: &'c Answers,
    /// The persons that were there before.
    pub(super) known: &'c BTreeSet<i64>,
    /// The deals that were there before.
    pub(super) deals: &'c [Deal],
    /// Who was deleted, and when.
    pub(super) deletions: &'c Deletions,
}

/// The history so far.
pub(super) async fn gather(
    sources: &Sources<'_>,
    pipedrive: &Control,
    management: &Management,
) -> Result<History> {
    let letters = management
        .get_messages(VHOST, topology::DEAD_LETTER_QUEUE, DEAD_LETTERS_MAX)
        .await?;
    let times = Times::read(pipedrive);
    let deleted = sources.deletions.all();
    let activities = pipedrive.all_activities().into_iter();
    let persons = pipedrive.all_persons().into_iter();
    Ok(History {
        posted: sources.answers.posted(),
        activities: activities
            .map(|activity| Activity {
                id: activity.id,
                subject: activity.subject,
                kind: activity.r#type,
                due: format!(
                    "{} {}",
                    activity.due_date.unwrap_or_default(),
                    activity.due_time.unwrap_or_default()
                ),
                duration: activity.duration.unwrap_or_default(),
                is_done: activity.done,
                deal: activity.deal_id,
                note: activity.note.unwrap_or_default(),
                person: activity.person_id,
                organization: activity.org_id,
                // Pipedrive's own times have whole seconds.
                created: times.created(Item::Activity, activity.id, activity.add_time),
                written: times
                    .written
                    .get(&activity.id)
                    .copied()
                    .unwrap_or(activity.update_time),
            })
            .collect(),
        persons: persons
            .map(|person| Person {
                id: person.id,
                name: person.name,
                organization: person.org_id,
                phones: person.phones.into_iter().map(|phone| phone.value).collect(),
                was_there_before: sources.known.contains(&person.id),
                created: times.created(Item::Person, person.id, person.add_time),
                gone: match (person.merged_into, person.is_deleted) {
                    (Some(survivor), _) => Some(Gone::MergedInto(survivor)),
                    (None, true) => Some(Gone::DeletedAt(
                        deleted
                            .get(&person.id)
                            .copied()
                            .unwrap_or(person.update_time),
                    )),
                    (None, false) => None,
                },
            })
            .collect(),
        deals: sources.deals.to_vec(),
        dead_letters: letters.iter().map(dead_letter).collect(),
    })
}

/// The deals of people as they are now.
pub(super) fn deals(pipedrive: &Control) -> Vec<Deal> {
    let deals = pipedrive.deals().into_iter();
    deals
        .filter_map(|deal| {
            Some(Deal {
                id: deal.id,
                person: deal.person_id?,
            })
        })
        .collect()
}

/// When requests arrived, by what they changed.
#[derive(Default)]
struct Times {
    /// The first that changed an activity or a person.
    activities: BTreeMap<i64, Timestamp>,
    persons: BTreeMap<i64, Timestamp>,
    /// The last that changed an activity.
    written: BTreeMap<i64, Timestamp>,
}

impl Times {
    fn read(pipedrive: &Control) -> Self {
        let mut times = Self::default();
        for request in pipedrive.requests() {
            for effect in &request.effects {
                let Ok(id) = effect.id.parse() else { continue };
                match effect.item {
                    Item::Activity => {
                        times.activities.entry(id).or_insert(request.at);
                        times.written.insert(id, request.at);
                    }
                    Item::Person => {
                        times.persons.entry(id).or_insert(request.at);
                    }
                    _ => {}
                }
            }
        }
        times
    }

    fn created(&self, item: Item, id: i64, stated: Timestamp) -> Timestamp {
        let first = match item {
            Item::Person => &self.persons,
            _ => &self.activities,
        };
        first.get(&id).copied().unwrap_or(stated)
    }
}

fn dead_letter(letter: &QueuedMessage) -> DeadLetter {
    let header = |name: &str| letter.header(name).and_then(|value| value.as_str());
    let id = letter.property("message_id");
    // A message that the broker took for poison has no reason of ours.
    let reason = header("x-failure-reason").or_else(|| header("x-first-death-reason"));
    DeadLetter {
        interaction: id.and_then(|id| id.as_str()).unwrap_or_default().to_owned(),
        event: header("x-event-key").unwrap_or_default().to_owned(),
        reason: reason.map(str::to_owned),
        died: header("x-dead-at").and_then(|at| at.parse::<Timestamp>().ok()),
    }
}

/// Writes down all that is needed to look into a violation, beside the logs.
pub(super) fn keep_evidence(
    folder: &Path,
    verdict: &Verdict,
    history: &History,
    pipedrive: &Control,
) -> Result<()> {
    let lines = |lines: Vec<String>| lines.join("\n") + "\n";
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))
    };
    let violations = verdict.violations.iter().map(ToString::to_string);
    write("violations.txt", lines(violations.collect()))?;
    let debug = |items: &mut dyn Iterator<Item = String>| lines(items.collect());
    write(
        "posted.txt",
        debug(&mut history.posted.iter().map(|event| format!("{event:?}"))),
    )?;
    write(
        "dead-letters.txt",
        debug(&mut history.dead_letters.iter().map(|it| format!("{it:?}"))),
    )?;
    write(
        "activities.txt",
        debug(&mut history.activities.iter().map(|it| format!("{it:?}"))),
    )?;
    write(
        "persons.txt",
        debug(&mut history.persons.iter().map(|it| format!("{it:?}"))),
    )?;
    let requests = pipedrive.requests();
    let requests = requests.iter().map(serde_json::to_string);
    let requests: Vec<String> = requests.collect::<Result<_, _>>()?;
    write("pipedrive.jsonl", lines(requests))
}
