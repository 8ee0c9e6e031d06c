//! What workers share for the alarm: counts of the window, the head of the work queue, incidents, and who tells of one.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use redis::{AsyncCommands, RedisResult};

use super::connection::Store;
use super::script::ms;
use crate::alarm::{Incident, Window};

/// Parts of a window, by which its age is told.
const PARTS: i64 = 10;
/// An incident that nobody looked at for so long is forgotten: all workers were away, and what they knew is old.
const INCIDENT_TTL: Duration = Duration::from_secs(7 * 86_400);
/// How long a worker has the word. Longer than a delivery may take.
const WORD_TTL: Duration = Duration::from_secs(30);
/// Field of the messages that did not fail; the others are reasons.
const DONE: &str = "+";

/// The alarm's part of Redis.
#[derive(Clone, Debug)]
pub struct Incidents {
    store: Store,
    window: Duration,
}

impl Incidents {
    /// Kept in `store`; counts of the last `window`.
    #[must_use]
    pub fn new(store: Store, window: Duration) -> Self {
        Self { store, window }
    }

    /// Adds counts and a mark of the head; tells those of all workers.
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
        let present = self.part_key(part);
        let heads = self.key("head");
        let mut pipe = redis::pipe();
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
        if let Some(head) = head {
            // A worker that was behind does not take the mark back.
            pipe.cmd("ZADD")
                .arg(&heads)
                .arg("GT")
                .arg(head.as_millisecond())
                .arg("head")
                .ignore();
        }
        pipe.zscore(&heads, "head");
        for past in part - PARTS..=part {
            pipe.hgetall(self.part_key(past));
        }
        let mut answers: Vec<redis::Value> = pipe.query_async(&mut connection).await?;
        let parts = answers.split_off(1);
        let head: Option<f64> = redis::from_redis_value(answers.remove(0))?;
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds")]
        let head = head.and_then(|ms| Timestamp::from_millisecond(ms as i64).ok());
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
        Ok((window, head))
    }

    /// The incident of a rule, if there is one.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn read(&self, rule: &str) -> RedisResult<Option<Incident>> {
        let text: Option<String> = self
            .store
            .connection()?
            .get(self.incident_key(rule))
            .await?;
        // One that a newer version wrote differently is told anew.
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Writes an incident, or that it is over.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    ///
    /// # Panics
    ///
    /// Never: an incident is always JSON.
    pub async fn write(&self, rule: &str, incident: Option<&Incident>) -> RedisResult<()> {
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

    /// Takes the word on a rule: one worker tells of it. `None` where another has it.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn acquire_notifier(&self, rule: &str) -> RedisResult<bool> {
        let mut take = redis::cmd("SET");
        take.arg(self.word_key(rule))
            .arg(1)
            .arg("NX")
            .arg("PX")
            .arg(ms(WORD_TTL));
        let taken: Option<String> = take.query_async(&mut self.store.connection()?).await?;
        Ok(taken.is_some())
    }

    /// Gives the word back.
    ///
    /// # Errors
    ///
    /// When Redis does not answer. The word expires then.
    pub async fn give_word(&self, rule: &str) -> RedisResult<()> {
        self.store.connection()?.del(self.word_key(rule)).await
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

    fn word_key(&self, rule: &str) -> String {
        self.key(&format!("word:{rule}"))
    }

    /// The keys lie in one slot of a cluster: one pipeline touches them.
    fn key(&self, name: &str) -> String {
        self.store.key(&format!("{{alarm}}:{name}"))
    }
}

fn ms_i64(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
