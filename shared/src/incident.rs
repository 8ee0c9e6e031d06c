//! One incident from beginning to end, and when a notification of it is due. Pure functions of verdicts and time.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How often a lasting incident is stored as seen: well below the time after which it counts as over.
const NOTE_INTERVAL: SignedDuration = SignedDuration::from_secs(2);

/// The result of one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The rule fires, with a sentence on what is wrong.
    Firing(String),
    /// The rule does not fire.
    Clear,
    /// Not known at present: an open incident lasts, and none begins.
    Unknown,
}

/// An incident, as all workers share it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Begin of the incident.
    pub since: Timestamp,
    /// When any worker saw it last.
    pub seen: Timestamp,
    /// When a notification was last delivered; `None` before the first one.
    #[serde(rename = "told")]
    pub notified: Option<Timestamp>,
    /// Problem as the notification words it.
    pub what: String,
}

/// The kind of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// First message about an incident.
    Raised,
    /// Message about an incident that has lasted for another `alarm.reminder`.
    Reminder,
    /// The incident is over.
    Recovered,
}

/// The next step for one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing has to be stored or sent.
    Rest,
    /// The incident has to be stored before anything is sent.
    Store(Incident),
    /// Send a notification; once delivered, delete the incident (recovered) or store that it was sent.
    Notify(Notice, Incident),
}

/// When a reminder is due, and when an incident counts as over.
#[derive(Clone, Copy, Debug)]
pub struct NotificationPolicy {
    /// Time between two reminders.
    pub reminder: SignedDuration,
    /// How long no worker must have seen the incident until it is over.
    pub recovery: SignedDuration,
}

impl NotificationPolicy {
    /// Decides the next step from the known incident and the verdict `now`.
    ///
    /// An incident is over when no worker has seen it for a while, not when one worker does not see it: each worker
    /// evaluates its own pause, and a condition that comes and goes is one incident.
    #[must_use]
    pub fn next(&self, incident: Option<Incident>, verdict: &Verdict, now: Timestamp) -> Step {
        match (incident, verdict) {
            (None, Verdict::Clear | Verdict::Unknown) => Step::Rest,
            (None, Verdict::Firing(what)) => Step::Notify(
                Notice::Raised,
                Incident {
                    since: now,
                    seen: now,
                    notified: None,
                    what: what.clone(),
                },
            ),
            (Some(incident), Verdict::Clear) => {
                if now.duration_since(incident.seen) >= self.recovery {
                    Step::Notify(Notice::Recovered, incident)
                } else if incident.notified.is_none() {
                    Step::Notify(Notice::Raised, incident)
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
                match incident.notified {
                    None => Step::Notify(Notice::Raised, incident),
                    Some(notified) if now.duration_since(notified) >= self.reminder => {
                        Step::Notify(Notice::Reminder, incident)
                    }
                    Some(_) if unnoted >= NOTE_INTERVAL => Step::Store(incident),
                    Some(_) => Step::Rest,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: NotificationPolicy = NotificationPolicy {
        reminder: SignedDuration::from_hours(1),
        recovery: SignedDuration::from_mins(1),
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn firing() -> Verdict {
        Verdict::Firing("it is wrong".to_owned())
    }

    /// Plays verdicts, each with its second, as a worker whose notifications are delivered; returns what was sent when.
    fn play(script: impl IntoIterator<Item = (i64, Verdict)>) -> Vec<(i64, Notice)> {
        let mut incident = None;
        let mut notices = Vec::new();
        for (second, verdict) in script {
            match POLICY.next(incident.clone(), &verdict, at(second)) {
                Step::Rest => {}
                Step::Store(noted) => incident = Some(noted),
                Step::Notify(notice, noted) => {
                    notices.push((second, notice));
                    incident = (notice != Notice::Recovered).then_some(Incident {
                        notified: Some(at(second)),
                        ..noted
                    });
                }
            }
        }
        notices
    }

    #[test]
    fn an_incident_is_notified_once_and_again_when_it_is_over() {
        let script = (0..300).map(|second| match second {
            10..100 => (second, firing()),
            _ => (second, Verdict::Clear),
        });

        let notices = play(script);

        assert_eq!(notices[0], (10, Notice::Raised));
        assert_eq!(notices[1].1, Notice::Recovered);
        assert!((157..=160).contains(&notices[1].0), "{notices:?}");
        assert_eq!(notices.len(), 2);
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
    fn a_lasting_incident_is_notified_every_hour() {
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
    fn an_unknown_verdict_neither_begins_nor_ends_an_incident() {
        assert_eq!(play((0..300).map(|s| (s, Verdict::Unknown))), []);

        let script = (0..900).map(|second| match second {
            0 => (second, firing()),
            1..600 => (second, Verdict::Unknown),
            _ => (second, Verdict::Clear),
        });
        let notices = play(script);
        assert_eq!(notices.len(), 2);
        assert!(notices[1].0 > 655, "{notices:?}");
    }

    #[test]
    fn an_undelivered_notification_stays_due() {
        let undelivered = Incident {
            since: at(0),
            seen: at(0),
            notified: None,
            what: "it is wrong".to_owned(),
        };

        let step = POLICY.next(Some(undelivered.clone()), &firing(), at(9));
        assert!(matches!(step, Step::Notify(Notice::Raised, _)), "{step:?}");
        let step = POLICY.next(Some(undelivered.clone()), &Verdict::Clear, at(9));
        assert_eq!(step, Step::Notify(Notice::Raised, undelivered.clone()));
        let step = POLICY.next(Some(undelivered.clone()), &Verdict::Clear, at(90));
        assert_eq!(step, Step::Notify(Notice::Recovered, undelivered));
    }
}
