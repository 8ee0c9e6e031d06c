//! Pipedrive's users by e-mail address, and those who were refused as owners: shared by all workers.

use std::collections::BTreeMap;
use std::time::Duration;

use pipedrive::UserId;
use redis::{AsyncCommands, RedisResult};

use super::connection::Store;
use super::script::ms;

/// How long the list is kept, and a refusal.
const TTL: Duration = Duration::from_secs(3600);

/// The users in Redis.
#[derive(Clone, Debug)]
pub(crate) struct OwnerStore {
    store: Store,
}

impl OwnerStore {
    /// Users in `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Users by e-mail address in lower case; nothing where they have to be listed.
    pub async fn users(&self) -> RedisResult<Option<BTreeMap<String, UserId>>> {
        let text: Option<String> = self
            .store
            .connection()?
            .get(self.store.key("owners"))
            .await?;
        let ids: Option<BTreeMap<String, u64>> =
            text.and_then(|text| serde_json::from_str(&text).ok());
        let users = |ids: BTreeMap<String, u64>| {
            ids.into_iter()
                .map(|(email, id)| (email, UserId(id)))
                .collect()
        };
        Ok(ids.map(users))
    }

    /// Keeps the list.
    pub async fn keep(&self, users: &BTreeMap<String, UserId>) -> RedisResult<()> {
        let ids: BTreeMap<&str, u64> = users.iter().map(|(email, id)| (&**email, id.0)).collect();
        let text = serde_json::to_string(&ids).unwrap_or_default();
        let mut connection = self.store.connection()?;
        connection
            .pset_ex(self.store.key("owners"), text, ms(TTL))
            .await
    }

    /// Whether Pipedrive refused this owner lately.
    pub async fn was_refused(&self, user: UserId) -> RedisResult<bool> {
        self.store
            .connection()?
            .exists(self.refused_key(user))
            .await
    }

    /// Pipedrive refuses this owner.
    pub async fn note_refused(&self, user: UserId) -> RedisResult<()> {
        let mut connection = self.store.connection()?;
        connection.pset_ex(self.refused_key(user), 1, ms(TTL)).await
    }

    fn refused_key(&self, user: UserId) -> String {
        self.store.key(&format!("owner-refused:{}", user.0))
    }
}
