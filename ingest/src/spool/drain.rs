//! Draining of the spool: publishes its messages, oldest first, once the broker accepts messages again.

use std::time::Duration;

use futures_util::future::join_all;
use metrics::Counter;
use shared::backoff::Backoff;
use shared::broker::properties_json::PropertiesJsonError;
use shared::broker::{Outgoing, PublishError, Publisher, properties_json, topology};
use shared::error::chain;
use shared::fail_point::{self, FailPoint};
use tokio_util::sync::CancellationToken;

use super::handle::Spool;
use super::record::{SpoolError, Stored};

/// Messages published at once: enough to keep a broker busy, few enough to leave room for new webhooks.
const BATCH: usize = 64;
/// How long a confirm may take. A message whose confirm is still on its way is published again: a duplicate.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(30);

/// The task that publishes the messages of the spool.
#[derive(Debug)]
pub struct Drain {
    /// Spool that is drained.
    pub spool: Spool,
    /// A publisher whose connection no webhook uses.
    pub publisher: Publisher,
    /// Counter of drained messages.
    pub drained: Counter,
}

/// A message was not drained. It stays in the spool.
#[derive(Debug, thiserror::Error)]
enum DrainError {
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error(
        "RabbitMQ did not confirm within {}",
        humantime::format_duration(CONFIRM_TIMEOUT)
    )]
    TimedOut,
    #[error(transparent)]
    Unreadable(#[from] PropertiesJsonError),
}

/// The position of the drain in the spool.
///
/// A message that the broker never accepts, and that closes the channel, must not block the others: after a batch without
/// a confirm they are published one by one, and one that fails alone is skipped until the end is reached.
struct Position {
    after: i64,
    count: usize,
}

impl Position {
    const START: Self = Self {
        after: 0,
        count: BATCH,
    };

    fn advance(&mut self, batch: &[Stored], confirmed: usize) {
        match batch {
            [] => *self = Self::START,
            [alone] if confirmed == 0 => {
                *self = Self {
                    after: alone.id,
                    count: BATCH,
                };
            }
            _ if confirmed == 0 => self.count = 1,
            _ => self.count = BATCH,
        }
    }
}

impl Drain {
    /// Drains until shutdown. The rest is drained after the next start.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut position = Position::START;
        let mut backoff = Backoff::default();
        while shutdown
            .run_until_cancelled(self.wait_until_needed())
            .await
            .is_some()
        {
            // Not cancelled: confirmed messages have to be deleted as well.
            let passed = self.pass(&mut position).await;
            if let Some(why) = &passed.failure {
                let left = self.spool.status().depth.messages;
                tracing::warn!(
                    error = why,
                    left,
                    "Spooled messages could not be published; {left} stay in the spool and are tried again"
                );
            }
            if let Some(pause) = pause_after(&passed, &mut backoff) {
                let pause = tokio::time::sleep(pause);
                if shutdown.run_until_cancelled(pause).await.is_none() {
                    return;
                }
            }
        }
    }

    async fn wait_until_needed(&mut self) {
        let filled = self
            .spool
            .status
            .wait_for(|status| status.depth.messages > 0)
            .await
            .is_ok();
        if !filled {
            // The spool is closed: only the shutdown is still to come.
            std::future::pending::<()>().await;
        }
        self.publisher.ready().await;
    }

    /// Publishes a batch, and deletes the messages that the broker confirmed.
    async fn pass(&self, position: &mut Position) -> Passed {
        let batch = match self.spool.oldest(position.after, position.count).await {
            Ok(batch) => batch,
            Err(error) => return Passed::failed(&error),
        };
        let outcomes = join_all(batch.iter().map(|message| self.publish(message))).await;
        let (mut confirmed, mut failure) = (Vec::with_capacity(batch.len()), None);
        for (message, outcome) in batch.iter().zip(outcomes) {
            match outcome {
                Ok(()) => confirmed.push(message.id),
                Err(error) => failure = Some(chain(&error)),
            }
        }
        let count = confirmed.len();
        position.advance(&batch, count);
        if count > 0 {
            if let Err(error) = self.delete(confirmed).await {
                return Passed::failed(&error);
            }
            self.drained.increment(count as u64);
        }
        if self.spool.status().depth.messages == 0 {
            tracing::info!("The spool is empty: RabbitMQ has confirmed all of its messages");
        }
        Passed {
            drained: count,
            failure,
        }
    }

    async fn publish(&self, message: &Stored) -> Result<(), DrainError> {
        let publishing = self.publisher.publish(Outgoing {
            exchange: topology::EXCHANGE,
            routing_key: topology::WORK_KEY.into(),
            properties: properties_json::from_json(&message.properties)?,
            body: message.body.clone(),
        });
        let confirmed = tokio::time::timeout(CONFIRM_TIMEOUT, publishing).await;
        Ok(confirmed.map_err(|_| DrainError::TimedOut)??)
    }

    async fn delete(&self, ids: Vec<i64>) -> Result<(), SpoolError> {
        fail_point::reach(FailPoint::SpoolConfirmed).await;
        self.spool.delete(ids).await?;
        fail_point::reach(FailPoint::SpoolDeleted).await;
        Ok(())
    }
}

/// The result of a pass.
#[derive(Debug, Default)]
struct Passed {
    /// Messages that were confirmed and deleted.
    drained: usize,
    /// The reason why others were not.
    failure: Option<String>,
}

impl Passed {
    fn failed(error: &SpoolError) -> Self {
        Self {
            drained: 0,
            failure: Some(error.to_string()),
        }
    }
}

/// The pause after a pass. Pauses grow as long as nothing is drained. A pass that found no message changes nothing: it
/// lies between two attempts at a last message that is never accepted.
fn pause_after(passed: &Passed, backoff: &mut Backoff) -> Option<Duration> {
    if passed.drained > 0 {
        backoff.reset();
    }
    passed.failure.as_ref().map(|_| backoff.next_pause())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn batch(ids: &[i64]) -> Vec<Stored> {
        let stored = |id: &i64| Stored {
            id: *id,
            properties: String::new(),
            body: Bytes::new(),
        };
        ids.iter().map(stored).collect()
    }

    #[test]
    fn a_message_that_the_broker_never_takes_is_passed_over_and_tried_again_at_the_end() {
        let mut position = Position::START;

        position.advance(&batch(&[1, 2, 3]), 0);
        assert_eq!((position.after, position.count), (0, 1));
        position.advance(&batch(&[1]), 0);
        assert_eq!((position.after, position.count), (1, BATCH));
        position.advance(&batch(&[2, 3]), 2);
        assert_eq!((position.after, position.count), (1, BATCH));
        position.advance(&batch(&[]), 0);
        assert_eq!((position.after, position.count), (0, BATCH));
    }

    #[test]
    fn a_batch_of_which_some_are_taken_goes_on_with_the_rest() {
        let mut position = Position::START;

        position.advance(&batch(&[1, 2, 3]), 1);

        assert_eq!((position.after, position.count), (0, BATCH));
    }

    #[test]
    fn a_last_message_that_is_never_taken_is_tried_less_and_less_often() {
        let mut backoff = Backoff::default();
        let refused = |drained| Passed {
            drained,
            failure: Some("refused".to_owned()),
        };
        let fail = |backoff: &mut Backoff| {
            let pause = pause_after(&refused(0), backoff);
            assert_eq!(pause_after(&Passed::default(), backoff), None);
            pause.unwrap()
        };

        assert!(fail(&mut backoff) <= Duration::from_millis(500));
        let longest = (0..10).map(|_| fail(&mut backoff)).max().unwrap();
        assert!(longest >= Duration::from_secs(5), "{longest:?}");

        let beside_others = pause_after(&refused(1), &mut backoff).unwrap();
        assert!(
            beside_others <= Duration::from_millis(500),
            "new ones do not wait for it"
        );
    }
}
