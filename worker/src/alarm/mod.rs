//! The alarm: tells a Slack-compatible webhook of incidents, once each, again while they last, and when they are over.
//!
//! [`Rule`] says what an incident is and [`NotificationPolicy`] when to tell; neither knows of I/O. Workers share counts and
//! incidents in Redis, so that however many there are, one message is sent. A message that cannot be delivered stays
//! due, is tried again, and is seen in metrics, log and readiness.

mod forecast;
mod incidents;
mod memory;
mod messenger;
mod outcomes;
pub(crate) mod queues;
mod rules;

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use shared::error::chain;
use shared::{clock, config};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::alarm::queues::QueueSnapshot;
use crate::metrics as names;
use crate::pause::reason::PauseReason;
use crate::pause::state::Pause;
use crate::store::{Incidents, Store, TokenBucket};

pub(crate) use forecast::{Budget, Forecast};
pub(crate) use incidents::{Incident, Notice, NotificationPolicy, Step, Verdict};
pub(crate) use outcomes::OutcomeCounter;
pub(crate) use rules::{Findings, Rule, Window};

use memory::Memory;
use messenger::{Delay, Messenger};

/// Between two looks. The pause's closing is looked at when it happens.
const INTERVAL: Duration = Duration::from_secs(2);

/// What the alarm looks at, and whom it tells.
#[derive(Debug)]
pub struct Watch {
    /// Closed: something is wrong.
    pub pause: Pause,
    /// What became of this worker's messages.
    pub outcomes: OutcomeCounter,
    /// The queues.
    pub queues: watch::Receiver<Option<QueueSnapshot>>,
    /// Takes the mark of the work queue's head that all workers share.
    pub head: watch::Sender<Option<Timestamp>>,
    /// The day's tokens.
    pub bucket: TokenBucket,
    /// Takes what is wrong with the alarm itself, for readiness.
    pub trouble: watch::Sender<Option<String>>,
}

/// Watches, and tells.
#[derive(Debug)]
pub struct Alarm {
    watch: Watch,
    settings: config::Alarm,
    rhythm: NotificationPolicy,
    shared: Incidents,
    memory: Memory,
    /// Without: watched for the metrics, and nobody is told.
    messenger: Option<Messenger>,
    delays: HashMap<Rule, Delay>,
    forecast: Forecast,
    paused_since: Option<Timestamp>,
}

impl Alarm {
    /// An alarm of this installation, which Redis' prefix names.
    ///
    /// # Errors
    ///
    /// When the system's certificates cannot be loaded.
    pub fn new(watch: Watch, store: Store, settings: config::Alarm) -> reqwest::Result<Self> {
        let who = store.settings().prefix.clone();
        let url = settings.webhook_url.clone();
        let signed = |time| SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        let shared = Incidents::new(store, settings.failed_window);
        Ok(Self {
            watch,
            rhythm: NotificationPolicy {
                reminder: signed(settings.reminder),
                recovery: signed(settings.recovery),
            },
            memory: Memory::new(shared.clone()),
            shared,
            messenger: url.map(|url| Messenger::new(url, who)).transpose()?,
            settings,
            delays: HashMap::new(),
            forecast: Forecast::default(),
            paused_since: None,
        })
    }

    /// Watches until shutdown.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut pause = self.watch.pause.watch();
        loop {
            // Not given up half-way: a delivery takes seconds at most.
            self.look().await;
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(INTERVAL) => {}
                changed = pause.changed() => drop(changed),
            }
        }
    }

    async fn look(&mut self) {
        let now = clock::now();
        let findings = self.find(now).await;
        let mut undelivered = 0_u32;
        let mut trouble = None;
        for rule in Rule::ALL {
            let verdict = findings.verdict(rule, &self.settings);
            let is_firing = matches!(verdict, Verdict::Firing(_));
            metrics::gauge!(names::ALARM_FIRING, "alarm" => rule.name()).set(u8::from(is_firing));
            if let Err(problem) = self.follow(rule, &verdict, now).await {
                undelivered += 1;
                trouble = Some(problem);
            }
        }
        metrics::gauge!(names::ALARM_UNDELIVERED).set(undelivered);
        self.watch.trouble.send_replace(trouble);
    }

    /// Looks at everything there is.
    async fn find(&mut self, now: Timestamp) -> Findings {
        let queues = self.watch.queues.borrow().clone();
        Findings {
            paused: self.paused(now),
            window: self.exchange(now).await,
            queues,
            budget: self.budget(now).await,
        }
    }

    fn paused(&mut self, now: Timestamp) -> Option<(PauseReason, SignedDuration)> {
        let reason = self.watch.pause.reason();
        if reason.is_none() {
            self.paused_since = None;
        }
        let reason = reason?;
        let since = *self.paused_since.get_or_insert(now);
        Some((reason, now.duration_since(since)))
    }

    /// Tells the other workers what this one counted, and learns what they did.
    async fn exchange(&mut self, now: Timestamp) -> Option<Window> {
        let counted = self.watch.outcomes.take();
        let own_head = self.watch.outcomes.head();
        if let Ok((window, head)) = self.shared.exchange(&counted, own_head, now).await {
            self.watch.head.send_replace(head);
            return Some(window);
        }
        self.watch.outcomes.give_back(counted);
        self.watch.head.send_replace(own_head);
        None
    }

    async fn budget(&mut self, now: Timestamp) -> Option<Budget> {
        let spent = self.watch.bucket.spent_today().await.ok()?;
        let (limit, until_reset) = (
            self.watch.bucket.daily_tokens(),
            self.watch.bucket.until_reset(),
        );
        let budget = self.forecast.update(limit, spent, until_reset, now);
        #[expect(clippy::cast_precision_loss, reason = "gauges")]
        {
            metrics::gauge!(names::DAILY_LIMIT).set(budget.limit as f64);
            metrics::gauge!(names::DAILY_SPENT).set(budget.spent as f64);
            let projected = budget.projected.map_or(f64::NAN, |tokens| tokens as f64);
            metrics::gauge!(names::DAILY_PROJECTED).set(projected);
        }
        Some(budget)
    }

    /// Takes the step that is due about one rule.
    ///
    /// # Errors
    ///
    /// When somebody should be told, and cannot be.
    async fn follow(
        &mut self,
        rule: Rule,
        verdict: &Verdict,
        now: Timestamp,
    ) -> Result<(), String> {
        if self.messenger.is_none() {
            return Ok(());
        }
        let known = self.memory.read(rule).await;
        match self.rhythm.next(known, verdict, now) {
            Step::Rest => Ok(()),
            Step::Note(incident) => {
                self.memory.write(rule, Some(incident)).await;
                Ok(())
            }
            Step::Tell(..) if !self.is_due(rule, now) => {
                Err("an alarm could not be delivered; it is tried again".to_owned())
            }
            Step::Tell(..) => {
                if !self.memory.acquire_notifier(rule).await {
                    return Ok(());
                }
                // Another worker may have told meanwhile.
                let known = self.memory.read(rule).await;
                let outcome = match self.rhythm.next(known, verdict, now) {
                    Step::Tell(notice, incident) => self.tell(rule, notice, incident, now).await,
                    Step::Rest | Step::Note(_) => Ok(()),
                };
                self.memory.give_word(rule).await;
                outcome
            }
        }
    }

    async fn tell(
        &mut self,
        rule: Rule,
        notice: Notice,
        incident: Incident,
        now: Timestamp,
    ) -> Result<(), String> {
        let Some(messenger) = &self.messenger else {
            return Ok(());
        };
        // First of all it is remembered that there is something to tell: this process may end any moment.
        self.memory.write(rule, Some(incident.clone())).await;
        match messenger.tell(rule, notice, &incident, now).await {
            Ok(()) => {
                self.delays.remove(&rule);
                let told = Incident {
                    told: Some(now),
                    ..incident
                };
                let left = (notice != Notice::Recovered).then_some(told);
                self.memory.write(rule, left).await;
                tracing::info!(alarm = rule.name(), ?notice, "Told: {}", rule.title());
                Ok(())
            }
            Err(error) => {
                let problem = chain(&error);
                tracing::error!(
                    alarm = rule.name(),
                    ?notice,
                    error = problem,
                    "The alarm could not be delivered; it is tried again"
                );
                self.delays.entry(rule).or_default().failed(now);
                Err(format!("an alarm could not be delivered: {problem}"))
            }
        }
    }

    fn is_due(&self, rule: Rule, now: Timestamp) -> bool {
        self.delays
            .get(&rule)
            .is_none_or(|delay| delay.is_over(now))
    }
}
