//! The check itself: a plain function from a history to a verdict.

mod content;

use std::collections::{BTreeMap, BTreeSet};

use self::content::{Owners, text};
use super::verdict::{Counts, Verdict, Violation};
use super::{Activity, Answer, DeadLetter, Gone, History, Person, Posted, comparable};

/// Checks the history of a run against the promise.
#[must_use]
pub fn check(history: &History) -> Verdict {
    let mut check = Check::new(history);
    check.persons();
    check.strays();
    for (interaction, events) in &check.index.posted.clone() {
        check.interaction(interaction, events);
    }
    Verdict {
        counts: check.counts,
        violations: check.violations,
    }
}

/// The history, by interaction and by number.
struct Index<'h> {
    posted: BTreeMap<&'h str, Vec<&'h Posted>>,
    activities: BTreeMap<&'h str, Vec<&'h Activity>>,
    dead_letters: BTreeMap<(&'h str, &'h str), Vec<&'h DeadLetter>>,
    /// Everybody who has a number at the end.
    persons: BTreeMap<String, Vec<&'h Person>>,
    /// Everybody who ever had it as their own, not by a merge.
    owners: BTreeMap<String, Vec<&'h Person>>,
}

struct Check<'h> {
    history: &'h History,
    index: Index<'h>,
    /// Numbers for which there are more persons than there should be: what is attached to one of those is no further
    /// fault.
    doubled: BTreeSet<String>,
    /// The one interaction that states a word.
    owners: Owners<'h>,
    counts: Counts,
    violations: Vec<Violation>,
}

impl<'h> Check<'h> {
    fn new(history: &'h History) -> Self {
        let mut index = Index {
            posted: BTreeMap::new(),
            activities: BTreeMap::new(),
            dead_letters: BTreeMap::new(),
            persons: BTreeMap::new(),
            owners: BTreeMap::new(),
        };
        for event in &history.posted {
            let events = index.posted.entry(&event.interaction).or_default();
            events.push(event);
        }
        for activity in &history.activities {
            if let Some(interaction) = activity.interaction() {
                index
                    .activities
                    .entry(interaction)
                    .or_default()
                    .push(activity);
            }
        }
        for letter in &history.dead_letters {
            let key = (&*letter.interaction, &*letter.event);
            index.dead_letters.entry(key).or_default().push(letter);
        }
        for person in &history.persons {
            let merged = history
                .persons
                .iter()
                .filter(|other| other.gone == Some(Gone::MergedInto(person.id)));
            let inherited: BTreeSet<_> = merged.flat_map(numbers).collect();
            for number in numbers(person) {
                if person.gone.is_none() {
                    let persons = index.persons.entry(number.clone()).or_default();
                    persons.push(person);
                }
                if !inherited.contains(&number) {
                    index.owners.entry(number).or_default().push(person);
                }
            }
        }
        Self {
            history,
            index,
            doubled: BTreeSet::new(),
            owners: Owners::of(&history.posted),
            counts: Counts::default(),
            violations: Vec::new(),
        }
    }

    /// One person for one number: those who were there before, or else one of ours, at any time.
    fn persons(&mut self) {
        for (number, persons) in &self.index.owners {
            if has_double(persons) {
                self.doubled.insert(number.clone());
                self.violations.push(Violation::DoubledPerson {
                    number: number.clone(),
                    persons: persons.iter().map(|person| person.id).collect(),
                });
            }
        }
        let called: BTreeSet<String> = self
            .history
            .posted
            .iter()
            .filter(|event| event.is_recordable)
            .filter_map(|event| event.number.as_deref().map(comparable))
            .collect();
        let ours = self
            .history
            .persons
            .iter()
            .filter(|person| !person.was_there_before);
        for person in ours {
            self.counts.persons_created += 1;
            let is_called = |phone: &String| called.contains(&comparable(phone));
            if person.phones.iter().any(is_called) {
                continue;
            }
            if self.was_only_party(person) {
                self.counts.taken_for_customers += 1;
            } else {
                let person = person.id;
                self.violations.push(Violation::StrayPerson { person });
            }
        }
    }

    /// Whether a person was created for a party of an interaction of which nothing was recorded by then.
    fn was_only_party(&self, person: &Person) -> bool {
        let numbers = numbers(person);
        let mut events = self.history.posted.iter().filter(|event| {
            let party = event.third_party.as_deref().map(comparable);
            party.is_some_and(|number| numbers.contains(&number))
        });
        events.any(|event| {
            let activities = self.index.activities.get(&*event.interaction);
            let mut activities = activities.into_iter().flatten();
            activities.all(|activity| activity.created >= person.created)
        })
    }

    /// Finds records that belong to no event.
    fn strays(&mut self) {
        for activity in &self.history.activities {
            let interaction = activity.interaction();
            let events = interaction.and_then(|id| self.index.posted.get(id));
            let is_wanted = events.is_some_and(|events| {
                events
                    .iter()
                    .any(|event| !matches!(event.answer, Answer::Ignored(_)))
            });
            if !is_wanted {
                self.violations.push(Violation::StrayActivity {
                    activity: activity.id,
                    interaction: interaction.map(str::to_owned),
                });
            }
        }
        for ((interaction, event), letters) in &self.index.dead_letters {
            let (interaction, event) = ((*interaction).to_owned(), (*event).to_owned());
            let events = self.index.posted.get(&*interaction);
            let is_known =
                events.is_some_and(|events| events.iter().any(|posted| posted.event == event));
            if !is_known {
                self.violations.push(Violation::StrayDeadLetter {
                    interaction: interaction.clone(),
                    event: event.clone(),
                });
            }
            if letters.iter().any(|letter| reason(letter).is_empty()) {
                self.violations
                    .push(Violation::UnexplainedDeadLetter { interaction, event });
            }
            self.counts.repeated_dead_letters += letters.len() - 1;
            for letter in letters {
                let count = self.counts.dead_letters.entry(reason(letter).to_owned());
                *count.or_default() += 1;
            }
        }
    }

    fn interaction(&mut self, interaction: &str, events: &[&'h Posted]) {
        let activities = self.index.activities.get(interaction).cloned();
        let activities = activities.unwrap_or_default();
        if activities.len() > 1 {
            self.violations.push(Violation::DoubledActivity {
                interaction: interaction.to_owned(),
                activities: activities.iter().map(|activity| activity.id).collect(),
            });
        }
        let mut accepted = 0;
        for event in events {
            match &event.answer {
                Answer::None => self.counts.unanswered += 1,
                Answer::Ignored(reason) => {
                    self.counts.ignored += 1;
                    self.decision(event, reason);
                }
                Answer::Accepted => {
                    accepted += 1;
                    self.counts.third_parties += usize::from(event.third_party.is_some());
                    self.asked_for(event);
                    self.accepted(event, activities.first().copied());
                }
            }
        }
        self.counts.events += accepted;
        if accepted > 0 {
            self.counts.interactions += 1;
            match activities.len() {
                0 if self.is_dead(events) => self.counts.dead += 1,
                1 => self.counts.recorded += 1,
                _ => {}
            }
        }
        for activity in activities {
            self.attachment(interaction, events, activity);
            self.content(interaction, events, activity);
        }
    }

    fn is_dead(&self, events: &[&'h Posted]) -> bool {
        events
            .iter()
            .filter(|event| event.answer == Answer::Accepted)
            .all(|event| self.letters(event).is_some())
    }

    fn letters(&self, event: &'h Posted) -> Option<&Vec<&'h DeadLetter>> {
        self.index
            .dead_letters
            .get(&(&*event.interaction, &*event.event))
    }

    /// A decision not to record has its reason, and is about something that is not to be recorded.
    fn decision(&mut self, event: &Posted, reason: &str) {
        if event.is_recordable || reason.is_empty() {
            self.violations.push(Violation::SilentlyDropped {
                interaction: event.interaction.clone(),
                event: event.event.clone(),
                reason: reason.to_owned(),
            });
        }
    }

    /// Only what is to be recorded is accepted.
    fn asked_for(&mut self, event: &Posted) {
        if !event.is_recordable {
            self.violations.push(Violation::WronglyAccepted {
                interaction: event.interaction.clone(),
                event: event.event.clone(),
            });
        }
    }

    /// An accepted event is in the activity, or is a dead letter.
    fn accepted(&mut self, event: &'h Posted, activity: Option<&Activity>) {
        let letters = self.letters(event).cloned();
        let (interaction, key) = (event.interaction.clone(), event.event.clone());
        let occurrences =
            |fact: &&String, activity: &Activity| text(&activity.note).matches(&**fact).count();
        let missing = activity.map(|activity| {
            let is_missing = |fact: &&String| occurrences(fact, activity) == 0;
            event.facts.iter().find(is_missing).cloned()
        });
        let repeated = activity.and_then(|activity| {
            let is_repeated = |fact: &&String| occurrences(fact, activity) > 1;
            event.facts.iter().find(is_repeated)
        });
        if let Some(repeated) = repeated {
            self.violations.push(Violation::StatedTwice {
                interaction: interaction.clone(),
                event: key.clone(),
                repeated: repeated.clone(),
            });
        }
        let violation = match (activity, missing.flatten(), letters) {
            (None, _, None) => Violation::Lost {
                interaction,
                event: key,
            },
            (Some(_), Some(missing), None) => Violation::Incomplete {
                interaction,
                event: key,
                missing,
            },
            (Some(activity), None, Some(letters)) => {
                let died_first =
                    |letter: &&DeadLetter| letter.died.is_some_and(|died| died <= activity.written);
                let Some(letter) = letters.iter().find(|letter| !died_first(letter)) else {
                    self.counts.dead_then_recorded += 1;
                    return;
                };
                Violation::DeadThoughRecorded {
                    interaction,
                    event: key,
                    reason: reason(letter).to_owned(),
                }
            }
            (Some(_), None, None) | (None, _, Some(_)) | (Some(_), Some(_), Some(_)) => return,
        };
        self.violations.push(violation);
    }

    /// Who a person is by now.
    fn survivor(&self, id: i64) -> i64 {
        let merged = self.history.persons.iter().find_map(|person| {
            let into = match person.gone {
                Some(Gone::MergedInto(survivor)) => survivor,
                Some(Gone::DeletedAt(_)) | None => return None,
            };
            (person.id == id).then_some(into)
        });
        merged.map_or(id, |survivor| self.survivor(survivor))
    }

    /// The activity is on the one person who has the number; where several share it, or no event states one, on none.
    /// One who had it and was deleted keeps what was attached before.
    fn attachment(&mut self, interaction: &str, events: &[&Posted], activity: &Activity) {
        let number = events.iter().find_map(|event| event.number.as_deref());
        let number = number.map(comparable).unwrap_or_default();
        if self.doubled.contains(&number) {
            return;
        }
        let attached = activity.person.map(|person| self.survivor(person));
        let owners = self.index.owners.get(&number).into_iter().flatten();
        let owner = owners.copied().find(|person| Some(person.id) == attached);
        if let Some(Gone::DeletedAt(at)) = owner.and_then(|person| person.gone)
            && activity.created < at
        {
            return;
        }
        let persons = self.index.persons.get(&number).map(|persons| &persons[..]);
        let expected = match persons {
            Some([only]) => Some(only.id),
            None | Some(_) => None,
        };
        let should_exist = !number.is_empty() && persons.is_none();
        if attached != expected || should_exist {
            self.violations.push(Violation::WrongPerson {
                interaction: interaction.to_owned(),
                attached: activity.person,
                expected,
            });
        }
    }
}

/// Numbers of a person in comparable form.
fn numbers(person: &Person) -> BTreeSet<String> {
    let phones = person.phones.iter();
    phones.map(|phone| comparable(phone)).collect()
}

/// Whether a person of ours was created while another one had the number.
fn has_double(owners: &[&Person]) -> bool {
    let had_it = |other: &Person, at| {
        let was_deleted = matches!(other.gone, Some(Gone::DeletedAt(deleted)) if deleted <= at);
        (other.was_there_before || other.created <= at) && !was_deleted
    };
    let mut ours = owners.iter().filter(|person| !person.was_there_before);
    ours.any(|person| {
        let mut others = owners.iter().filter(|other| other.id != person.id);
        others.any(|other| had_it(other, person.created))
    })
}

fn reason(letter: &DeadLetter) -> &str {
    letter.reason.as_deref().unwrap_or_default().trim()
}
