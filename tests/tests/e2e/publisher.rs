//! The publisher against a real broker on a bad day: nothing is reported as taken that the broker does not hold, every
//! caller gets an answer, and it recovers by itself.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bridge_tests::servers::{CutProxy, Environment, Vhost, wait_until};
use futures_util::future::join_all;
use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use shared::broker::{Outgoing, PublishError, Publisher, PublisherState, topology};
use shared::config;

const PATIENCE: Duration = Duration::from_secs(60);

/// A publisher that reaches its broker through a network that can be broken.
struct Rig {
    vhost: Vhost,
    network: CutProxy,
    publisher: Publisher,
}

impl Rig {
    async fn start() -> Result<Self> {
        let vhost = Environment::shared().await.broker().create_vhost().await?;
        let (network, address) = CutProxy::in_front_of(&vhost.amqp_url()).await?;
        let variables = [
            ("BRIDGE__BROKER__URL", address.as_str()),
            ("BRIDGE__RETRY__DELAYS", "1s"),
            // A broker that is busy with other tests is slow to declare.
            ("BRIDGE__BROKER__CONNECT_TIMEOUT", "30s"),
        ];
        let variables = variables.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let mut settings = config::load_from(None, variables)?;
        settings.broker.new_queue_pause = Some(Duration::ZERO);
        let publisher = Publisher::start(
            settings.broker,
            settings.retry.delays,
            "test publisher".to_owned(),
        );
        Ok(Self {
            publisher: publisher.await?,
            vhost,
            network,
        })
    }

    async fn publish(&self, routing_key: &'static str) -> Result<(), PublishError> {
        let message = Outgoing {
            exchange: topology::EXCHANGE,
            routing_key: routing_key.into(),
            properties: BasicProperties::default().with_delivery_mode(2),
            body: "{}".into(),
        };
        self.publisher.publish(message).await
    }

    async fn queued(&self) -> Result<usize> {
        let count = self.vhost.message_count(topology::WORK_QUEUE).await?;
        Ok(count.try_into()?)
    }

    /// Publishes until it succeeds.
    async fn wait_until_published(&self) -> Result<()> {
        wait_until("a message is taken", PATIENCE, async || {
            Ok(self.publish(topology::WORK_KEY).await?)
        })
        .await
    }

    /// Does what an operator might do, over a connection of its own.
    async fn operate<T>(
        &self,
        deed: impl AsyncFnOnce(lapin::Channel) -> lapin::Result<T>,
    ) -> Result<()> {
        let address = self.vhost.amqp_url();
        let connection =
            Connection::connect(address.as_str(), ConnectionProperties::default()).await?;
        deed(connection.create_channel().await?).await?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_routed_is_never_reported_as_taken() -> Result<()> {
    let rig = Rig::start().await?;
    let mut taken = 0;

    for round in 0..20 {
        rig.wait_until_published().await?;
        taken += 1;
        let keys = (0..64).map(|n| match (n + round) % 16 {
            0 => "nowhere",
            _ => topology::WORK_KEY,
        });
        let outcomes = join_all(keys.map(async |key| (key, rig.publish(key).await))).await;
        for (key, outcome) in outcomes {
            assert!(
                key != "nowhere" || outcome.is_err(),
                "an unroutable message was taken"
            );
            taken += usize::from(outcome.is_ok());
        }
    }

    let queued = rig.queued().await?;
    assert!(taken <= queued, "{taken} were taken, {queued} are there");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_queue_is_an_error_once_and_then_declared_again() -> Result<()> {
    let rig = Rig::start().await?;
    let delete = QueueDeleteOptions::default();
    rig.operate(async |channel| {
        channel
            .queue_delete(topology::WORK_QUEUE.into(), delete)
            .await
    })
    .await?;

    let outcome = rig.publish(topology::WORK_KEY).await;

    assert!(
        matches!(outcome, Err(PublishError::Returned(_))),
        "{outcome:?}"
    );
    rig.wait_until_published().await?;
    assert_eq!(rig.queued().await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_exchange_closes_the_channel_and_is_declared_again() -> Result<()> {
    let rig = Rig::start().await?;
    let delete = ExchangeDeleteOptions::default();
    rig.operate(async |channel| {
        channel
            .exchange_delete(topology::EXCHANGE.into(), delete)
            .await
    })
    .await?;

    let outcome = rig.publish(topology::WORK_KEY).await;

    assert!(matches!(outcome, Err(PublishError::Lost(_))), "{outcome:?}");
    rig.wait_until_published().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_answers_everybody_and_comes_back() -> Result<()> {
    const ROUNDS: usize = 20;
    let rig = Rig::start().await?;

    let mut taken = 0;
    for round in 1.. {
        rig.network.stall(true);
        let waiting = join_all((0..100).map(async |_| rig.publish(topology::WORK_KEY).await));
        let cut = async {
            // Published into the stalled network: no confirm can come.
            tokio::task::yield_now().await;
            rig.network.cut_all();
            rig.network.stall(false);
        };
        let (outcomes, ()) = tokio::time::timeout(PATIENCE, async { tokio::join!(waiting, cut) })
            .await
            .context("a caller was not answered")?;
        taken += outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        let is_lost = |outcome: &Result<_, _>| matches!(outcome, Err(PublishError::Lost(_)));
        if outcomes.iter().any(is_lost) {
            break;
        }
        // On a busy machine the cut may come before anything was published.
        assert!(round < ROUNDS, "{outcomes:?}");
        rig.wait_until_published().await?;
        taken += 1;
    }

    rig.wait_until_published().await?;
    assert!(taken < rig.queued().await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overdue_confirm_ends_the_connection_and_still_reaches_its_caller() -> Result<()> {
    let rig = Rig::start().await?;
    rig.network.stall(true);
    let given_up = async {
        wait_until("the connection is given up", PATIENCE, async || {
            ensure!(rig.publisher.state() != PublisherState::Ready, "it is kept");
            Ok(())
        })
        .await?;
        rig.network.stall(false);
        anyhow::Ok(())
    };

    let (outcome, given_up) = tokio::join!(rig.publish(topology::WORK_KEY), given_up);

    given_up?;
    assert!(outcome.is_ok(), "{outcome:?}");
    rig.wait_until_published().await?;
    assert_eq!(rig.queued().await?, 2);
    Ok(())
}
