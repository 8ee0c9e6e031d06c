//! What Genesys said of each conversation, kept as long as its record: an outage must not take names out of a note again.

use redis::{AsyncCommands, RedisResult};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::domain::ids::InteractionId;

use crate::store::Store;
use crate::store::script::ms;

/// One JSON text a conversation.
#[derive(Clone, Debug)]
pub(crate) struct Enrichments {
    store: Store,
}

impl Enrichments {
    /// Texts in `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// What is known; nothing where that is nothing, or cannot be read.
    pub async fn get<T: DeserializeOwned>(&self, id: &InteractionId) -> RedisResult<Option<T>> {
        let text: Option<String> = self.store.connection()?.get(self.key(id)).await?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Keeps what is known.
    pub async fn put<T: Serialize>(&self, id: &InteractionId, known: &T) -> RedisResult<()> {
        let text = serde_json::to_string(known).unwrap_or_default();
        let ttl = ms(self.store.settings().done_ttl);
        let mut connection = self.store.connection()?;
        connection.pset_ex(self.key(id), text, ttl).await
    }

    fn key(&self, id: &InteractionId) -> String {
        self.store
            .key(&format!("enrichment:{{{}}}", id.idempotency_key()))
    }
}
