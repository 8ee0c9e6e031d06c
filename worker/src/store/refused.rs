//! Which unreadable bodies are dead letters already: one of each body is kept.

use redis::RedisResult;
use shared::broker::message::Envelope;
use shared::domain::ids::sha256_hex_of;

use super::connection::Store;

/// Unreadable bodies by digest, each with the one message that keeps it.
#[derive(Clone, Debug)]
pub(crate) struct RefusedBodies {
    store: Store,
}

impl RefusedBodies {
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Claims a body for a message: whether it becomes the dead letter of this body. It does again when it is delivered
    /// again: a worker may have died before the dead letter was confirmed. A replay always does, as it left the queue.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn claim(&self, body: &[u8], envelope: &Envelope) -> RedisResult<bool> {
        let key = self.store.key(&format!("refused:{}", sha256_hex_of(body)));
        let message = name(envelope);
        let mut connection = self.store.connection()?;
        let is_new: bool = redis::cmd("SET")
            .arg(&key)
            .arg(&message)
            .arg("NX")
            .arg("EX")
            .arg(self.store.settings().done_ttl.as_secs().max(1))
            .query_async(&mut connection)
            .await?;
        if is_new || envelope.is_replay {
            return Ok(true);
        }
        let holder: Option<String> = redis::cmd("GET")
            .arg(&key)
            .query_async(&mut connection)
            .await?;
        Ok(holder.is_none_or(|holder| holder == message))
    }
}

/// What is the same for each delivery of a message, and of no other message.
fn name(envelope: &Envelope) -> String {
    let received = envelope.received_at.map(|at| at.to_string());
    let trace = envelope.traceparent.as_deref().unwrap_or_default();
    format!("{} {trace}", received.unwrap_or_default())
}
