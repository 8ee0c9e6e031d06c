//! The locks of those who fill the directory, and of those who read changes.

use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;
use redis::{RedisError, Script};
use uuid::Uuid;

use super::super::script::ms;
use super::DirectoryStore;

/// `scripts/directory_progress.lua`, hashed once.
static PROGRESS: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../scripts/directory_progress.lua")));
/// `scripts/directory_release.lua`, hashed once.
static RELEASE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../scripts/directory_release.lua")));

/// Longer than a page takes with its waits: a builder that is silent for so long is dead.
const LOCK: Duration = Duration::from_secs(60);

/// What a lock keeps others from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Filling the directory by a full pass.
    Building,
    /// Reading changes.
    Polling,
}

impl Work {
    fn name(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Polling => "polling",
        }
    }
}

/// The right to do a work. It ends by itself.
#[derive(Debug)]
pub(crate) struct WorkLock {
    key: String,
    owner: String,
}

/// Who has a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    /// Machine and number of the process.
    pub process: String,
    /// Since when.
    pub since: Timestamp,
}

impl DirectoryStore {
    /// The right to do a work, unless another has it.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn lock(&self, work: Work) -> Result<Option<WorkLock>, RedisError> {
        let key = self.key(work.name());
        let now = shared::clock::now().as_millisecond();
        let owner = format!("{now} {} {}", Uuid::new_v4().simple(), self.owner);
        let granted: Option<String> = redis::cmd("SET")
            .arg(&key)
            .arg(&owner)
            .arg("NX")
            .arg("PX")
            .arg(ms(LOCK))
            .query_async(&mut self.store.connection()?)
            .await?;
        Ok(granted.map(|_| WorkLock { key, owner }))
    }

    /// Who does a work at present.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn holder(&self, work: Work) -> Result<Option<Holder>, RedisError> {
        let owner: Option<String> = redis::cmd("GET")
            .arg(self.key(work.name()))
            .query_async(&mut self.store.connection()?)
            .await?;
        Ok(owner.as_deref().and_then(parse))
    }

    /// Notes progress under a lock. `false`: the lock is lost, and another goes on.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn note<N: AsRef<str>>(
        &self,
        lock: &WorkLock,
        fields: &[(N, String)],
    ) -> Result<bool, RedisError> {
        let mut call = PROGRESS.prepare_invoke();
        call.key(&lock.key).key(self.key("state"));
        call.arg(&lock.owner).arg(ms(LOCK));
        for (name, value) in fields {
            call.arg(name.as_ref()).arg(value);
        }
        let is_ours: u8 = call.invoke_async(&mut self.store.connection()?).await?;
        Ok(is_ours == 1)
    }

    /// Gives a lock back.
    ///
    /// # Errors
    ///
    /// When Redis does not answer; the lock then ends by itself.
    pub async fn release(&self, lock: WorkLock) -> Result<(), RedisError> {
        RELEASE
            .prepare_invoke()
            .key(lock.key)
            .arg(lock.owner)
            .invoke_async(&mut self.store.connection()?)
            .await
    }
}

fn parse(owner: &str) -> Option<Holder> {
    let mut parts = owner.splitn(3, ' ');
    let since = parts.next()?.parse().ok()?;
    let process = parts.nth(1)?.to_owned();
    Some(Holder {
        process,
        since: Timestamp::from_millisecond(since).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_says_who_has_it_and_since_when() {
        let holder = parse("1800000000000 0f process 7 on bridge-1").unwrap();
        assert_eq!(holder.process, "process 7 on bridge-1");
        assert_eq!(holder.since.as_second(), 1_800_000_000);
        assert_eq!(parse("0f"), None, "of an older version");
    }
}
