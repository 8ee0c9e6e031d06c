//! What all workers share for the alarm: outcome counts of the window, the watermark of the work queue, open incidents,
//! and which worker sends the notification of one.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use redis::{AsyncCommands, Pipeline, RedisResult, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::connection::Store;
use super::script::ms;

/// Number of parts of a window; the oldest part is dropped when a new one begins.
const PARTS: i64 = 10;
/// An incident that no worker has seen for this long is forgotten: all workers were down, and its state is out of date.
const INCIDENT_TTL: Duration = Duration::from_secs(7 * 86_400);
/// How long one worker has the right to notify. Longer than a delivery may take.
const NOTIFIER_TTL: Duration = Duration::from_secs(30);
/// Field that counts the messages that did not fail; every other field is a reason.
const DONE: &str = "+";

/// Outcomes of messages within the window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Window {
    /// Recorded now, or found to be recorded already.
    pub done: u64,
    /// Dead-lettered, or sent to a retry queue because of an error, by reason.
    pub failed: BTreeMap<String, u64>,
}

/// The alarm's keys in Redis.
#[derive(Clone, Debug)]
pub struct Incidents {
    store: Store,
    window: Duration,
}

impl Incidents {
    /// Keys in `store`, with counts of the last `window`.
    #[must_use]
    pub fn new(store: Store, window: Duration) -> Self {
        Self { store, window }
    }

    /// Adds this worker's counts and watermark, and returns those of all workers.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn exchange(
        &self,
        counts: &Window,
        head: Option<Timestamp>,
        now: Timestamp,
    ) -> RedisResult<(Window, Option<Timestamp>)> {
        let mut connection = self.store.connection()?;
        let part = now.as_second() / self.part_s();
        let mut pipe = redis::pipe();
        self.add_counts(&mut pipe, part, counts);
        self.advance_head(&mut pipe, head);
        pipe.zscore(self.key("head"), "head");
        for past in part - PARTS..=part {
            pipe.hgetall(self.part_key(past));
        }
        let mut answers: Vec<Value> = pipe.query_async(&mut connection).await?;
        let parts = answers.split_off(1);
        let head: Option<f64> = redis::from_redis_value(answers.remove(0))?;
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds")]
        let head = head.and_then(|ms| Timestamp::from_millisecond(ms as i64).ok());
        Ok((sum(parts)?, head))
    }

    fn add_counts(&self, pipe: &mut Pipeline, part: i64, counts: &Window) {
        let present = self.part_key(part);
        let fields = counts
            .failed
            .iter()
            .map(|(reason, count)| (reason.as_str(), *count));
        for (field, count) in fields.chain([(DONE, counts.done)]) {
            if count > 0 {
                pipe.hincr(&present, field, count).ignore();
            }
        }
        pipe.pexpire(&present, 2 * ms_i64(self.window)).ignore();
    }

    fn advance_head(&self, pipe: &mut Pipeline, head: Option<Timestamp>) {
        if let Some(head) = head {
            // GT: a worker that lags behind does not move the watermark back.
            pipe.cmd("ZADD")
                .arg(self.key("head"))
                .arg("GT")
                .arg(head.as_millisecond())
                .arg("head")
                .ignore();
        }
    }

    /// The incident of a rule, if there is one.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn read<T: DeserializeOwned>(&self, rule: &str) -> RedisResult<Option<T>> {
        let text: Option<String> = self
            .store
            .connection()?
            .get(self.incident_key(rule))
            .await?;
        // An incident that a newer version wrote in another form counts as a new one.
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Writes an incident, or deletes it when it is over.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    ///
    /// # Panics
    ///
    /// Never: an incident is always JSON.
    pub async fn write<T: Serialize + Sync>(
        &self,
        rule: &str,
        incident: Option<&T>,
    ) -> RedisResult<()> {
        let mut connection = self.store.connection()?;
        let key = self.incident_key(rule);
        match incident {
            None => connection.del(key).await,
            Some(incident) => {
                let text = serde_json::to_string(incident).expect("an incident is JSON");
                connection.pset_ex(key, text, ms(INCIDENT_TTL)).await
            }
        }
    }

    /// Takes the right to send the notification of a rule: only one worker has it. Returns `false` where another one does.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn acquire_notifier(&self, rule: &str) -> RedisResult<bool> {
        let mut take = redis::cmd("SET");
        take.arg(self.notifier_key(rule))
            .arg(1)
            .arg("NX")
            .arg("PX")
            .arg(ms(NOTIFIER_TTL));
        let taken: Option<String> = take.query_async(&mut self.store.connection()?).await?;
        Ok(taken.is_some())
    }

    /// Gives the right to notify back.
    ///
    /// # Errors
    ///
    /// When Redis does not answer. The right expires then.
    pub async fn release_notifier(&self, rule: &str) -> RedisResult<()> {
        self.store.connection()?.del(self.notifier_key(rule)).await
    }

    fn part_s(&self) -> i64 {
        let window = i64::try_from(self.window.as_secs()).unwrap_or(i64::MAX);
        (window / PARTS).max(1)
    }

    fn part_key(&self, part: i64) -> String {
        self.key(&format!("counts:{}:{part}", self.part_s()))
    }

    fn incident_key(&self, rule: &str) -> String {
        self.key(&format!("incident:{rule}"))
    }

    fn notifier_key(&self, rule: &str) -> String {
        self.key(&format!("word:{rule}"))
    }

    /// The keys lie in one slot of a cluster: one pipeline touches them.
    fn key(&self, name: &str) -> String {
        self.store.key(&format!("{{alarm}}:{name}"))
    }
}

/// Adds the counts of all parts up.
fn sum(parts: Vec<Value>) -> RedisResult<Window> {
    let mut window = Window::default();
    for part in parts {
        let fields: HashMap<String, u64> = redis::from_redis_value(part)?;
        for (field, count) in fields {
            if field == DONE {
                window.done += count;
            } else {
                *window.failed.entry(field).or_default() += count;
            }
        }
    }
    Ok(window)
}

fn ms_i64(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
