//! Publishes with `mandatory` and awaits the publisher confirm, over a connection of its own that is restored by itself.
//!
//! Publishers and consumers do not share a connection: a broker short of memory blocks publishing connections, and
//! nothing goes out on a blocked connection, acknowledgements included.
//!
//! One task holds the connection. Callers hand it their messages through a queue; it takes all that are waiting at once,
//! so that lapin's thread is woken once and writes once, and answers all that are confirmed at once.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, FuturesUnordered};
use futures_util::{FutureExt, StreamExt};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection, Event};
use tokio::sync::{mpsc, oneshot, watch};

use super::{ConnectError, TopologyError, connect, declare};
use crate::backoff::Backoff;
use crate::config::{Broker, RetryDelay};
use crate::error::chain;
use crate::fail_point::{self, FailPoint};

/// Messages that wait for their confirm at once. 64 keep a broker busy; more only bridge its pauses.
const MAX_IN_FLIGHT: usize = 512;
/// Messages that wait to be taken up. Beyond it callers wait, each for as long as it likes.
const MAX_QUEUED: usize = 1024;
/// A connection on which a confirm takes longer is given up: above every caller's patience, as others' confirms may still
/// come. lapin keeps a confirm that is no longer awaited for as long as its channel lives, so the channel must go.
const CONFIRM_LIMIT: Duration = Duration::from_secs(10);
/// A channel that has everything refused for longer is given up: one that met a full queue has it refused for ever by
/// RabbitMQ 3.10 once that queue's limit was taken away, while a new one is served (seen with 3.10.8).
const REFUSAL_LIMIT: Duration = Duration::from_secs(15);
/// How often confirms are looked over for such. Once for all of them, rather than a timer for each.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// A message on its way out.
#[derive(Debug)]
pub struct Outgoing {
    /// Name of the exchange that the message is published to.
    pub exchange: &'static str,
    /// Routing key by which the exchange finds the queue.
    pub routing_key: String,
    /// AMQP properties that travel with the body, headers included.
    pub properties: BasicProperties,
    /// Body of the message, byte for byte.
    pub body: Bytes,
}

/// The broker does not have the message, or did not say that it has.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// There is no connection at present.
    #[error("no connection to RabbitMQ: {0}")]
    Down(String),
    /// The broker takes nothing at present: it is short of memory or disk.
    #[error("RabbitMQ blocks publishers: {0}")]
    Blocked(String),
    /// The broker refused the message: a queue is full.
    #[error("RabbitMQ refused the message (nack): a queue is full")]
    Refused,
    /// No queue is bound for it: the topology was changed.
    #[error("RabbitMQ returned the message: {0}")]
    Returned(String),
    /// The connection failed before the confirm: the broker may have the message.
    #[error("connection lost before the confirm")]
    Lost(#[source] lapin::Error),
    /// No confirm that is certainly this message's: the broker may have it.
    #[error("RabbitMQ did not confirm the message")]
    Unconfirmed,
}

/// Whether messages can be published at present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublisherState {
    /// There is a connection, and every exchange and queue is as it has to be.
    Ready,
    /// No connection, and why.
    Down(String),
    /// The broker blocks publishers, and why.
    Blocked(String),
}

/// Publishes over one connection, which a task of its own keeps up. The connection is closed with the last clone.
#[derive(Clone, Debug)]
pub struct Publisher {
    queue: mpsc::Sender<Job>,
    state: watch::Receiver<PublisherState>,
}

#[derive(Debug)]
struct Job {
    message: Outgoing,
    reply: oneshot::Sender<Outcome>,
}

type Outcome = Result<(), PublishError>;

impl Publisher {
    /// Connects, declares the topology, and begins to keep the connection up in the background. A broker that cannot be
    /// reached yet is waited for there.
    ///
    /// # Errors
    ///
    /// When the broker's address is unusable, or an existing exchange or queue has other arguments.
    pub async fn start(
        settings: Broker,
        delays: Vec<RetryDelay>,
        name: String,
    ) -> anyhow::Result<Self> {
        let connector = Connector {
            settings,
            delays,
            name,
        };
        let first = match connector.open().await {
            Ok(session) => Ok(session),
            Err(OpenError::Topology(error @ TopologyError::Inequivalent { .. })) => {
                return Err(error.into());
            }
            Err(OpenError::Connect(error @ ConnectError::Address(_))) => return Err(error.into()),
            Err(error) => Err(chain(&error)),
        };
        let initial = match &first {
            Ok(_) => PublisherState::Ready,
            Err(why) => PublisherState::Down(why.clone()),
        };
        let (sender, state) = watch::channel(initial);
        let (queue, jobs) = mpsc::channel(MAX_QUEUED);
        tokio::spawn(supervise(connector, first, jobs, sender));
        Ok(Self { queue, state })
    }

    /// Publishes one message and waits for its confirm. The caller bounds the wait.
    ///
    /// # Errors
    ///
    /// When the broker does not confirm that it has the message.
    ///
    /// # Cancel safety
    ///
    /// Dropped early, the message may or may not have been published.
    pub async fn publish(&self, message: Outgoing) -> Result<(), PublishError> {
        let (reply, outcome) = oneshot::channel();
        let queued = self.queue.send(Job { message, reply }).await;
        queued.map_err(|_| PublishError::Down("the publisher has stopped".to_owned()))?;
        outcome.await.unwrap_or(Err(PublishError::Unconfirmed))
    }

    /// Whether messages can be published at present.
    #[must_use]
    pub fn state(&self) -> PublisherState {
        self.state.borrow().clone()
    }

    /// Follows whether messages can be published. Closed once the last publisher is gone.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<PublisherState> {
        self.state.clone()
    }

    /// Waits until messages can be published.
    pub async fn ready(&mut self) {
        let ready = self.state.wait_for(|state| *state == PublisherState::Ready);
        // The supervisor lives as long as any publisher does.
        drop(ready.await);
    }
}

#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Topology(#[from] TopologyError),
    #[error("cannot open a channel with publisher confirms")]
    Channel(#[source] lapin::Error),
    #[error("RabbitMQ did not answer within {}", humantime::format_duration(*.0))]
    TimedOut(Duration),
}

/// What a session is made from.
struct Connector {
    settings: Broker,
    delays: Vec<RetryDelay>,
    name: String,
}

impl Connector {
    async fn open(&self) -> Result<Session, OpenError> {
        let connection = connect(&self.settings, &self.name).await?;
        // A queue whose leader is away leaves its declaration unanswered.
        let limit = self.settings.connect_timeout;
        let prepared = tokio::time::timeout(limit, self.prepare(&connection)).await;
        let channel = prepared.map_err(|_| OpenError::TimedOut(limit))??;
        // Only now: a refused declaration is an error of its channel, which the connection survives.
        let events = connection.events_listener().boxed();
        Ok(Session {
            channel: Arc::new(channel),
            _connection: connection,
            events,
            in_flight: FuturesUnordered::new(),
            blocked: None,
            is_doubtful: false,
            refused_since: None,
        })
    }

    async fn prepare(&self, connection: &Connection) -> Result<Channel, OpenError> {
        let channel = connection.create_channel().await;
        let channel = channel.map_err(OpenError::Channel)?;
        declare(connection, &self.delays, self.settings.new_queue_pause).await?;
        let confirming = channel.confirm_select(ConfirmSelectOptions::default());
        confirming.await.map_err(OpenError::Channel)?;
        Ok(channel)
    }
}

/// Runs one session after another until the last publisher is gone.
async fn supervise(
    connector: Connector,
    mut opened: Result<Session, String>,
    mut jobs: mpsc::Receiver<Job>,
    state: watch::Sender<PublisherState>,
) {
    fail_point::reach_with(FailPoint::TaskStarted, &connector.name).await;
    let name = &connector.name;
    let mut backoff = Backoff::default();
    let mut was_down = false;
    loop {
        let why = match opened {
            Ok(mut session) => {
                backoff.reset();
                if was_down {
                    tracing::info!("{name}: publishes to RabbitMQ again");
                }
                let end = session.run(&mut jobs, &state).await;
                // Confirms of what it has published may still come.
                tokio::spawn(session.drain());
                match end {
                    End::NoPublisherLeft => return,
                    End::Failed(why) => why,
                }
            }
            Err(why) => why,
        };
        was_down = true;
        let pause = backoff.next_pause();
        tracing::warn!(
            error = why,
            "{name}: no connection to RabbitMQ ({why}); next attempt in {pause:.1?}"
        );
        state.send_replace(PublisherState::Down(why.clone()));
        let reopened = async {
            tokio::time::sleep(pause).await;
            connector.open().await
        };
        match refuse_while(reopened, &mut jobs, &why).await {
            Some(result) => opened = result.map_err(|error| chain(&error)),
            None => return,
        }
    }
}

/// Waits for `work` and refuses what is to be published meanwhile; `None` when the last publisher is gone.
async fn refuse_while<T>(
    work: impl Future<Output = T>,
    jobs: &mut mpsc::Receiver<Job>,
    why: &str,
) -> Option<T> {
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return Some(done),
            job = jobs.recv() => job?.settle(Err(PublishError::Down(why.to_owned()))),
        }
    }
}

impl Job {
    fn settle(self, outcome: Outcome) {
        answer(self.reply, outcome);
    }
}

fn answer(reply: oneshot::Sender<Outcome>, outcome: Outcome) {
    // Whoever asked may have given up waiting.
    drop(reply.send(outcome));
}

/// One connection with one channel, and what is published on it.
struct Session {
    channel: Arc<Channel>,
    /// Kept because dropping it closes the connection.
    _connection: Connection,
    events: BoxStream<'static, Event>,
    in_flight: FuturesUnordered<InFlight>,
    /// Why the broker takes nothing at present.
    blocked: Option<String>,
    /// Whether a message was returned, so that a confirm may be another's.
    is_doubtful: bool,
    /// Since when everything is refused.
    refused_since: Option<Instant>,
}

/// Why a session ended.
enum End {
    NoPublisherLeft,
    Failed(String),
}

impl Session {
    /// Publishes until the connection fails, a confirm is overdue, the topology was changed, or the last publisher is gone.
    async fn run(
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
        let mut settled = vec![first];
        while let Some(Some(next)) = self.in_flight.next().now_or_never() {
            settled.push(next);
        }
        let mut failure = None;
        for (_, outcome) in &settled {
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
        for (reply, outcome) in settled {
            let outcome = match outcome {
                Ok(()) if self.is_doubtful => Err(PublishError::Unconfirmed),
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
    async fn drain(mut self) {
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
