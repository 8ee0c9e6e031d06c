//! The receiver of alarms: a Slack-compatible incoming webhook. Its address is a secret, and is never logged.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::config::Proxies;
use crate::incident::{Incident, Notice};
use crate::outbound;

/// Time limit of one delivery; well below the time for which a worker has the right to notify.
const TIMEOUT: Duration = Duration::from_secs(10);
/// First and longest pause between attempts.
const PAUSES: (SignedDuration, SignedDuration) =
    (SignedDuration::from_secs(1), SignedDuration::from_secs(60));

/// Posts to the receiver.
#[derive(Debug)]
pub struct AlarmReceiver {
    http: reqwest::Client,
    url: SecretString,
    /// Name of the installation.
    installation: String,
}

/// A notification was not delivered.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// There was no answer.
    #[error("the address of alarm.webhook_url does not answer")]
    Unanswered(#[source] reqwest::Error),
    /// The answer was no success.
    #[error("the address of alarm.webhook_url answers {0}")]
    Refused(u16),
}

impl AlarmReceiver {
    /// The receiver at `url`, whose messages name an installation.
    ///
    /// # Errors
    ///
    /// When the system's certificates cannot be loaded.
    pub fn new(
        url: SecretString,
        installation: String,
        proxies: &Proxies,
    ) -> reqwest::Result<Self> {
        let http = outbound::http(proxies)
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            http,
            url,
            installation,
        })
    }

    /// Delivers a notification of an incident with a headline and what to do.
    ///
    /// # Errors
    ///
    /// When it is not delivered.
    pub async fn notify(
        &self,
        (title, advice): (&str, &str),
        notice: Notice,
        incident: &Incident,
        now: Timestamp,
    ) -> Result<(), DeliveryError> {
        let text = text((title, advice), notice, incident, now, &self.installation);
        self.send(&text).await
    }

    /// Delivers a message that says that it is a test.
    ///
    /// # Errors
    ///
    /// When it is not delivered.
    pub async fn test(&self) -> Result<(), DeliveryError> {
        let text = format!(
            ":bell: Test of the alarm ({}): incidents of the bridge are reported here.",
            self.installation
        );
        self.send(&text).await
    }

    async fn send(&self, text: &str) -> Result<(), DeliveryError> {
        let posting = self
            .http
            .post(self.url.expose_secret())
            .json(&json!({ "text": text }));
        match posting.send().await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(DeliveryError::Refused(answer.status().as_u16())),
            Err(error) => Err(DeliveryError::Unanswered(error.without_url())),
        }
    }
}

/// When a delivery that failed is tried again.
#[derive(Debug, Default)]
pub struct Delay {
    failures: u32,
    until: Option<Timestamp>,
}

impl Delay {
    /// Whether the pause is over.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now >= until)
    }

    /// Another attempt failed: a longer pause begins.
    pub fn failed(&mut self, now: Timestamp) {
        let (first, longest) = PAUSES;
        let pause = first
            .saturating_mul(1 << self.failures.min(10))
            .min(longest);
        self.failures = self.failures.saturating_add(1);
        self.until = now.checked_add(pause).ok();
    }
}

fn text(
    (title, advice): (&str, &str),
    notice: Notice,
    incident: &Incident,
    now: Timestamp,
    installation: &str,
) -> String {
    let minutes = now.duration_since(incident.since).as_mins();
    let what = &incident.what;
    match notice {
        Notice::Raised => {
            format!(":rotating_light: *{title}* ({installation})\n{what}\n{advice}")
        }
        Notice::Reminder => {
            format!(
                ":rotating_light: *{title}* ({installation}), for {minutes} min now\n{what}\n{advice}"
            )
        }
        Notice::Recovered => {
            format!(
                ":white_check_mark: Over after {minutes} min: *{title}* ({installation})\nIt was: {what}"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    #[test]
    fn a_message_says_what_is_wrong_and_what_to_do() {
        let incident = Incident {
            since: at(0),
            seen: at(0),
            notified: None,
            what: "2 wait in interactions.dead.".to_owned(),
        };
        let advice = ("There are dead letters", "Run `worker replay`.");
        let say = |notice, second| text(advice, notice, &incident, at(second), "bridge");

        let raised = say(Notice::Raised, 0);
        assert!(raised.contains("2 wait in interactions.dead."), "{raised}");
        assert!(raised.contains("worker replay"), "{raised}");
        assert!(say(Notice::Reminder, 3600).contains("for 60 min now"));
        assert!(say(Notice::Recovered, 7200).contains("Over after 120 min"));
    }

    #[test]
    fn pauses_between_attempts_double_up_to_a_minute() {
        let mut delay = Delay::default();
        assert!(delay.is_over(at(0)));
        for (failures, pause) in [(1, 1), (2, 2), (3, 4), (7, 60), (40, 60)] {
            while delay.failures < failures {
                delay.failed(at(0));
            }
            assert!(!delay.is_over(at(pause - 1)), "{failures}");
            assert!(delay.is_over(at(pause)), "{failures}");
        }
    }
}
