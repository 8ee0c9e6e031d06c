//! Names behind Genesys' ids, and what the organization does not have.
//!
//! | key | content | kept for |
//! |---|---|---|
//! | `genesys:agent:<id>`, `genesys:queue:<id>`, `genesys:wrapup:<id>` | name, and e-mail address of an agent, as JSON; empty: Genesys has none | 12 h; empty: 1 h |
//! | `genesys:absent:<operation>` | the organization does not have or show it | 1 h |
//! | `genesys:away` | Genesys does not answer | 10 s |
//! | `genesys:roster` | every agent of the records, by id | 90 days after the last |

use std::collections::BTreeMap;
use std::time::Duration;

use redis::{AsyncCommands, RedisResult};
use serde::{Deserialize, Serialize};

use crate::store::Store;
use crate::store::script::ms;

/// How long a name is kept. People and queues are renamed rarely.
const NAME_TTL: Duration = Duration::from_secs(12 * 3600);
/// How long what Genesys does not have is not asked for again.
const ABSENCE_TTL: Duration = Duration::from_secs(3600);
/// How long Genesys is left alone after it did not answer.
const AWAY_TTL: Duration = Duration::from_secs(10);
/// How long agents are listed after the last record.
const ROSTER_TTL: i64 = 90 * 86_400;

/// Whose name it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NameKind {
    /// An agent's.
    Agent,
    /// A queue's.
    Queue,
    /// A wrap-up code's.
    Wrapup,
}

impl NameKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Queue => "queue",
            Self::Wrapup => "wrapup",
        }
    }
}

/// A name. Kept in Redis as JSON: members may be added, never renamed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct KnownName {
    /// The name.
    pub name: String,
    /// The e-mail address, of agents alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// What is known of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Remembered {
    /// Nothing: Genesys has to be asked.
    Nothing,
    /// Genesys has none.
    Absent,
    /// The name.
    Name(KnownName),
}

/// Names, and what is not there.
#[derive(Clone, Debug)]
pub(crate) struct GenesysNames {
    store: Store,
}

impl GenesysNames {
    /// Names in `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The name behind an id, as far as it is known.
    pub async fn get(&self, kind: NameKind, id: &str) -> RedisResult<Remembered> {
        let key = self.name_key(kind, id);
        let text: Option<String> = self.store.connection()?.get(key).await?;
        Ok(match text {
            None => Remembered::Nothing,
            Some(text) => serde_json::from_str(&text).map_or(Remembered::Absent, Remembered::Name),
        })
    }

    /// Keeps a name, or that there is none.
    pub async fn put(&self, kind: NameKind, id: &str, name: Option<&KnownName>) -> RedisResult<()> {
        let text = name.map(|name| serde_json::to_string(name).unwrap_or_default());
        let ttl = if text.is_some() {
            NAME_TTL
        } else {
            ABSENCE_TTL
        };
        let mut pipe = redis::pipe();
        pipe.pset_ex(
            self.name_key(kind, id),
            text.as_deref().unwrap_or_default(),
            ms(ttl),
        )
        .ignore();
        if let (NameKind::Agent, Some(text)) = (kind, &text) {
            pipe.hset(self.roster_key(), id, text).ignore();
            pipe.expire(self.roster_key(), ROSTER_TTL).ignore();
        }
        pipe.query_async(&mut self.store.connection()?).await
    }

    /// Every agent of the records, by id.
    pub async fn roster(&self) -> RedisResult<BTreeMap<String, KnownName>> {
        let all: BTreeMap<String, String> =
            self.store.connection()?.hgetall(self.roster_key()).await?;
        let read = |(id, text): (String, String)| Some((id, serde_json::from_str(&text).ok()?));
        Ok(all.into_iter().filter_map(read).collect())
    }

    /// Whether `operation` is known to be refused to this organization, or Genesys does not answer at all.
    pub async fn blocked(&self, operation: &str) -> RedisResult<(bool, bool)> {
        let (absent, away): (Option<String>, Option<String>) = self
            .store
            .connection()?
            .mget(&[self.absent_key(operation), self.away_key()])
            .await?;
        Ok((absent.is_some(), away.is_some()))
    }

    /// The organization does not have, or does not show, what `operation` reads.
    pub async fn note_absent(&self, operation: &str) -> RedisResult<()> {
        let mut connection = self.store.connection()?;
        connection
            .pset_ex(self.absent_key(operation), 1, ms(ABSENCE_TTL))
            .await
    }

    /// Genesys does not answer: the others need not wait for it, too.
    pub async fn note_away(&self) -> RedisResult<()> {
        let mut connection = self.store.connection()?;
        connection.pset_ex(self.away_key(), 1, ms(AWAY_TTL)).await
    }

    fn name_key(&self, kind: NameKind, id: &str) -> String {
        self.store
            .key(&format!("{{genesys}}:{}:{id}", kind.as_str()))
    }

    fn absent_key(&self, operation: &str) -> String {
        self.store.key(&format!(
            "{{genesys}}:absent:{}",
            operation.replace(' ', "-")
        ))
    }

    fn away_key(&self) -> String {
        self.store.key("{genesys}:away")
    }

    fn roster_key(&self) -> String {
        self.store.key("{genesys}:roster")
    }
}
