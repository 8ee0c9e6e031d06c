//! The alarm of the door: webhooks that come and are not recorded never reach a worker, whose alarm cannot see them. Each
//! `ingest` reports for itself.

mod rules;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use shared::alarm_receiver::{AlarmReceiver, Delay};
use shared::clock;
use shared::config::Settings;
use shared::error::chain;
use shared::incident::{Incident, Notice, NotificationPolicy, Step};

use rules::Rule;

use crate::door::DoorCounts;
use crate::metrics;

/// Between two evaluations of the rules.
const INTERVAL: Duration = Duration::from_secs(2);

/// Evaluates the rules and sends notifications.
#[derive(Debug)]
pub(crate) struct Alarm {
    counts: DoorCounts,
    policy: NotificationPolicy,
    /// `None` without `alarm.webhook_url`: the rules are evaluated for log and metrics only.
    receiver: Option<AlarmReceiver>,
    watched: [Watched; Rule::ALL.len()],
}

/// What is known of one rule.
#[derive(Debug)]
struct Watched {
    rule: Rule,
    incident: Option<Incident>,
    delay: Delay,
}

impl Alarm {
    /// An alarm that watches `counts`.
    ///
    /// # Errors
    ///
    /// When the system's certificates cannot be loaded.
    pub fn new(counts: DoorCounts, settings: &Settings) -> reqwest::Result<Self> {
        for rule in Rule::ALL {
            metrics::set_alarm(rule.name(), false);
        }
        let signed = |time| SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        let installation = format!("{}, ingest", settings.redis.prefix);
        let receiver = settings.alarm.webhook_url.clone();
        let receiver = receiver.map(|url| AlarmReceiver::new(url, installation, &settings.proxies));
        Ok(Self {
            counts,
            policy: NotificationPolicy {
                reminder: signed(settings.alarm.reminder),
                recovery: signed(settings.alarm.recovery),
            },
            receiver: receiver.transpose()?,
            watched: Rule::ALL.map(|rule| Watched {
                rule,
                incident: None,
                delay: Delay::default(),
            }),
        })
    }

    /// Evaluates the rules until it is dropped.
    pub async fn run(mut self) {
        loop {
            self.evaluate(clock::now()).await;
            tokio::time::sleep(INTERVAL).await;
        }
    }

    async fn evaluate(&mut self, now: Timestamp) {
        for watched in &mut self.watched {
            let rule = watched.rule;
            let verdict = rule.verdict(&self.counts.within(rule.minutes(), now));
            let step = self.policy.next(watched.incident.clone(), &verdict, now);
            match step {
                Step::Rest => {}
                Step::Store(incident) => watched.incident = Some(incident),
                Step::Notify(..) if !watched.delay.is_over(now) => {}
                Step::Notify(notice, incident) => {
                    watched
                        .notify(self.receiver.as_ref(), notice, incident, now)
                        .await;
                }
            }
            metrics::set_alarm(rule.name(), watched.incident.is_some());
        }
    }
}

impl Watched {
    async fn notify(
        &mut self,
        receiver: Option<&AlarmReceiver>,
        notice: Notice,
        incident: Incident,
        now: Timestamp,
    ) {
        let rule = self.rule;
        if notice == Notice::Raised && self.incident.is_none() {
            tracing::error!(
                alarm = rule.name(),
                "{}: {} {}",
                rule.title(),
                incident.what,
                rule.advice()
            );
        }
        let delivered = match receiver {
            Some(receiver) => {
                let texts = (rule.title(), rule.advice());
                receiver.notify(texts, notice, &incident, now).await
            }
            None => Ok(()),
        };
        match delivered {
            Ok(()) => {
                self.delay = Delay::default();
                let notified = Incident {
                    notified: Some(now),
                    ..incident
                };
                self.incident = (notice != Notice::Recovered).then_some(notified);
            }
            Err(error) => {
                tracing::error!(
                    alarm = rule.name(),
                    error = chain(&error),
                    "Cannot deliver the alarm \"{}\": ingest tries again within a minute",
                    rule.title()
                );
                self.delay.failed(now);
                self.incident = Some(incident);
            }
        }
    }
}
