//! The report of a campaign, in Markdown.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::Options;
use super::outcome::Outcome;
use super::plan::Plan;
use super::progress::minutes;
use super::storm::Struck;
use crate::history::{Verdict, Violation};

/// When an interaction is to be on its person's timeline.
const PROMISED: Duration = Duration::from_secs(60);

/// Renders the report of a campaign as Markdown.
pub(super) fn render(options: &Options, plan: &Plan, outcome: &Outcome) -> String {
    let mut text = String::new();
    let written = write_all(&mut text, options, plan, outcome);
    written.expect("writing to a String does not fail");
    text
}

fn write_all(
    text: &mut String,
    options: &Options,
    plan: &Plan,
    outcome: &Outcome,
) -> std::fmt::Result {
    let Outcome { machine, .. } = outcome;
    let problems = outcome.problems();
    writeln!(text, "# Chaos campaign, seed {}\n", options.seed)?;
    writeln!(
        text,
        "{}\n",
        if problems.is_empty() {
            "The promise was kept: no interaction lost, no activity and no person twice.".to_owned()
        } else {
            format!("**The promise was broken {} times.**", problems.len())
        }
    )?;
    list(
        text,
        "Run",
        &[
            (
                "date",
                outcome.start.strftime("%Y-%m-%d %H:%M UTC").to_string(),
            ),
            ("commit", machine.commit.clone()),
            ("command", format!("`{}`", options.command)),
            (
                "machine",
                format!("{} cores, {} memory", machine.cores, machine.memory),
            ),
            ("credential", outcome.planned.credential.name()),
            ("access tokens given", outcome.access_tokens.to_string()),
            ("build", machine.build.to_owned()),
            ("RabbitMQ", machine.rabbitmq.clone()),
            ("Redis", machine.redis.clone()),
            ("workers", options.size.workers.to_string()),
            (
                "directory of people",
                if plan.has_directory { "on" } else { "off" }.to_owned(),
            ),
            (
                "search",
                if plan.blind_search {
                    "finds no person"
                } else {
                    "digits anywhere"
                }
                .to_owned(),
            ),
            (
                "records wait for other events",
                format!("{} s", plan.settle_delay.as_secs()),
            ),
            ("Genesys", genesys(plan, outcome)),
            ("storm", minutes(outcome.stormed)),
            ("settled after", minutes(outcome.settled)),
        ],
    )?;
    list(text, "What became of it", &results(plan, outcome))?;
    let dead = &outcome.verdict.counts.dead_letters;
    counts(text, "Dead letters by reason", dead)?;
    let struck = by_name(&outcome.strikes);
    counts(text, "Faults of processes, servers and network", &struck)?;
    counts(text, "Misbehaviour of Pipedrive", &outcome.misfortunes)?;
    let mishaps = by_name(&outcome.mishaps);
    counts(text, "Pipedrive shut, people merged and deleted", &mishaps)?;
    list(text, "Recovery", &recovery(outcome))?;
    list(text, "From the first 200 to the activity", &delay(outcome))?;
    if !problems.is_empty() {
        writeln!(text, "## Violations\n")?;
        for problem in problems.iter().take(50) {
            writeln!(text, "- {problem}")?;
        }
    }
    Ok(())
}

fn genesys(plan: &Plan, outcome: &Outcome) -> String {
    if !plan.has_genesys {
        return "not asked".to_owned();
    }
    let (asked, troubles) = outcome.genesys;
    format!("{asked} requests answered; it failed for some time {troubles} times")
}

fn by_name(strikes: &[Struck]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for strike in strikes {
        *counts.entry(strike.name.clone()).or_default() += 1;
    }
    counts
}

fn results(plan: &Plan, outcome: &Outcome) -> Vec<(&'static str, String)> {
    let (counts, verdict) = (&outcome.verdict.counts, &outcome.verdict);
    let sort = |name: &str| verdict.count(|found| found.name() == name).to_string();
    let duplicates = plan.posts.len() - plan.events.len();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let each = |tokens: u64| format!("{:.1}", tokens as f64 / counts.recorded.max(1) as f64);
    vec![
        ("interactions accepted", counts.interactions.to_string()),
        ("events accepted", counts.events.to_string()),
        ("events sent again as duplicates", duplicates.to_string()),
        (
            "requests of senders, repetitions included",
            outcome.tries.to_string(),
        ),
        ("events ignored, with reason", counts.ignored.to_string()),
        ("events never answered 200", counts.unanswered.to_string()),
        (
            "answers other than 200 and 503",
            outcome.refusals.len().to_string(),
        ),
        (
            "answers 503 while the spool was full",
            outcome.unavailable.0.to_string(),
        ),
        ("other answers 503", outcome.unavailable.1.to_string()),
        (
            "answers 200 while RabbitMQ was out of reach",
            outcome.accepted_without_broker.0.to_string(),
        ),
        (
            "interactions with one activity",
            counts.recorded.to_string(),
        ),
        ("interactions dead, with reason", counts.dead.to_string()),
        (
            "events dead first and recorded later",
            counts.dead_then_recorded.to_string(),
        ),
        (
            "dead letters beyond the first of an event",
            counts.repeated_dead_letters.to_string(),
        ),
        ("persons created", counts.persons_created.to_string()),
        ("events of third parties", counts.third_parties.to_string()),
        (
            "persons created for third parties who came first",
            counts.taken_for_customers.to_string(),
        ),
        (
            "records of numbers that two people share",
            counts.shared.to_string(),
        ),
        ("**lost**", sort("lost")),
        ("**doubled**", sort("doubled activity")),
        ("**doubled persons**", sort("doubled person")),
        ("silently dropped", sort("silently dropped")),
        ("incomplete", sort("incomplete record")),
        ("stated twice", sort("stated twice")),
        ("with a wrong field", sort("wrong field")),
        ("with a fact of another", sort("foreign fact")),
        ("on the wrong person", sort("wrong person")),
        ("other violations", others(verdict).to_string()),
        ("tokens an interaction", each(outcome.tokens)),
        ("the least without faults", each(outcome.least_tokens)),
    ]
}

fn others(verdict: &Verdict) -> usize {
    verdict.count(|found| {
        !matches!(
            found,
            Violation::Lost { .. }
                | Violation::DoubledActivity { .. }
                | Violation::DoubledPerson { .. }
                | Violation::SilentlyDropped { .. }
                | Violation::Incomplete { .. }
                | Violation::StatedTwice { .. }
                | Violation::WrongField { .. }
                | Violation::ForeignFact { .. }
                | Violation::WrongPerson { .. }
        )
    })
}

fn recovery(outcome: &Outcome) -> Vec<(&'static str, String)> {
    let recoveries = Quantiles::of(&outcome.recoveries);
    let outages = outcome.strikes.iter().map(|it| it.healed - it.at);
    let (gap, whole) = outcome.spans;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let rate = outcome.verdict.counts.recorded as f64 / whole.as_secs_f64().max(1.0);
    vec![
        (
            "from the end of a fault to the next record, median",
            recoveries.at(500),
        ),
        ("the same, 95 in 100", recoveries.at(950)),
        ("the same, longest", recoveries.at(1000)),
        (
            "longest fault, restart included",
            outages.max().map(seconds).unwrap_or_default(),
        ),
        ("longest time without a record", seconds(gap)),
        ("recorded a second, overall", format!("{rate:.1}")),
        (
            "services that ended by themselves",
            outcome.revived.to_string(),
        ),
    ]
}

fn delay(outcome: &Outcome) -> Vec<(&'static str, String)> {
    let delays = Quantiles::of(&outcome.delays);
    let in_time = outcome.delays.iter().filter(|delay| **delay < PROMISED);
    let (in_time, all) = (in_time.count(), outcome.delays.len());
    vec![
        ("median", delays.at(500)),
        ("95 in 100", delays.at(950)),
        ("999 in 1000", delays.at(999)),
        ("longest", delays.at(1000)),
        ("within a minute", format!("{in_time} of {all}")),
    ]
}

/// Durations in their order.
struct Quantiles(Vec<Duration>);

impl Quantiles {
    fn of(durations: &[Duration]) -> Self {
        let mut sorted = durations.to_vec();
        sorted.sort_unstable();
        Self(sorted)
    }

    /// What `part` of a thousand do not exceed.
    fn at(&self, part: usize) -> String {
        let last = self.0.len().saturating_sub(1);
        let duration = self.0.get((self.0.len() * part / 1000).min(last));
        duration.copied().map(seconds).unwrap_or_default()
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// The most frequent first, in one paragraph: there are dozens.
fn counts(text: &mut String, title: &str, counts: &BTreeMap<String, usize>) -> std::fmt::Result {
    let total: usize = counts.values().sum();
    let mut counted: Vec<(&String, &usize)> = counts.iter().collect();
    counted.sort_by_key(|(_, count)| Reverse(**count));
    let listed: Vec<String> = counted
        .iter()
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    let listed = match listed.as_slice() {
        [] => "none".to_owned(),
        some => format!("{total}: {}", some.join("; ")),
    };
    writeln!(text, "## {title}\n\n{listed}.\n")
}

fn list(text: &mut String, title: &str, rows: &[(&str, String)]) -> std::fmt::Result {
    writeln!(text, "## {title}\n")?;
    for (name, value) in rows {
        writeln!(text, "- {name}: {value}")?;
    }
    writeln!(text)
}
