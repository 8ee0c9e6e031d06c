//! Senders of webhooks that repeat themselves until they get an answer, and keep what it was.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;
use rand::Rng as _;
use reqwest::header::RETRY_AFTER;
use serde_json::Value;
use shared::clock;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::task::TaskTracker;

use super::plan::Plan;
use crate::bridge::WEBHOOK_TOKEN;
use crate::history::{Answer, Posted};

/// Longer than `ingest` waits for the broker's confirm, which is 3 s.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Between two tries; a random part of it is added.
const PAUSE: Duration = Duration::from_millis(500);
/// Posts in progress at once.
const AT_ONCE: usize = 200;
/// How long a post is tried after the storm.
const PATIENCE: Duration = Duration::from_secs(90);

/// A request that was answered 503.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unavailable {
    pub(super) sent: Instant,
    pub(super) answered: Instant,
}

/// What the senders know. Clones are the same.
#[derive(Clone)]
pub(super) struct Answers {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    posted: Vec<Posted>,
    sent: usize,
    tries: usize,
    accepted: usize,
    /// When which 200 `accepted` came.
    moments: Vec<Instant>,
    /// When the first came for an event of an interaction.
    first: BTreeMap<String, Timestamp>,
    unavailable: Vec<Unavailable>,
    refusals: Vec<String>,
}

impl Answers {
    pub(super) fn new(plan: &Plan, start: Timestamp) -> Self {
        let posted = plan.events.iter().map(|event| event.posted(start));
        Self {
            inner: Arc::new(Mutex::new(Inner {
                posted: posted.collect(),
                sent: 0,
                tries: 0,
                accepted: 0,
                moments: Vec::new(),
                first: BTreeMap::new(),
                unavailable: Vec::new(),
                refusals: Vec::new(),
            })),
        }
    }

    /// Every event with its best answer so far.
    pub(super) fn posted(&self) -> Vec<Posted> {
        self.with(|inner| inner.posted.clone())
    }

    /// Posts that got an answer or were given up.
    pub(super) fn sent(&self) -> usize {
        self.with(|inner| inner.sent)
    }

    /// How many requests were sent, repetitions included.
    pub(super) fn tries(&self) -> usize {
        self.with(|inner| inner.tries)
    }

    /// Events that were accepted.
    pub(super) fn accepted(&self) -> usize {
        self.with(|inner| inner.accepted)
    }

    /// The moments at which a sender was answered `accepted`.
    pub(super) fn moments(&self) -> Vec<Instant> {
        self.with(|inner| inner.moments.clone())
    }

    /// When an interaction was accepted first, by its id.
    pub(super) fn first_accepted(&self) -> BTreeMap<String, Timestamp> {
        self.with(|inner| inner.first.clone())
    }

    /// Answers 503. There is a spool: no sender may be asked to send again, unless it is full.
    pub(super) fn unavailable(&self) -> Vec<Unavailable> {
        self.with(|inner| inner.unavailable.clone())
    }

    /// Answers that no sender may ever get, whatever breaks: neither a 200 nor a 503 that says when to come back.
    pub(super) fn refusals(&self) -> Vec<String> {
        self.with(|inner| inner.refusals.clone())
    }

    fn note_try(&self, event: usize) {
        self.with(|inner| {
            inner.tries += 1;
            inner.posted[event].sent.get_or_insert_with(clock::now);
        });
    }

    fn keep(&self, event: usize, answer: Answer) {
        self.with(|inner| {
            if answer == Answer::Accepted {
                inner.moments.push(Instant::now());
                let interaction = inner.posted[event].interaction.clone();
                inner.first.entry(interaction).or_insert_with(clock::now);
            }
            let known = &mut inner.posted[event].answer;
            if is_otherwise(known, &answer) {
                let contradiction = format!("{answer:?} after {known:?}, to one event");
                inner.refusals.push(contradiction);
            }
            if *known != Answer::Accepted {
                inner.accepted += usize::from(answer == Answer::Accepted);
                *known = answer;
            }
        });
    }

    fn with<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        work(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Sends everything as planned; ends when every post is answered or given up.
pub(super) async fn send_all(
    url: &str,
    plan: &Plan,
    start: Timestamp,
    begun: Instant,
    answers: &Answers,
) -> Result<()> {
    let client = reqwest::Client::builder().timeout(TIMEOUT).build()?;
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let last = plan.posts.last().map_or(Duration::ZERO, |post| post.at);
    let until = begun + last + PATIENCE;
    let posts = TaskTracker::new();
    for post in &plan.posts {
        sleep_until(begun + post.at).await;
        let place = Arc::clone(&room).acquire_owned().await?;
        let event = &plan.events[post.event];
        let (body, index) = (event.body(start), post.event);
        let (client, url, answers) = (client.clone(), url.to_owned(), answers.clone());
        posts.spawn(async move {
            while Instant::now() < until {
                answers.note_try(index);
                match send(&client, &url, &body, &answers).await {
                    Some(answer) => {
                        answers.keep(index, answer);
                        break;
                    }
                    None => sleep(pause()).await,
                }
            }
            answers.with(|inner| inner.sent += 1);
            drop(place);
        });
    }
    posts.close();
    posts.wait().await;
    Ok(())
}

/// Whether two answers to one event contradict each other.
fn is_otherwise(one: &Answer, other: &Answer) -> bool {
    let is_accepted = |answer: &Answer| match answer {
        Answer::Accepted => Some(true),
        Answer::Ignored(_) => Some(false),
        Answer::None => None,
    };
    let answers = is_accepted(one).zip(is_accepted(other));
    answers.is_some_and(|(one, other)| one != other)
}

/// Senders do not come back all at once.
fn pause() -> Duration {
    PAUSE.mul_f64(rand::rng().random_range(0.5..2.0))
}

/// Sends a webhook once; nothing where it has to be sent again.
async fn send(
    client: &reqwest::Client,
    url: &str,
    body: &str,
    answers: &Answers,
) -> Option<Answer> {
    let request = client
        .post(url)
        .bearer_auth(WEBHOOK_TOKEN)
        .body(body.to_owned());
    let sent = Instant::now();
    let answer = request.send().await.ok()?;
    let status = answer.status().as_u16();
    let tells_when = answer.headers().contains_key(RETRY_AFTER);
    let text = answer.text().await.ok()?;
    if status == 503 && tells_when {
        let answered = Instant::now();
        answers.with(|inner| inner.unavailable.push(Unavailable { sent, answered }));
        return None;
    }
    let answer: Value = serde_json::from_str(&text).unwrap_or_default();
    match (status, answer["status"].as_str()) {
        (200, Some("accepted")) => Some(Answer::Accepted),
        (200, Some("ignored")) => {
            let reason = answer["reason"].as_str().unwrap_or_default();
            Some(Answer::Ignored(reason.to_owned()))
        }
        _ => {
            let refusal = format!("{status} {text} to {body}");
            answers.with(|inner| inner.refusals.push(refusal));
            Some(Answer::None)
        }
    }
}
