//! The alarm: notifies a Slack-compatible webhook of incidents: once when one begins, again while it lasts, and when it
//! is over.
//!
//! [`Rule`] defines what an incident is and [`NotificationPolicy`] when a notification is due; neither does I/O. Workers
//! share counts and incidents in Redis, so that one notification is sent however many workers run. A notification that
//! cannot be delivered stays due and is tried again; metrics, log and readiness show it.

mod forecast;
mod growth;
mod memory;
mod messenger;
mod outcomes;
pub(crate) mod queues;
mod rules;
mod silence;

use std::collections::HashMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use shared::alarm_receiver::{AlarmReceiver, Delay};
use shared::broker::topology;
use shared::error::chain;
use shared::incident::{Incident, Notice, NotificationPolicy, Step, Verdict};
use shared::{clock, config};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::metrics as names;
use crate::pause::reason::PauseReason;
use crate::pause::state::Pause;
use crate::store::{
    self, Incidents, LastRun, Reconciliations, Store, TokenBucket, WaitingList, WaitingSummary,
    Window,
};

pub(crate) use outcomes::OutcomeCounter;
pub(crate) use rules::Rule;
pub(crate) use silence::Expectation;

use forecast::{Budget, Forecasts};
use growth::Growth;
use memory::Memory;
use queues::QueueSnapshot;
use rules::Findings;

/// Between two evaluations of the rules. A change of the pause is evaluated at once.
const INTERVAL: Duration = Duration::from_secs(2);

/// What the alarm watches, and the channels to which it reports.
#[derive(Debug)]
pub struct Sources {
    /// Whether consumption is paused.
    pub pause: Pause,
    /// Outcomes of this worker's messages.
    pub outcomes: OutcomeCounter,
    /// The last state of the queues.
    pub queues: watch::Receiver<Option<QueueSnapshot>>,
    /// Takes the watermark of the work queue that all workers share.
    pub head: watch::Sender<Option<Timestamp>>,
    /// The budget of the day's tokens.
    pub bucket: TokenBucket,
    /// Takes why notifications cannot be delivered, for readiness.
    pub trouble: watch::Sender<Option<String>>,
    /// Takes how long the day's tokens and writes last, for readiness.
    pub forecast: watch::Sender<Vec<String>>,
}

/// Evaluates the rules and sends notifications.
#[derive(Debug)]
pub struct Alarm {
    sources: Sources,
    settings: config::Alarm,
    policy: NotificationPolicy,
    shared: Incidents,
    store: Store,
    memory: Memory,
    /// `None` without `alarm.webhook_url`: the rules are evaluated for the metrics only.
    messenger: Option<AlarmReceiver>,
    delays: HashMap<Rule, Delay>,
    forecasts: Forecasts,
    growth: Growth,
    expectation: Expectation,
    /// When this alarm began to watch.
    since: Timestamp,
    paused_since: Option<Timestamp>,
    waiting: WaitingList,
    /// Since when there are messages that wait for more than an hour.
    waiting_since: Option<Timestamp>,
}

/// Sends a test message to a receiver, in the name of an installation.
///
/// # Errors
///
/// When it does not take the message.
pub(crate) async fn send_test(
    url: SecretString,
    installation: String,
    proxies: &config::Proxies,
) -> anyhow::Result<()> {
    let receiver = AlarmReceiver::new(url, installation, proxies)?;
    receiver.test().await?;
    Ok(())
}

impl Alarm {
    /// An alarm of this installation; messages name it by its Redis prefix.
    ///
    /// # Errors
    ///
    /// When the system's certificates cannot be loaded.
    pub fn new(
        sources: Sources,
        store: Store,
        settings: config::Alarm,
        proxies: &config::Proxies,
        zone: TimeZone,
    ) -> reqwest::Result<Self> {
        let expectation = Expectation {
            allowed: settings.no_webhook,
            hours: settings.no_webhook_hours.clone(),
            zone,
        };
        let installation = store.settings().prefix.clone();
        let url = settings.webhook_url.clone();
        let signed = |time| SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        let waiting = WaitingList::new(store.clone());
        let shared = Incidents::new(store.clone(), settings.failed_window);
        Ok(Self {
            sources,
            policy: NotificationPolicy {
                reminder: signed(settings.reminder),
                recovery: signed(settings.recovery),
            },
            memory: Memory::new(shared.clone()),
            shared,
            store,
            messenger: url
                .map(|url| AlarmReceiver::new(url, installation, proxies))
                .transpose()?,
            settings,
            delays: HashMap::new(),
            forecasts: Forecasts::default(),
            growth: Growth::default(),
            expectation,
            since: clock::now(),
            paused_since: None,
            waiting,
            waiting_since: None,
        })
    }

    /// Evaluates the rules until shutdown.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut pause = self.sources.pause.watch();
        loop {
            // Never cancelled half-way: a delivery takes seconds at most.
            self.evaluate().await;
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(INTERVAL) => {}
                changed = pause.changed() => drop(changed),
            }
        }
    }

    async fn evaluate(&mut self) {
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
        self.sources.trouble.send_replace(trouble);
    }

    /// Gathers the input of the rules.
    async fn find(&mut self, now: Timestamp) -> Findings {
        let queues = self.sources.queues.borrow().clone();
        let paused = self.paused(now);
        let shared = self.exchange(now).await;
        let silence = shared
            .as_ref()
            .map(|(_, head)| self.expectation.silence(*head, self.since, now));
        Findings {
            grown: self.grown(paused.is_some(), queues.as_ref(), now),
            paused,
            silence,
            window: shared.map(|(window, _)| window),
            waiting: self.waiting(now).await,
            queues,
            budgets: self.budgets(now).await,
            memory: self.memory().await,
            coverage: self.coverage(now).await,
        }
    }

    async fn coverage(&self, now: Timestamp) -> Option<LastRun> {
        let last = Reconciliations::new(self.store.clone()).last(now).await;
        last.ok().map(Option::unwrap_or_default)
    }

    fn grown(
        &mut self,
        is_paused: bool,
        queues: Option<&QueueSnapshot>,
        now: Timestamp,
    ) -> Option<u32> {
        let queue = queues?.queue(topology::WORK_QUEUE)?;
        if is_paused {
            self.growth.reset();
            return None;
        }
        self.growth.observe(queue.messages, now)
    }

    async fn memory(&self) -> Option<store::Memory> {
        let memory = self.store.memory().await.ok()?;
        #[expect(clippy::cast_precision_loss, reason = "gauges")]
        {
            metrics::gauge!(names::REDIS_MEMORY_USED).set(memory.used as f64);
            metrics::gauge!(names::REDIS_MEMORY_LIMIT).set(memory.limit as f64);
        }
        Some(memory)
    }

    fn paused(&mut self, now: Timestamp) -> Option<(PauseReason, SignedDuration)> {
        let reason = self.sources.pause.reason();
        if reason.is_none() {
            self.paused_since = None;
        }
        let reason = reason?;
        let since = *self.paused_since.get_or_insert(now);
        Some((reason, now.duration_since(since)))
    }

    /// Reads what waits, and since when some of it waits for more than an hour.
    async fn waiting(&mut self, now: Timestamp) -> Option<(WaitingSummary, SignedDuration)> {
        let summary = self.waiting.summary(now).await.ok()?;
        let oldest = summary
            .oldest
            .map_or(0.0, |it| now.duration_since(it).as_secs_f64().max(0.0));
        metrics::gauge!(names::WAITING_OLDEST).set(oldest);
        #[expect(clippy::cast_precision_loss, reason = "a gauge")]
        metrics::gauge!(names::WAITING_LONG).set(summary.over_an_hour as f64);
        if summary.over_an_hour == 0 {
            self.waiting_since = None;
            return Some((summary, SignedDuration::ZERO));
        }
        let since = *self.waiting_since.get_or_insert(now);
        Some((summary, now.duration_since(since)))
    }

    /// Shares the counts of this worker, and reads those of all; with the time at which the last message came.
    async fn exchange(&mut self, now: Timestamp) -> Option<(Window, Option<Timestamp>)> {
        let counted = self.sources.outcomes.take();
        let own_head = self.sources.outcomes.head();
        if let Ok((window, head)) = self.shared.exchange(&counted, own_head, now).await {
            self.sources.head.send_replace(head);
            return Some((window, head));
        }
        self.sources.outcomes.give_back(counted);
        self.sources.head.send_replace(own_head);
        None
    }

    async fn budgets(&mut self, now: Timestamp) -> Option<Vec<Budget>> {
        let bucket = &self.sources.bucket;
        let day = bucket.today().await.ok()?;
        let until = |of| bucket.until_renewed(of);
        let budgets = self.forecasts.update(day, until, now);
        forecast::show(day, &budgets);
        let scarce = budgets.iter().filter(|budget| budget.ends_at.is_some());
        let scarce = scarce.map(Budget::explain).collect();
        self.sources.forecast.send_replace(scarce);
        Some(budgets)
    }

    /// Takes the step that is due for one rule.
    ///
    /// # Errors
    ///
    /// When a notification is due and cannot be delivered.
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
        match self.policy.next(known, verdict, now) {
            Step::Rest => Ok(()),
            Step::Store(incident) => {
                self.memory.write(rule, Some(incident)).await;
                Ok(())
            }
            Step::Notify(..) if !self.is_due(rule, now) => {
                Err("an alarm could not be delivered; it is tried again".to_owned())
            }
            Step::Notify(..) => {
                if !self.memory.acquire_notifier(rule).await {
                    return Ok(());
                }
                // Another worker may have sent it meanwhile.
                let known = self.memory.read(rule).await;
                let outcome = match self.policy.next(known, verdict, now) {
                    Step::Notify(notice, incident) => {
                        self.notify(rule, notice, incident, now).await
                    }
                    Step::Rest | Step::Store(_) => Ok(()),
                };
                self.memory.release_notifier(rule).await;
                outcome
            }
        }
    }

    async fn notify(
        &mut self,
        rule: Rule,
        notice: Notice,
        incident: Incident,
        now: Timestamp,
    ) -> Result<(), String> {
        let Some(messenger) = &self.messenger else {
            return Ok(());
        };
        // The incident is stored before it is sent, because this process may end at any moment.
        self.memory.write(rule, Some(incident.clone())).await;
        match messenger::post(messenger, rule, notice, &incident, now).await {
            Ok(()) => {
                self.delays.remove(&rule);
                let notified = Incident {
                    notified: Some(now),
                    ..incident
                };
                let left = (notice != Notice::Recovered).then_some(notified);
                self.memory.write(rule, left).await;
                tracing::info!(
                    alarm = rule.name(),
                    ?notice,
                    "Alarm delivered: {}",
                    rule.title()
                );
                Ok(())
            }
            Err(error) => {
                let problem = chain(&error);
                tracing::error!(
                    alarm = rule.name(),
                    ?notice,
                    error = problem,
                    "Cannot deliver the alarm \"{}\": the worker tries again within a minute",
                    rule.title()
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
