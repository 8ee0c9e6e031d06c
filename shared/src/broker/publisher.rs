//! Publishes with `mandatory` and awaits the publisher confirm, over a connection of its own that mends itself.
//!
//! Publishers and consumers do not share a connection: a broker short of memory blocks publishing connections, and
//! nothing goes out on a blocked connection, acknowledgements included.

use bytes::Bytes;
use futures_util::StreamExt;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection, Event};
use tokio::sync::watch;

use super::{Backoff, ConnectError, TopologyError, connect, declare};
use crate::config::{Broker, RetryDelay};
use crate::telemetry::chain;

/// A message on its way out.
#[derive(Debug)]
pub struct Outgoing {
    /// Exchange by name.
    pub exchange: &'static str,
    /// Routing key.
    pub routing_key: String,
    /// Properties and headers.
    pub properties: BasicProperties,
    /// The body, untouched.
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
    /// No queue is bound for it: somebody changed the topology.
    #[error("RabbitMQ returned the message: {0}")]
    Returned(String),
    /// The connection failed before the confirm: the broker may have the message.
    #[error("connection lost before the confirm")]
    Lost(#[source] lapin::Error),
}

/// Whether messages can be published at present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublisherState {
    /// Connected, topology verified.
    Ready,
    /// No connection, and why.
    Down(String),
    /// The broker blocks publishers, and why.
    Blocked(String),
}

/// Publishes over one connection, which a task of its own keeps up.
#[derive(Clone, Debug)]
pub struct Publisher {
    session: watch::Receiver<Session>,
}

#[derive(Clone, Debug)]
struct Session {
    state: PublisherState,
    channel: Option<Channel>,
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
        let down = Session {
            state: PublisherState::Down("not connected yet".to_owned()),
            channel: None,
        };
        let (sender, session) = watch::channel(down);
        let first = match open(&settings, &delays, &name).await {
            Ok(opened) => Some(opened),
            Err(OpenError::Topology(error @ TopologyError::Inequivalent { .. })) => {
                return Err(error.into());
            }
            Err(OpenError::Connect(error @ ConnectError::Address(_))) => return Err(error.into()),
            Err(error) => {
                tracing::warn!(error = %chain(&error), "RabbitMQ cannot be reached yet; trying on");
                None
            }
        };
        tokio::spawn(supervise(settings, delays, name, first, sender));
        Ok(Self { session })
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
        let channel = self.channel()?;
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let published = channel
            .basic_publish(
                message.exchange.into(),
                message.routing_key.into(),
                options,
                &message.body,
                message.properties,
            )
            .await
            .map_err(PublishError::Lost)?;
        match published.await.map_err(PublishError::Lost)? {
            Confirmation::Ack(None) => Ok(()),
            Confirmation::Ack(Some(returned)) => {
                Err(PublishError::Returned(returned.reply_text.to_string()))
            }
            Confirmation::Nack(_) | Confirmation::NotRequested => Err(PublishError::Refused),
        }
    }

    /// Whether messages can be published at present.
    #[must_use]
    pub fn state(&self) -> PublisherState {
        self.session.borrow().state.clone()
    }

    /// Waits until messages can be published.
    pub async fn ready(&mut self) {
        let ready = self
            .session
            .wait_for(|session| session.state == PublisherState::Ready)
            .await;
        // The supervisor lives as long as the process.
        drop(ready);
    }

    fn channel(&self) -> Result<Channel, PublishError> {
        let session = self.session.borrow();
        match (&session.state, &session.channel) {
            (PublisherState::Ready, Some(channel)) => Ok(channel.clone()),
            (PublisherState::Blocked(why), _) => Err(PublishError::Blocked(why.clone())),
            (PublisherState::Down(why), _) => Err(PublishError::Down(why.clone())),
            (PublisherState::Ready, None) => {
                Err(PublishError::Down("not connected yet".to_owned()))
            }
        }
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
}

async fn open(
    settings: &Broker,
    delays: &[RetryDelay],
    name: &str,
) -> Result<(Connection, Channel), OpenError> {
    let connection = connect(settings, name).await?;
    let channel = connection
        .create_channel()
        .await
        .map_err(OpenError::Channel)?;
    declare(&channel, delays).await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .map_err(OpenError::Channel)?;
    Ok((connection, channel))
}

async fn supervise(
    settings: Broker,
    delays: Vec<RetryDelay>,
    name: String,
    mut opened: Option<(Connection, Channel)>,
    sender: watch::Sender<Session>,
) {
    let mut backoff = Backoff::default();
    loop {
        if let Some((connection, channel)) = opened.take() {
            backoff.reset();
            let why = run(&connection, channel, &sender).await;
            tracing::warn!(
                error = why,
                "Lost the publishing connection to RabbitMQ; reconnecting"
            );
            sender.send_replace(Session {
                state: PublisherState::Down(why),
                channel: None,
            });
        }
        tokio::time::sleep(backoff.next_pause()).await;
        match open(&settings, &delays, &name).await {
            Ok(new) => opened = Some(new),
            Err(error) => {
                let why = chain(&error);
                tracing::warn!(error = why, "Cannot publish yet");
                sender.send_replace(Session {
                    state: PublisherState::Down(why),
                    channel: None,
                });
            }
        }
    }
}

/// Follows one connection to its end, and tells why it ended.
async fn run(connection: &Connection, channel: Channel, sender: &watch::Sender<Session>) -> String {
    let mut events = Box::pin(connection.events_listener());
    let ready = Session {
        state: PublisherState::Ready,
        channel: Some(channel),
    };
    sender.send_replace(ready.clone());
    loop {
        match events.next().await {
            Some(Event::ConnectionBlocked(why)) => {
                tracing::warn!(reason = why, "RabbitMQ blocks publishers");
                sender.send_replace(Session {
                    state: PublisherState::Blocked(why),
                    ..ready.clone()
                });
            }
            Some(Event::ConnectionUnblocked) => {
                tracing::info!("RabbitMQ takes messages again");
                sender.send_replace(ready.clone());
            }
            Some(Event::Error(error)) => return chain(&error),
            Some(_) => {}
            None => return "the connection ended".to_owned(),
        }
    }
}
