//! One connection for as long as it lasts: publishes what is taken up, and answers what is confirmed.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, FuturesUnordered};
use futures_util::{FutureExt, StreamExt};
use lapin::options::BasicPublishOptions;
use lapin::{Channel, Confirmation, Connection, Event};
use tokio::sync::{mpsc, oneshot, watch};

use super::outgoing::{Job, Outcome, Outgoing, PublishError, PublisherState, answer};
use crate::error::chain;

/// Messages that wait for their confirm at once. 64 keep a broker busy; more only bridge its pauses.
const MAX_IN_FLIGHT: usize = 512;
/// A connection on which a confirm takes longer is given up: above every caller's patience, as others' confirms may still
/// come. lapin keeps a confirm that is no longer awaited for as long as its channel lives, so the channel must go.
const CONFIRM_LIMIT: Duration = Duration::from_secs(10);
/// A channel that has everything refused for longer is given up: one that met a full queue has it refused for ever by
/// RabbitMQ 3.10 once that queue's limit was taken away, while a new one is served (seen with 3.10.8).
const REFUSAL_LIMIT: Duration = Duration::from_secs(15);
/// How often confirms are looked over for such. Once for all of them, rather than a timer for each.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// One connection with one channel, and what is published on it.
pub(super) struct Session {
    channel: Arc<Channel>,
    /// Kept because dropping it closes the connection.
    _connection: Connection,
    events: BoxStream<'static, Event>,
    in_flight: FuturesUnordered<InFlight>,
    /// What is settled and not answered yet: empty but for the time of one call, kept for its room.
    settled: Vec<SettledMessage>,
    /// Why the broker takes nothing at present.
    blocked: Option<String>,
    /// Whether a message was returned, so that a confirm may be another's.
    is_doubtful: bool,
    /// Since when everything is refused.
    refused_since: Option<Instant>,
}

/// Why a session ended.
pub(super) enum End {
    NoPublisherLeft,
    Failed(String),
}

impl Session {
    /// A session on `channel`, which confirms what is published.
    pub fn new(connection: Connection, channel: Channel) -> Self {
        let events = connection.events_listener().boxed();
        Self {
            channel: Arc::new(channel),
            _connection: connection,
            events,
            in_flight: FuturesUnordered::new(),
            settled: Vec::with_capacity(MAX_IN_FLIGHT),
            blocked: None,
            is_doubtful: false,
            refused_since: None,
        }
    }

    /// Publishes until the connection fails, a confirm is overdue, the topology was changed, or the last publisher is gone.
    pub async fn run(
        &mut self,
        jobs: &mut mpsc::Receiver<Job>,
        state: &watch::Sender<PublisherState>,
    ) -> End {
        state.send_replace(PublisherState::Ready);
        let mut batch = Vec::with_capacity(MAX_IN_FLIGHT);
        let mut sweep = tokio::time::interval(SWEEP_INTERVAL);
        loop {
            let room = MAX_IN_FLIGHT - self.in_flight.len();
            tokio::select! {
                biased;
                event = self.events.next() => match event {
                    Some(Event::Error(error)) => return End::Failed(chain(&error)),
                    Some(event) => self.follow(event, state),
                    None => return End::Failed("the connection ended".to_owned()),
                },
                Some(first) = self.in_flight.next() => {
                    if let Some(why) = self.answer_settled(first) {
                        return End::Failed(why);
                    }
                }
                taken = jobs.recv_many(&mut batch, room), if room > 0 => {
                    if taken == 0 {
                        return End::NoPublisherLeft;
                    }
                    batch.drain(..).for_each(|job| self.publish(job));
                }
                _ = sweep.tick() => if let Some(why) = self.is_stuck() {
                    return End::Failed(why.to_owned());
                },
            }
        }
    }

    fn follow(&mut self, event: Event, state: &watch::Sender<PublisherState>) {
        match event {
            Event::ConnectionBlocked(why) => {
                tracing::warn!(reason = why, "RabbitMQ blocks publishers: {why}");
                state.send_replace(PublisherState::Blocked(why.clone()));
                self.blocked = Some(why);
            }
            Event::ConnectionUnblocked => {
                tracing::info!("RabbitMQ accepts messages again");
                state.send_replace(PublisherState::Ready);
                self.blocked = None;
            }
            _ => {}
        }
    }

    /// Takes one message up. It goes out when `in_flight` is polled next, together with those taken up with it.
    fn publish(&mut self, job: Job) {
        if let Some(why) = &self.blocked {
            job.settle(Err(PublishError::Blocked(why.clone())));
        } else if !job.reply.is_closed() {
            self.in_flight.push(InFlight {
                since: Instant::now(),
                settled: publish_and_confirm(Arc::clone(&self.channel), job).boxed(),
            });
        }
    }

    /// Answers everything that is settled by now. Returns why the session cannot go on, if so.
    ///
    /// The answers wait for one another because lapin pairs returned messages with confirms by their order only: when
    /// one acknowledgement covers several messages, the return goes to any of them. So from the first return on no
    /// message of this session is reported as confirmed.
    fn answer_settled(&mut self, first: SettledMessage) -> Option<String> {
        self.settled.push(first);
        while let Some(Some(next)) = self.in_flight.next().now_or_never() {
            self.settled.push(next);
        }
        let mut failure = None;
        for (_, outcome) in &self.settled {
            if matches!(outcome, Err(PublishError::Refused)) {
                self.refused_since.get_or_insert_with(Instant::now);
            } else if outcome.is_ok() {
                self.refused_since = None;
            }
            self.is_doubtful |= matches!(outcome, Err(PublishError::Returned(_)));
            if let Err(error @ (PublishError::Lost(_) | PublishError::Returned(_))) = outcome {
                failure = Some(chain(error));
            }
        }
        let is_doubtful = self.is_doubtful;
        for (reply, outcome) in self.settled.drain(..) {
            let outcome = match outcome {
                Ok(()) if is_doubtful => Err(PublishError::Unconfirmed),
                outcome => outcome,
            };
            answer(reply, outcome);
        }
        failure
    }

    /// Why a new session may do better.
    fn is_stuck(&self) -> Option<&'static str> {
        // On a blocked connection everything waits, and a new one would be blocked too.
        let late = |message: &InFlight| message.since.elapsed() > CONFIRM_LIMIT;
        if self.blocked.is_none() && self.in_flight.iter().any(late) {
            return Some("a confirm is overdue");
        }
        self.refused_since
            .filter(|since| since.elapsed() > REFUSAL_LIMIT)
            .map(|_| "RabbitMQ refuses all that is published: a queue is full")
    }

    /// Answers what is still confirmed, then closes the connection.
    pub async fn drain(mut self) {
        let rest = async {
            while let Some(first) = self.in_flight.next().await {
                self.answer_settled(first);
            }
        };
        // What is unconfirmed after that is dropped with its reply, and reported as such.
        if tokio::time::timeout(CONFIRM_LIMIT, rest).await.is_err() {
            let count = self.in_flight.len();
            tracing::warn!(count, "RabbitMQ left messages unconfirmed");
        }
    }
}

/// A message's outcome, and where it is awaited.
type SettledMessage = (oneshot::Sender<Outcome>, Outcome);

/// A message that is published and not confirmed yet.
struct InFlight {
    since: Instant,
    settled: BoxFuture<'static, SettledMessage>,
}

impl Future for InFlight {
    type Output = SettledMessage;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<SettledMessage> {
        self.settled.poll_unpin(context)
    }
}

async fn publish_and_confirm(channel: Arc<Channel>, job: Job) -> SettledMessage {
    (job.reply, confirmed(&channel, job.message).await)
}

async fn confirmed(channel: &Channel, message: Outgoing) -> Outcome {
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let published = channel.basic_publish(
        message.exchange.into(),
        message.routing_key.into(),
        options,
        &message.body,
        message.properties,
    );
    let confirm = published.await.map_err(PublishError::Lost)?;
    match confirm.await.map_err(PublishError::Lost)? {
        Confirmation::Ack(None) => Ok(()),
        Confirmation::Ack(Some(returned)) | Confirmation::Nack(Some(returned)) => {
            Err(PublishError::Returned(returned.reply_text.to_string()))
        }
        Confirmation::Nack(None) | Confirmation::NotRequested => Err(PublishError::Refused),
    }
}
