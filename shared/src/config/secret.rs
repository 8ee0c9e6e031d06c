//! Secrets that change while we run: those given as files, as Docker and Kubernetes give them, are read anew.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

use super::ConfigError;
use super::load::read_secret;

/// Between two looks at the files. Orchestrators take longer to bring a new secret.
const POLL: Duration = Duration::from_secs(2);

/// A secret that can be replaced. Clones share it: all who hold one use the new value from then on.
#[derive(Clone)]
pub struct Secret(Arc<RwLock<SecretString>>);

impl Secret {
    /// The present value.
    #[must_use]
    pub fn current(&self) -> SecretString {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Puts another value in place.
    pub fn replace(&self, value: SecretString) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = value;
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([REDACTED])")
    }
}

impl From<SecretString> for Secret {
    fn from(value: SecretString) -> Self {
        Self(Arc::new(RwLock::new(value)))
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        SecretString::deserialize(deserializer).map(Self::from)
    }
}

/// Which secrets were given as files, by dotted key.
#[derive(Clone, Debug, Default)]
pub struct SecretFiles(pub(super) BTreeMap<String, SecretFile>);

/// A secret's file, and what it held last.
#[derive(Clone, Debug)]
pub(super) struct SecretFile {
    pub path: PathBuf,
    pub last: SecretString,
}

/// A secret's file holds something else.
#[derive(Debug)]
pub struct Rotated {
    /// The key, dotted.
    pub key: String,
    /// What the file holds now.
    pub value: SecretString,
}

impl SecretFiles {
    /// Waits until a file holds something else than it did, and gives that. Without files it waits for ever.
    ///
    /// # Cancel safety
    ///
    /// A change that was not given yet is given by the next call.
    pub async fn rotated(&mut self) -> Rotated {
        loop {
            tokio::time::sleep(POLL).await;
            for (key, file) in &mut self.0 {
                match read(key.clone(), file.path.clone()).await {
                    Ok(value) if value.is_empty() || value == file.last.expose_secret() => {}
                    Ok(value) => {
                        let value = SecretString::from(value);
                        file.last = value.clone();
                        return Rotated {
                            key: key.clone(),
                            value,
                        };
                    }
                    // In the middle of being replaced, perhaps; the old value serves on.
                    Err(error) => tracing::warn!(%error, "A secret's file cannot be read"),
                }
            }
        }
    }

    /// Gives a change again at the next look: its value could not be used yet.
    pub fn ask_again(&mut self, key: &str) {
        if let Some(file) = self.0.get_mut(key) {
            file.last = SecretString::from("");
        }
    }
}

async fn read(key: String, path: PathBuf) -> Result<String, ConfigError> {
    let reading = tokio::task::spawn_blocking(move || read_secret(&key, path));
    reading.await.expect("reading a file does not panic")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_file_that_changes_is_told_once_and_again_when_asked() {
        let path = std::env::temp_dir().join(format!("bridge-rotation-{}", std::process::id()));
        std::fs::write(&path, "old").unwrap();
        let file = SecretFile {
            path: path.clone(),
            last: "old".into(),
        };
        let mut files = SecretFiles(BTreeMap::from([("redis.url".to_owned(), file)]));
        std::fs::write(&path, "new\n").unwrap();

        let first = files.rotated().await;
        files.ask_again("redis.url");
        let second = files.rotated().await;

        std::fs::remove_file(&path).unwrap();
        for rotated in [first, second] {
            assert_eq!(
                (rotated.key.as_str(), rotated.value.expose_secret()),
                ("redis.url", "new")
            );
        }
    }
}
