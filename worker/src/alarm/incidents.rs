//! One incident from its first sign to its end, and when it is told of. Plain functions of what was found and the time.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How often a lasting incident is noted as seen: well below any time after which it counts as over.
const NOTE_INTERVAL: SignedDuration = SignedDuration::from_secs(2);

/// What was found of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Something is wrong, and what.
    Firing(String),
    /// All is well.
    Clear,
    /// It cannot be told at present: an incident lasts, none begins.
    Unknown,
}

/// An incident, as all workers share it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// When it began.
    pub since: Timestamp,
    /// When any worker saw it last.
    pub seen: Timestamp,
    /// When it was last told; never, while that could not be delivered.
    pub told: Option<Timestamp>,
    /// What is wrong.
    pub what: String,
}

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It began.
    Raised,
    /// It lasts.
    Reminder,
    /// It is over.
    Recovered,
}

/// What to do about one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Rest,
    /// Write the incident down.
    Note(Incident),
    /// Tell, and once that is delivered, forget the incident (recovered) or note that it was told.
    Tell(Notice, Incident),
}

/// When an incident is told again, and when it counts as over.
#[derive(Clone, Copy, Debug)]
pub struct NotificationPolicy {
    /// Between two reminders.
    pub reminder: SignedDuration,
    /// How long nobody must have seen it.
    pub recovery: SignedDuration,
}

impl NotificationPolicy {
    /// Decides what to do about a rule by what is known of its incident and what was found `now`.
    ///
    /// An incident is over when no worker has seen it for a while, rather than when one worker does not see it: workers
    /// look at their own gates, and what comes and goes is one incident.
    #[must_use]
    pub fn next(&self, incident: Option<Incident>, verdict: &Verdict, now: Timestamp) -> Step {
        match (incident, verdict) {
            (None, Verdict::Clear | Verdict::Unknown) => Step::Rest,
            (None, Verdict::Firing(what)) => Step::Tell(
                Notice::Raised,
                Incident {
                    since: now,
                    seen: now,
                    told: None,
                    what: what.clone(),
                },
            ),
            (Some(incident), Verdict::Clear) => {
                if now.duration_since(incident.seen) >= self.recovery {
                    Step::Tell(Notice::Recovered, incident)
                } else if incident.told.is_none() {
                    Step::Tell(Notice::Raised, incident)
                } else {
                    Step::Rest
                }
            }
            (Some(mut incident), Verdict::Firing(_) | Verdict::Unknown) => {
                let unnoted = now.duration_since(incident.seen);
                incident.seen = incident.seen.max(now);
                if let Verdict::Firing(what) = verdict {
                    incident.what.clone_from(what);
                }
                match incident.told {
                    None => Step::Tell(Notice::Raised, incident),
                    Some(told) if now.duration_since(told) >= self.reminder => {
                        Step::Tell(Notice::Reminder, incident)
                    }
                    Some(_) if unnoted >= NOTE_INTERVAL => Step::Note(incident),
                    Some(_) => Step::Rest,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RHYTHM: NotificationPolicy = NotificationPolicy {
        reminder: SignedDuration::from_hours(1),
        recovery: SignedDuration::from_mins(1),
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn firing() -> Verdict {
        Verdict::Firing("it is wrong".to_owned())
    }

    /// Plays verdicts, each with its second, as a worker whose messages are delivered does; tells what was told when.
    fn play(script: impl IntoIterator<Item = (i64, Verdict)>) -> Vec<(i64, Notice)> {
        let mut incident = None;
        let mut told = Vec::new();
        for (second, verdict) in script {
            match RHYTHM.next(incident.clone(), &verdict, at(second)) {
                Step::Rest => {}
                Step::Note(noted) => incident = Some(noted),
                Step::Tell(notice, noted) => {
                    told.push((second, notice));
                    incident = (notice != Notice::Recovered).then_some(Incident {
                        told: Some(at(second)),
                        ..noted
                    });
                }
            }
        }
        told
    }

    #[test]
    fn an_incident_is_told_once_and_again_when_it_is_over() {
        let script = (0..300).map(|second| match second {
            10..100 => (second, firing()),
            _ => (second, Verdict::Clear),
        });

        let told = play(script);

        assert_eq!(told[0], (10, Notice::Raised));
        assert_eq!(told[1].1, Notice::Recovered);
        assert!((157..=160).contains(&told[1].0), "{told:?}");
        assert_eq!(told.len(), 2);
    }

    #[test]
    fn what_comes_and_goes_is_one_incident() {
        let script = (0..600).map(|second| match second / 20 % 2 {
            0 => (second, firing()),
            _ => (second, Verdict::Clear),
        });

        assert_eq!(play(script), [(0, Notice::Raised)]);
    }

    #[test]
    fn what_lasts_is_told_every_hour() {
        let script = (0..9000).step_by(5).map(|second| (second, firing()));

        assert_eq!(
            play(script),
            [
                (0, Notice::Raised),
                (3600, Notice::Reminder),
                (7200, Notice::Reminder)
            ]
        );
    }

    #[test]
    fn what_cannot_be_told_neither_begins_nor_ends_an_incident() {
        assert_eq!(play((0..300).map(|s| (s, Verdict::Unknown))), []);

        let script = (0..900).map(|second| match second {
            0 => (second, firing()),
            1..600 => (second, Verdict::Unknown),
            _ => (second, Verdict::Clear),
        });
        let told = play(script);
        assert_eq!(told.len(), 2);
        assert!(told[1].0 > 655, "{told:?}");
    }

    #[test]
    fn what_was_never_delivered_is_told_until_it_is() {
        let undelivered = Incident {
            since: at(0),
            seen: at(0),
            told: None,
            what: "it is wrong".to_owned(),
        };

        let step = RHYTHM.next(Some(undelivered.clone()), &firing(), at(9));
        assert!(matches!(step, Step::Tell(Notice::Raised, _)), "{step:?}");
        let step = RHYTHM.next(Some(undelivered.clone()), &Verdict::Clear, at(9));
        assert_eq!(step, Step::Tell(Notice::Raised, undelivered.clone()));
        let step = RHYTHM.next(Some(undelivered.clone()), &Verdict::Clear, at(90));
        assert_eq!(step, Step::Tell(Notice::Recovered, undelivered));
    }
}
