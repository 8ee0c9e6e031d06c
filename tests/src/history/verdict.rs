//! What the check found.

use std::collections::BTreeMap;
use std::fmt;

/// The figures of a run, and everything that is wrong with it.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Counts for the report.
    pub counts: Counts,
    /// Empty where the promise was kept.
    pub violations: Vec<Violation>,
}

impl Verdict {
    /// How many violations are of the sort that `is_it` says.
    #[must_use]
    pub fn count(&self, is_it: impl Fn(&Violation) -> bool) -> usize {
        self.violations.iter().filter(|found| is_it(found)).count()
    }
}

/// How many there were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Interactions of which at least one event was accepted.
    pub interactions: usize,
    /// Events that were accepted.
    pub events: usize,
    /// Accepted interactions with exactly one activity.
    pub recorded: usize,
    /// Accepted interactions without an activity whose every accepted event is a dead letter.
    pub dead: usize,
    /// Dead letters of one event beyond its first: the worker was cut off between dead letter and acknowledgement (C11),
    /// and the event failed again when it came again.
    pub repeated_dead_letters: usize,
    /// Dead letters by reason.
    pub dead_letters: BTreeMap<String, usize>,
    /// Events with a dead letter that died before its interaction was written with all that the event states: the worker
    /// was cut off between dead letter and acknowledgement (C11), or another event of the interaction carried it along.
    /// Replaying such a letter changes nothing.
    pub dead_then_recorded: usize,
    /// Events that were decided not to be recorded.
    pub ignored: usize,
    /// Events that were never answered 200.
    pub unanswered: usize,
    /// Persons that the bridge created.
    pub persons_created: usize,
    /// Accepted events of third parties.
    pub third_parties: usize,
    /// Persons that were created for a third party before anything of the interaction was recorded: until another session
    /// is known, the only party is the customer.
    pub taken_for_customers: usize,
    /// Records of customers whose number several people have.
    pub shared: usize,
}

/// A breach of the promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Accepted, and nowhere: neither activity nor dead letter.
    Lost {
        /// Id of the interaction.
        interaction: String,
        /// Name of the event.
        event: String,
    },
    /// To be recorded, but dropped at the door, or dropped without a word on why.
    SilentlyDropped {
        /// Id of the interaction.
        interaction: String,
        /// Name of the event.
        event: String,
        /// Answer to its sender.
        reason: String,
    },
    /// Accepted, though it is not to be recorded.
    WronglyAccepted {
        /// Id of the interaction.
        interaction: String,
        /// Name of the event.
        event: String,
    },
    /// Two activities or more.
    DoubledActivity {
        /// Id of the interaction.
        interaction: String,
        /// Ids of the activities.
        activities: Vec<i64>,
    },
    /// More persons for one number than one, the last of them ours.
    DoubledPerson {
        /// The number's comparable digits.
        number: String,
        /// Ids of the persons.
        persons: Vec<i64>,
    },
    /// Recorded first, and then dead-lettered all the same.
    DeadThoughRecorded {
        /// Id of the interaction.
        interaction: String,
        /// Name of the event.
        event: String,
        /// Reason of the dead letter.
        reason: String,
    },
    /// A dead letter that does not say why.
    UnexplainedDeadLetter {
        /// Id of the interaction.
        interaction: String,
        /// Name of the event.
        event: String,
    },
    /// There is an activity, but it lacks what an accepted event states.
    Incomplete {
        /// Id of the interaction.
        interaction: String,
        /// Name of the event.
        event: String,
        /// The first text that is missing.
        missing: String,
    },
    /// The activity states twice what an accepted event states once.
    StatedTwice {
        /// Id of the interaction.
        interaction: String,
        /// Name of the event.
        event: String,
        /// The first text that is there twice.
        repeated: String,
    },
    /// The activity's subject, type, time, duration, deal or mark that it is done is not what its events make of it.
    WrongField {
        /// Id of the interaction.
        interaction: String,
        /// Name of the field.
        field: &'static str,
        /// Value that the activity holds.
        found: String,
        /// Value that follows from the events.
        expected: String,
    },
    /// The activity states what only another interaction states.
    ForeignFact {
        /// Id of the interaction.
        interaction: String,
        /// Fact that does not belong to it.
        foreign: String,
        /// Interaction that states this fact.
        owner: String,
    },
    /// The activity is attached to another person than it should be, or to none.
    WrongPerson {
        /// Id of the interaction.
        interaction: String,
        /// Person it is attached to.
        attached: Option<i64>,
        /// Person it should be attached to.
        expected: Option<i64>,
    },
    /// An activity that is of no interaction that was to be recorded.
    StrayActivity {
        /// Id of the activity.
        activity: i64,
        /// The id in its marker, if it has one.
        interaction: Option<String>,
    },
    /// A created person that belongs to no event.
    StrayPerson {
        /// Id of the person.
        person: i64,
    },
    /// A dead letter of an event that was never sent.
    StrayDeadLetter {
        /// Id of the interaction.
        interaction: String,
        /// Name of the event.
        event: String,
    },
}

impl Violation {
    /// A word for its sort.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Lost { .. } => "lost",
            Self::SilentlyDropped { .. } => "silently dropped",
            Self::WronglyAccepted { .. } => "wrongly accepted",
            Self::DoubledActivity { .. } => "doubled activity",
            Self::DoubledPerson { .. } => "doubled person",
            Self::DeadThoughRecorded { .. } => "dead though recorded",
            Self::UnexplainedDeadLetter { .. } => "unexplained dead letter",
            Self::Incomplete { .. } => "incomplete record",
            Self::StatedTwice { .. } => "stated twice",
            Self::WrongField { .. } => "wrong field",
            Self::ForeignFact { .. } => "foreign fact",
            Self::WrongPerson { .. } => "wrong person",
            Self::StrayActivity { .. } => "stray activity",
            Self::StrayPerson { .. } => "stray person",
            Self::StrayDeadLetter { .. } => "stray dead letter",
        }
    }

    /// Whether waiting longer might heal it.
    #[must_use]
    pub fn may_heal(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::Incomplete { .. })
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name())?;
        match self {
            Self::Lost { interaction, event }
            | Self::WronglyAccepted { interaction, event }
            | Self::UnexplainedDeadLetter { interaction, event }
            | Self::StrayDeadLetter { interaction, event } => {
                write!(f, "event {event} of {interaction}")
            }
            Self::SilentlyDropped {
                interaction,
                event,
                reason,
            }
            | Self::DeadThoughRecorded {
                interaction,
                event,
                reason,
            } => write!(f, "event {event} of {interaction} ({reason})"),
            Self::DoubledActivity {
                interaction,
                activities,
            } => write!(f, "{interaction} as activities {activities:?}"),
            Self::DoubledPerson { number, persons } => {
                write!(f, "number …{number} as persons {persons:?}")
            }
            Self::Incomplete {
                interaction,
                event,
                missing,
            } => write!(
                f,
                "{interaction} lacks `{missing}`, which event {event} states"
            ),
            Self::StatedTwice {
                interaction,
                event,
                repeated,
            } => write!(
                f,
                "{interaction} says `{repeated}` twice, which event {event} states once"
            ),
            Self::WrongField {
                interaction,
                field,
                found,
                expected,
            } => write!(f, "{interaction} has {field} `{found}`, not `{expected}`"),
            Self::ForeignFact {
                interaction,
                foreign,
                owner,
            } => write!(f, "{interaction} says `{foreign}`, which {owner} states"),
            Self::WrongPerson {
                interaction,
                attached,
                expected,
            } => write!(
                f,
                "{interaction} is attached to {}, not to {}",
                person(*attached),
                person(*expected)
            ),
            Self::StrayActivity {
                activity,
                interaction,
            } => write!(
                f,
                "activity {activity} of {}",
                interaction.as_deref().unwrap_or("no interaction")
            ),
            Self::StrayPerson { person } => write!(f, "person {person}"),
        }
    }
}

fn person(id: Option<i64>) -> String {
    id.map_or_else(|| "no person".to_owned(), |id| format!("person {id}"))
}
