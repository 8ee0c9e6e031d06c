//! What came of a campaign, and whether that keeps the promise.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::credential::Credential;
use super::machine::Machine;
use super::senders::Unavailable;
use super::storm::Struck;
use crate::history::{Activity, History, Verdict};
use crate::sandbox::pipedrive::{Answer, Control};

/// Tokens of a create; of reading a known person, and the deals; of a search; of creating a person.
const ACTIVITY: u64 = 5;
const LOOK: u64 = 1 + 10;
const SEARCH: u64 = 20;
const PERSON: u64 = 5;
/// So long without a broker, senders must have got answers from the spool.
const LONG_AWAY: Duration = Duration::from_secs(10);

/// The reason of the dead letters that a campaign asks for: Pipedrive forbids what it will never allow.
const FORBIDDEN: &str = "pipedrive_forbidden";
/// What came of a campaign.
pub(super) struct Outcome {
    pub(super) machine: Machine,
    pub(super) start: Timestamp,
    /// How long the storm took, and how long everything to settle afterwards.
    pub(super) stormed: Duration,
    pub(super) settled: Duration,
    pub(super) strikes: Vec<Struck>,
    pub(super) recoveries: Vec<Duration>,
    /// For each interaction, from its first 200 to its activity.
    pub(super) delays: Vec<Duration>,
    /// The longest time without a record, and the time from the first to the last.
    pub(super) spans: (Duration, Duration),
    pub(super) revived: usize,
    pub(super) tries: usize,
    pub(super) refusals: Vec<String>,
    /// Answers 503 while the spool was full, and others.
    pub(super) unavailable: (usize, usize),
    /// Answers 200 while `ingest` could not reach its broker, and for how long it could not.
    pub(super) accepted_without_broker: (usize, Duration),
    pub(super) mishaps: Vec<Struck>,
    pub(super) misfortunes: BTreeMap<String, usize>,
    /// How often the app was given an access token.
    pub(super) access_tokens: usize,
    pub(super) tokens: u64,
    pub(super) least_tokens: u64,
    /// Requests that Genesys answered, and how often it failed for some time.
    pub(super) genesys: (usize, usize),
    pub(super) planned: Planned,
    pub(super) verdict: Verdict,
    /// What still moved when the time to settle was over.
    pub(super) missing: Option<String>,
}

/// What was to happen.
pub(super) struct Planned {
    pub(super) strikes: usize,
    /// Interactions that are owed a record.
    pub(super) interactions: usize,
    pub(super) credential: Credential,
}

impl Outcome {
    /// Everything that broke the promise, or that leaves it unproven.
    pub(super) fn problems(&self) -> Vec<String> {
        let violations = self.verdict.violations.iter().map(ToString::to_string);
        let refusals = self.refusals.iter().map(|text| format!("refused: {text}"));
        let missing = self.missing.iter().map(|text| format!("not idle: {text}"));
        violations
            .chain(refusals)
            .chain(missing)
            .chain(self.at_the_door())
            .chain(self.unproven())
            .collect()
    }

    /// Answers that senders never should receive.
    fn at_the_door(&self) -> impl Iterator<Item = String> {
        let counts = &self.verdict.counts;
        let (_, sent_away) = self.unavailable;
        let sent_away = (sent_away > 0)
            .then(|| format!("sent away: {sent_away} times, with room in the spool"));
        let unanswered = (counts.unanswered > 0)
            .then(|| format!("not answered: {} events, to the end", counts.unanswered));
        let short = self
            .planned
            .interactions
            .saturating_sub(counts.interactions);
        let short = (short > 0).then(|| format!("not accepted: {short} interactions"));
        let (accepted, away) = self.accepted_without_broker;
        let idle_spool = (accepted == 0 && away > LONG_AWAY)
            .then(|| format!("not spooled: nothing accepted in {away:?} without a broker"));
        [sent_away, unanswered, short, idle_spool]
            .into_iter()
            .flatten()
    }

    /// What a campaign must not end with, since then it says little: services that end by themselves, dead letters for
    /// what heals, strikes that were left out.
    fn unproven(&self) -> impl Iterator<Item = String> {
        let died =
            (self.revived > 0).then(|| format!("{} services ended by themselves", self.revived));
        let left_out = self.planned.strikes.saturating_sub(self.strikes.len());
        let left_out = (left_out > 0).then(|| format!("{left_out} strikes were left out"));
        let letters = self.verdict.counts.dead_letters.iter();
        let healing = letters
            .filter(|(reason, _)| *reason != FORBIDDEN)
            .map(|(reason, count)| format!("{count} dead letters, {reason}, of what heals"));
        let is_app = self.planned.credential == Credential::App;
        let only = (is_app && self.access_tokens < 2).then(|| "no access token ended".to_owned());
        let unshown = [died, left_out, only].into_iter().flatten();
        unshown.chain(healing)
    }
}

/// How long each interaction took from its first 200 `accepted` to its activity: nothing, where that was there before its
/// sender heard.
pub(super) fn delays(history: &History, accepted: &BTreeMap<String, Timestamp>) -> Vec<Duration> {
    let delay = |activity: &Activity| {
        let accepted = accepted.get(activity.interaction()?)?;
        let delay = activity.created.duration_since(*accepted);
        Some(delay.try_into().unwrap_or_default())
    };
    history.activities.iter().filter_map(delay).collect()
}

/// How many were accepted while `ingest` could not reach its broker, and for how long it could not.
pub(super) fn accepted_without_broker(
    accepted: &[Instant],
    strikes: &[Struck],
) -> (usize, Duration) {
    let outages: Vec<_> = strikes.iter().filter(|it| it.parts_broker).collect();
    let meanwhile = accepted
        .iter()
        .filter(|at| outages.iter().any(|it| (it.at..it.healed).contains(at)));
    let away = outages.iter().map(|it| it.healed - it.at).sum();
    (meanwhile.count(), away)
}

/// How many requests were answered 503 that were under way while the spool was full, and how many others.
pub(super) fn unavailable(answers: &[Unavailable], strikes: &[Struck]) -> (usize, usize) {
    let full: Vec<_> = strikes.iter().filter(|it| it.fills_spool).collect();
    let meanwhile = answers.iter().filter(|answer| {
        full.iter()
            .any(|it| answer.sent <= it.healed && it.at <= answer.answered)
    });
    let meanwhile = meanwhile.count();
    (meanwhile, answers.len() - meanwhile)
}

/// What befell requests to the sandbox, by name; with what its limits refused.
pub(super) fn misfortunes(pipedrive: &Control) -> BTreeMap<String, usize> {
    let mut misfortunes = BTreeMap::new();
    for request in pipedrive.requests() {
        let limited = (request.answer == Answer::Status(429)).then(|| "429 of a limit".to_owned());
        if let Some(name) = request.fault.or(limited) {
            *misfortunes.entry(name).or_default() += 1;
        }
    }
    misfortunes
}

/// What the same records cost at least when nothing goes wrong: a create each; for a caller with a number, the read of
/// the person and at deals; for each number a search at first, two and a create where no person had it.
pub(super) fn least_tokens(history: &History, verdict: &Verdict) -> u64 {
    let with_person = history.activities.iter().filter(|it| it.person.is_some());
    let attached: std::collections::BTreeSet<_> =
        with_person.clone().filter_map(|it| it.person).collect();
    let created = count(verdict.counts.persons_created);
    let found = count(attached.len()).saturating_sub(created);
    // Who was just created is not looked at, and has no deals.
    let looks = count(with_person.count()).saturating_sub(created);
    count(history.activities.len()) * ACTIVITY
        + looks * LOOK
        + found * SEARCH
        + created * (2 * SEARCH + PERSON)
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Violation;

    fn right() -> Outcome {
        let mut verdict = Verdict::default();
        verdict.counts.interactions = 7;
        verdict.counts.dead_letters = BTreeMap::from([(FORBIDDEN.to_owned(), 2)]);
        let now = Instant::now();
        Outcome {
            machine: Machine::default(),
            start: Timestamp::UNIX_EPOCH,
            stormed: Duration::ZERO,
            settled: Duration::ZERO,
            strikes: vec![Struck {
                name: String::new(),
                at: now,
                healed: now,
                parts_broker: false,
                fills_spool: false,
            }],
            recoveries: Vec::new(),
            delays: Vec::new(),
            spans: (Duration::ZERO, Duration::ZERO),
            revived: 0,
            tries: 0,
            refusals: Vec::new(),
            unavailable: (5, 0),
            accepted_without_broker: (3, Duration::from_secs(20)),
            mishaps: Vec::new(),
            misfortunes: BTreeMap::new(),
            access_tokens: 2,
            tokens: 0,
            least_tokens: 0,
            genesys: (0, 0),
            planned: Planned {
                strikes: 1,
                interactions: 7,
                credential: Credential::App,
            },
            verdict,
            missing: None,
        }
    }

    #[test]
    fn a_campaign_in_which_all_went_well_has_no_problem() {
        assert_eq!(right().problems(), [""; 0]);
    }

    #[test]
    fn whatever_breaks_the_promise_or_leaves_it_unproven_is_a_problem() {
        type Change = fn(&mut Outcome);
        let changes: [(&str, Change); 11] = [
            ("stray person", |it| {
                let stray = Violation::StrayPerson { person: 1 };
                it.verdict.violations.push(stray);
            }),
            ("refused", |it| it.refusals.push(String::new())),
            ("not idle", |it| it.missing = Some(String::new())),
            ("sent away", |it| it.unavailable.1 = 1),
            ("not answered", |it| it.verdict.counts.unanswered = 1),
            ("not accepted", |it| it.verdict.counts.interactions = 0),
            ("not spooled", |it| it.accepted_without_broker.0 = 0),
            ("ended by themselves", |it| it.revived = 1),
            ("no access token ended", |it| it.access_tokens = 1),
            ("left out", |it| it.strikes.clear()),
            ("of what heals", |it| {
                let letters = &mut it.verdict.counts.dead_letters;
                letters.insert("exhausted".to_owned(), 1);
            }),
        ];
        for (text, change) in changes {
            let mut outcome = right();
            change(&mut outcome);
            let problems = outcome.problems();
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].contains(text), "{text}: {problems:?}");
        }
    }

    #[test]
    fn only_while_the_spool_is_full_may_a_sender_be_sent_away() {
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let struck = |fills_spool| Struck {
            name: String::new(),
            at: after(10),
            healed: after(20),
            parts_broker: true,
            fills_spool,
        };
        let answers = [(1, 9), (9, 10), (12, 13), (20, 24), (21, 24)].map(|(sent, answered)| {
            let (sent, answered) = (after(sent), after(answered));
            Unavailable { sent, answered }
        });
        assert_eq!(unavailable(&answers, &[struck(true)]), (3, 2));
        assert_eq!(unavailable(&answers, &[struck(false)]), (0, 5));
    }
}
