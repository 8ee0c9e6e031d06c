//! Publishes with `mandatory` and awaits the publisher confirm, over a connection of its own that is restored by itself.
//!
//! Publishers and consumers do not share a connection: a broker short of memory blocks publishing connections, and
//! nothing goes out on a blocked connection, acknowledgements included.
//!
//! One task holds the connection. Callers hand it their messages through a queue; it takes all that are waiting at once,
//! so that lapin's thread is woken once and writes once, and answers all that are confirmed at once.

mod outgoing;
mod session;

use std::time::Duration;

use lapin::options::ConfirmSelectOptions;
use lapin::{Channel, Connection};
use tokio::sync::{mpsc, oneshot, watch};

use self::outgoing::Job;
use self::session::{End, Session};
use super::{ConnectError, TopologyError, connect, declare};
use crate::backoff::Backoff;
use crate::config::{Broker, RetryDelay};
use crate::error::chain;
use crate::fail_point::{self, FailPoint};

pub use self::outgoing::{Outgoing, PublishError, PublisherState};

/// Messages that wait to be taken up. Beyond it callers wait, each for as long as it likes.
const MAX_QUEUED: usize = 1024;

/// Publishes over one connection, which a task of its own keeps up. The connection is closed with the last clone.
#[derive(Clone, Debug)]
pub struct Publisher {
    queue: mpsc::Sender<Job>,
    state: watch::Receiver<PublisherState>,
}

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
        Ok(Session::new(connection, channel))
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
