//! Names behind ids: from the cache that all workers share, else from Genesys.

use genesys::model::{Queue, User, WrapupCode};
use genesys::operations::{QUEUE, USER, WRAPUP_CODE};
use shared::domain::event::person_name;

use crate::enrichment::ask::{Asked, Genesys};
use crate::store::{KnownName, NameKind, Remembered};

impl Genesys {
    /// The name behind an id; `Found(None)` where Genesys has none or does not show it.
    pub async fn name(&self, kind: NameKind, id: &str) -> Asked<Option<KnownName>> {
        match self.names.get(kind, id).await {
            Ok(Remembered::Name(name)) => return Asked::Found(Some(name)),
            Ok(Remembered::Absent) => return Asked::Found(None),
            Ok(Remembered::Nothing) | Err(_) => {}
        }
        let asked = match kind {
            NameKind::Agent => self.ask(&USER, self.client.user(id)).await.map(of_user),
            NameKind::Queue => self.ask(&QUEUE, self.client.queue(id)).await.map(of_queue),
            NameKind::Wrapup => {
                let asked = self.ask(&WRAPUP_CODE, self.client.wrapup_code(id)).await;
                asked.map(of_wrapup_code)
            }
        };
        let name = match asked {
            Asked::Found(name) => name,
            Asked::NotFound => None,
            Asked::Refused(_) => return Asked::Found(None),
            Asked::Away => return Asked::Away,
        };
        if let Err(error) = self.names.put(kind, id, name.as_ref()).await {
            tracing::debug!(%error, "Cannot keep a name of Genesys");
        }
        Asked::Found(name)
    }
}

fn of_user(user: User) -> Option<KnownName> {
    let email = user.email.filter(|email| !email.trim().is_empty());
    let name = person_name(user.name.as_deref()).or_else(|| email.clone())?;
    Some(KnownName { name, email })
}

fn of_queue(queue: Queue) -> Option<KnownName> {
    plain(queue.name)
}

fn of_wrapup_code(code: WrapupCode) -> Option<KnownName> {
    plain(code.name)
}

fn plain(name: Option<String>) -> Option<KnownName> {
    let name = name?.trim().to_owned();
    (!name.is_empty()).then_some(KnownName { name, email: None })
}
