//! Finds the activities of interactions in Pipedrive's lists, for interactions that Redis does not know.
//!
//! What was listed once stays known, and each search lists only what changed since the last one. Concurrent searches share
//! a list: after Redis lost its data, every message in the queue searches.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pipedrive::{ActivityId, ActivityRecord, Client, PipedriveError};
use shared::clock;
use shared::domain::ids::InteractionId;
use tokio::sync::Mutex;

use crate::activity::marker;
use crate::effect::timing::surely_before;
use crate::text::escape;

/// Most activities that are remembered. Beyond that, all are listed anew.
const MAX_MARKS: usize = 200_000;

/// The activity of an interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Id of the activity.
    pub id: ActivityId,
    /// Whether it was attached to a person when it was listed.
    pub has_person: bool,
}

/// Finds activities by their markers. Clones share what they know.
#[derive(Clone, Debug)]
pub struct ActivityLookup {
    known: Arc<Mutex<Known>>,
    /// How long an interaction is known, and the limit of a search, however wrong a sender's clock is.
    memory: SignedDuration,
}

#[derive(Debug, Default)]
struct Known {
    /// What changed from the first of these to when the list was asked for that ended with the second, was listed.
    listed: Option<(Timestamp, Timestamp)>,
    /// By the line of the note.
    records: HashMap<String, Found>,
}

impl ActivityLookup {
    /// A lookup that knows nothing yet, and searches `memory` back at most.
    #[must_use]
    pub fn new(memory: Duration) -> Self {
        Self {
            known: Arc::default(),
            memory: SignedDuration::try_from(memory).unwrap_or(SignedDuration::MAX),
        }
    }

    /// The record of `interaction`, if there is one by now that was changed after `since`. 10 tokens a page, of what
    /// changed since the last search.
    ///
    /// # Errors
    ///
    /// When Pipedrive does not answer with a list.
    pub async fn find(
        &self,
        client: &Client,
        interaction: &InteractionId,
        since: Timestamp,
    ) -> Result<Option<Found>, PipedriveError> {
        let asked = clock::now();
        let forgotten = asked.checked_sub(self.memory).unwrap_or(Timestamp::MIN);
        let mut known = self.known.lock().await;
        if let Some(from) = known.to_list(since.max(forgotten), asked) {
            let begun = clock::now();
            known.make_room();
            client
                .activities_since(from, |page| known.learn(page))
                .await?;
            known.note_listed(from, begun);
        }
        Ok(known.record(interaction))
    }
}

impl Known {
    /// From when on has to be listed to know all that changed between `since` and `asked`; nothing if all is known.
    fn to_list(&self, since: Timestamp, asked: Timestamp) -> Option<Timestamp> {
        match self.listed {
            Some((first, last)) if first <= since && last >= asked => None,
            Some((first, last)) if first <= since && self.records.len() < MAX_MARKS => {
                Some(surely_before(last).max(first))
            }
            _ => Some(since),
        }
    }

    /// Forgets everything, if that is much.
    fn make_room(&mut self) {
        if self.records.len() >= MAX_MARKS {
            *self = Self::default();
        }
    }

    /// Takes in a part of a list. All of it counts as listed only once it is [noted](Self::note_listed).
    fn learn(&mut self, changed: Vec<ActivityRecord>) {
        for activity in changed {
            let marked = Found {
                id: activity.id,
                has_person: activity.person_id.is_some(),
            };
            for mark in marker::all_in(activity.note.as_deref().unwrap_or_default()) {
                let record = self.records.entry(mark.to_owned()).or_insert(marked);
                // The lowest id is the original: a copy that a user made, with its note, is younger.
                if marked.id <= record.id {
                    *record = marked;
                }
            }
        }
    }

    /// What changed from `from` to `begun` was listed to the end. It joins on to what was listed before.
    fn note_listed(&mut self, from: Timestamp, begun: Timestamp) {
        let first = self.listed.map_or(from, |(first, _)| first.min(from));
        self.listed = Some((first, begun));
    }

    fn record(&self, interaction: &InteractionId) -> Option<Found> {
        let mark = marker::of(interaction);
        let record = self.records.get(&mark);
        record.or_else(|| self.records.get(&escape(&mark))).copied()
    }
}

#[cfg(test)]
mod tests {
    use pipedrive::PersonId;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn activity(id: u64, interaction: &str, person: Option<u64>) -> ActivityRecord {
        ActivityRecord {
            id: ActivityId(id),
            note: Some(format!("x<br>Genesys interaction {interaction}")),
            person_id: person.map(PersonId),
            ..ActivityRecord::default()
        }
    }

    fn record(known: &Known, interaction: &str) -> Option<u64> {
        let interaction = InteractionId::parse(interaction).unwrap();
        known.record(&interaction).map(|marked| marked.id.0)
    }

    #[test]
    fn only_what_changed_since_is_listed_again() {
        let mut known = Known::default();
        assert_eq!(known.to_list(at(5_000), at(9_000)), Some(at(5_000)));
        known.learn(vec![activity(1, "a", None)]);
        assert_eq!(
            known.to_list(at(5_000), at(9_000)),
            Some(at(5_000)),
            "there may be another page"
        );
        known.note_listed(at(5_000), at(9_001));

        assert_eq!(
            known.to_list(at(5_000), at(9_000)),
            None,
            "listed after it was asked for"
        );
        assert_eq!(known.to_list(at(6_000), at(9_002)), Some(at(9_001 - 120)));
        assert_eq!(
            known.to_list(at(4_000), at(9_000)),
            Some(at(4_000)),
            "that list was not read"
        );

        known.learn(vec![activity(2, "b", None)]);
        known.note_listed(at(8_881), at(9_003));
        assert_eq!(
            (record(&known, "a"), record(&known, "b")),
            (Some(1), Some(2))
        );
        assert_eq!(known.to_list(at(5_000), at(9_003)), None);
    }

    #[test]
    fn the_oldest_is_the_record_and_what_it_says_last_counts() {
        let mut known = Known::default();
        known.learn(vec![activity(7, "a", Some(1)), activity(3, "a", None)]);
        assert_eq!(record(&known, "a"), Some(3));
        assert_eq!(record(&known, "aa"), None);

        known.learn(vec![activity(3, "a", Some(1))]);
        let interaction = InteractionId::parse("a").unwrap();
        assert!(known.record(&interaction).unwrap().has_person);
    }
}
