//! The rules of the alarm. Pure functions of counts and states.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use jiff::SignedDuration;
use shared::broker::topology;
use shared::config;
use shared::incident::Verdict;

use super::forecast::Budget;
use super::queues::{QueueSnapshot, QueueState};
use crate::pause::reason::PauseReason;
use crate::store::{LastRun, Memory, WaitingSummary, Window};

/// Part of the day's tokens that must be spent before a forecast fires: a busy hour in the morning is no incident yet.
const BUDGET_FLOOR: f64 = 0.5;
/// How long Redis may be away before the rule fires: a restart is over by then.
const PAUSE_MAX: SignedDuration = SignedDuration::from_mins(1);
/// How long messages may wait that are older than an hour: an old dead letter that is replayed may be parked for a moment.
const WAITING_MAX: SignedDuration = SignedDuration::from_mins(1);
/// Percent of Redis' memory from which on the rule fires, and from which on it is urgent.
const MEMORY_WARNING: u64 = 70;
const MEMORY_CRITICAL: u64 = 90;
/// Conversations without events below which there is no incident, whatever their share.
const MISSING_MINIMUM: u64 = 3;
/// Reasons that a message names.
const REASONS_NAMED: usize = 3;

/// Rule by which incidents are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Too many messages fail.
    FailedShare,
    /// Pipedrive refuses the credential.
    Unauthorized,
    /// Consumption is paused for another reason.
    Paused,
    /// The work queue does not move.
    StuckQueue,
    /// Messages wait for another attempt for more than an hour.
    Waiting,
    /// There is a dead letter.
    DeadLetters,
    /// The day's tokens will not suffice.
    Budget,
    /// No webhook came within the hours in which some are expected.
    NoWebhook,
    /// The work queue only grows.
    GrowingQueue,
    /// Redis' memory runs out.
    RedisMemory,
    /// Conversations ended of which no event came.
    MissingEvents,
}

impl Rule {
    /// All rules, in the order in which they are reported.
    pub const ALL: [Self; 11] = [
        Self::FailedShare,
        Self::Unauthorized,
        Self::Paused,
        Self::StuckQueue,
        Self::Waiting,
        Self::DeadLetters,
        Self::Budget,
        Self::NoWebhook,
        Self::GrowingQueue,
        Self::RedisMemory,
        Self::MissingEvents,
    ];

    /// The label in metrics and the name in Redis.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FailedShare => "failed_share",
            Self::Unauthorized => "unauthorized",
            Self::Paused => "paused",
            Self::StuckQueue => "stuck_queue",
            Self::Waiting => "waiting",
            Self::DeadLetters => "dead_letters",
            Self::Budget => "budget",
            Self::NoWebhook => "no_webhook",
            Self::GrowingQueue => "growing_queue",
            Self::RedisMemory => "redis_memory",
            Self::MissingEvents => "missing_events",
        }
    }

    /// The headline of a message.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::FailedShare => "Too many interactions fail",
            Self::Unauthorized => "Pipedrive refuses the credential",
            Self::Paused => "Consumption is paused",
            Self::StuckQueue => "The work queue is stuck",
            Self::Waiting => "Messages wait for more than an hour",
            Self::DeadLetters => "There are dead letters",
            Self::Budget => "Pipedrive's daily budget will not suffice",
            Self::NoWebhook => "No webhook comes",
            Self::GrowingQueue => "The work queue only grows",
            Self::RedisMemory => "Redis' memory runs out",
            Self::MissingEvents => "Events of conversations never came",
        }
    }

    /// What to do; the section of `docs/OPERATIONS.md` of the same title explains more.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::FailedShare => {
                "Look up the reason in docs/RELIABILITY.md; what heals by itself is retried, the rest becomes a dead letter."
            }
            Self::Unauthorized => {
                "401: set a valid API token (pipedrive.api_token), or install the app again (pipedrive.oauth.refresh_token). \
                 402: have the account opened. Nothing is lost meanwhile, and work resumes by itself."
            }
            Self::Paused => {
                "Do what the text names; what is refused for every message is corrected in Pipedrive or in the settings, an \
                 outage is waited out. Nothing is lost meanwhile, and work resumes by itself."
            }
            Self::StuckQueue => {
                "Check /health/ready of the workers; if they are ready, start more workers, or Pipedrive is too slow."
            }
            Self::Waiting => {
                "Run `worker waiting`: it lists which, why, and what comes next. Nothing is lost meanwhile."
            }
            Self::DeadLetters => {
                "Read x-failure-reason in interactions.dead, fix the cause, then run `worker replay`."
            }
            Self::Budget => {
                "Buy more tokens, raise pipedrive.daily_tokens where it is set, or set pipedrive.link_open_deal = false. When they \
                 are spent, work waits for the reset, or for `worker resume`; nothing is lost."
            }
            Self::NoWebhook => {
                "Check in Genesys whether the trigger or the EventBridge rule is switched on, whether ingest is reachable from \
                 outside, and its metrics for requests that are refused or ignored. Expected hours: alarm.no_webhook_hours."
            }
            Self::GrowingQueue => {
                "Interactions come faster than Pipedrive's limit or the workers take them. Check pipedrive.requests_per_2s \
                 against the plan, and start more workers if they are busy. Nothing is lost, but records are late."
            }
            Self::RedisMemory => {
                "Raise maxmemory. When it is full, Redis refuses writes and consumption pauses; the directory of people stops \
                 growing at 70 %."
            }
            Self::MissingEvents => {
                "Check in Genesys whether a trigger or the EventBridge rule is switched off, and the certificate of ingest. \
                 `worker reconcile --from TIME` lists the conversations; with --repair, or reconcile.repair, they are written \
                 from Genesys' record."
            }
        }
    }
}

/// The input of the rules. `None` is not known at present.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Why consumption is paused, and for how long.
    pub paused: Option<(PauseReason, SignedDuration)>,
    /// How many messages passed and failed within the window.
    pub window: Option<Window>,
    /// What waits for another attempt, and since when some of it waits for more than an hour.
    pub waiting: Option<(WaitingSummary, SignedDuration)>,
    /// Last measurement of the queues.
    pub queues: Option<QueueSnapshot>,
    /// The day's tokens and writes.
    pub budgets: Option<Vec<Budget>>,
    /// How long no webhook has come, if that is longer than allowed; the outer `None` where it is not known.
    #[expect(clippy::option_option, reason = "unknown differs from none")]
    pub silence: Option<Option<SignedDuration>>,
    /// By how many messages the work queue grew, if it only grew.
    pub grown: Option<u32>,
    /// How much memory Redis uses, of how much.
    pub memory: Option<Memory>,
    /// The last comparison with Genesys' record; all zero where none was made lately.
    pub coverage: Option<LastRun>,
}

impl Findings {
    /// Whether one rule finds an incident in the findings.
    #[must_use]
    pub fn verdict(&self, rule: Rule, settings: &config::Alarm) -> Verdict {
        match rule {
            Rule::FailedShare => self.failed_share(settings),
            Rule::Unauthorized => match &self.paused {
                Some((
                    reason @ (PauseReason::Unauthorized { .. }
                    | PauseReason::Denied(_)
                    | PauseReason::ScopeMissing
                    | PauseReason::PeopleForbidden),
                    _,
                )) => Verdict::Firing(sentence(&reason.explain())),
                _ => Verdict::Clear,
            },
            Rule::Paused => match &self.paused {
                Some((reason @ PauseReason::Broken(_), _)) => {
                    Verdict::Firing(sentence(&reason.explain()))
                }
                Some((
                    reason @ (PauseReason::Redis(_)
                    | PauseReason::RedisLostData
                    | PauseReason::Witness
                    | PauseReason::NoToken),
                    lasted,
                )) => {
                    if *lasted < PAUSE_MAX {
                        Verdict::Unknown
                    } else {
                        Verdict::Firing(sentence(&reason.explain()))
                    }
                }
                _ => Verdict::Clear,
            },
            Rule::StuckQueue => self.stuck_queue(settings.queue_max_age),
            Rule::Waiting => self.waiting(),
            Rule::DeadLetters => self.dead_letters(),
            Rule::Budget => self.budget(),
            Rule::NoWebhook => self.no_webhook(),
            Rule::GrowingQueue => self.growing_queue(),
            Rule::RedisMemory => self.redis_memory(),
            Rule::MissingEvents => self.missing_events(settings.missing_percent),
        }
    }

    fn failed_share(&self, settings: &config::Alarm) -> Verdict {
        // The failures that opened a breaker have its alarm.
        if matches!(self.paused, Some((PauseReason::Broken(_), _))) {
            return Verdict::Unknown;
        }
        let Some(window) = &self.window else {
            return Verdict::Unknown;
        };
        let failed: u64 = window.failed.values().sum();
        let processed = window.done + failed;
        if failed < settings.failed_minimum.max(1) {
            return Verdict::Clear;
        }
        #[expect(clippy::cast_precision_loss, reason = "a share in percent")]
        let percent = failed as f64 * 100.0 / processed as f64;
        if percent <= settings.failed_percent {
            return Verdict::Clear;
        }
        Verdict::Firing(format!(
            "{failed} of {processed} messages failed within {} s ({percent:.1} %, allowed are {} %): {}.",
            settings.failed_window.as_secs(),
            settings.failed_percent,
            reasons(&window.failed)
        ))
    }

    fn stuck_queue(&self, max_age: Duration) -> Verdict {
        // The queue stands still by design then, and the pause has a rule of its own.
        if self.paused.is_some() {
            return Verdict::Unknown;
        }
        let Some(queue) = self.queue(topology::WORK_QUEUE) else {
            return Verdict::Unknown;
        };
        if queue.messages == 0 || queue.oldest <= max_age {
            return Verdict::Clear;
        }
        Verdict::Firing(format!(
            "{} messages wait in {}, the oldest for {} s (allowed are {} s).",
            queue.messages,
            queue.name,
            queue.oldest.as_secs(),
            max_age.as_secs()
        ))
    }

    fn waiting(&self) -> Verdict {
        // What waits for the end of a pause has that pause's alarm.
        let Some((waiting, lasted)) = self.waiting.filter(|_| self.paused.is_none()) else {
            return Verdict::Unknown;
        };
        if waiting.over_an_hour == 0 {
            return Verdict::Clear;
        }
        if lasted < WAITING_MAX {
            return Verdict::Unknown;
        }
        Verdict::Firing(format!(
            "{} messages were received more than an hour ago and wait for another attempt.",
            waiting.over_an_hour
        ))
    }

    fn dead_letters(&self) -> Verdict {
        let Some(queue) = self.queue(topology::DEAD_LETTER_QUEUE) else {
            return Verdict::Unknown;
        };
        if queue.messages == 0 {
            return Verdict::Clear;
        }
        let mut what = format!("{} wait in {}.", queue.messages, queue.name);
        if let Some(window) = self
            .window
            .as_ref()
            .filter(|window| !window.failed.is_empty())
        {
            let failed = reasons(&window.failed);
            what = format!("{what} Recent failures: {failed}.");
        }
        Verdict::Firing(what)
    }

    fn budget(&self) -> Verdict {
        if let Some((reason @ PauseReason::BudgetSpent { .. }, _)) = &self.paused {
            return Verdict::Firing(sentence(&reason.explain()));
        }
        let Some(budgets) = &self.budgets else {
            return Verdict::Unknown;
        };
        let projected = || budgets.iter().filter(|budget| budget.projected.is_some());
        if projected().next().is_none() {
            return Verdict::Unknown;
        }
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let is_early = |budget: &Budget| (budget.spent as f64) < budget.limit as f64 * BUDGET_FLOOR;
        let scarce = projected().filter(|budget| budget.ends_at.is_some() && !is_early(budget));
        let scarce: Vec<String> = scarce.map(|budget| sentence(&budget.explain())).collect();
        if scarce.is_empty() {
            return Verdict::Clear;
        }
        Verdict::Firing(scarce.join(" "))
    }

    /// While messages wait, or none is taken, the last webhook is not known.
    fn no_webhook(&self) -> Verdict {
        let waiting = self.queue(topology::WORK_QUEUE).map(|queue| queue.messages);
        match (self.silence, waiting) {
            (Some(Some(silence)), Some(0)) if self.paused.is_none() => Verdict::Firing(format!(
                "No interaction has come for {} min.",
                silence.as_mins()
            )),
            (Some(None), _) => Verdict::Clear,
            (Some(Some(_)) | None, _) => Verdict::Unknown,
        }
    }

    fn growing_queue(&self) -> Verdict {
        if self.paused.is_some() {
            return Verdict::Unknown;
        }
        let Some(queue) = self.queue(topology::WORK_QUEUE) else {
            return Verdict::Unknown;
        };
        match self.grown {
            Some(grown) => Verdict::Firing(format!(
                "{} messages wait in {}, {grown} more than a quarter of an hour ago.",
                queue.messages, queue.name
            )),
            None => Verdict::Clear,
        }
    }

    fn redis_memory(&self) -> Verdict {
        match self.memory {
            None => Verdict::Unknown,
            Some(memory) if memory.percent() < MEMORY_WARNING => Verdict::Clear,
            Some(memory) => {
                let urgency = if memory.percent() < MEMORY_CRITICAL {
                    "Soon"
                } else {
                    "Very soon"
                };
                Verdict::Firing(format!(
                    "Redis uses {} % of its memory (maxmemory {} MiB). {urgency} it refuses writes.",
                    memory.percent(),
                    memory.limit >> 20
                ))
            }
        }
    }

    fn missing_events(&self, allowed: f64) -> Verdict {
        let Some(run) = &self.coverage else {
            return Verdict::Unknown;
        };
        let ended = run.written + run.waiting + run.dead + run.missing;
        let missing = run.missing + run.incomplete + run.repaired;
        #[expect(clippy::cast_precision_loss, reason = "a share in percent")]
        let percent = missing as f64 * 100.0 / ended.max(1) as f64;
        if missing < MISSING_MINIMUM || percent <= allowed {
            return Verdict::Clear;
        }
        Verdict::Firing(format!(
            "Of {ended} conversations that ended, {} are missing, of {} no customer.end came, and {} were written from \
             Genesys' record ({percent:.1} %, allowed are {allowed} %).",
            run.missing, run.incomplete, run.repaired
        ))
    }

    fn queue(&self, name: &str) -> Option<&QueueState> {
        self.queues.as_ref()?.queue(name)
    }
}

/// The most frequent reasons, with their counts.
fn reasons(failed: &BTreeMap<String, u64>) -> String {
    let mut ranked: Vec<(&String, &u64)> = failed.iter().collect();
    ranked.sort_by(|(name, count), (other, fewer)| fewer.cmp(count).then(name.cmp(other)));
    let mut text = String::new();
    for (reason, count) in ranked.into_iter().take(REASONS_NAMED) {
        let separator = if text.is_empty() { "" } else { ", " };
        write!(text, "{separator}{reason} ({count})").expect("a text takes any text");
    }
    text
}

/// With a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters
        .next()
        .map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), characters.as_str())
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
