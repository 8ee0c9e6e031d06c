//! Secrets that change while we run: those given as files, as Docker and Kubernetes give them, are read anew.

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use tokio::time::Instant;

use super::error::ConfigError;
use crate::error::chain;

/// Time between two readings of the files. Orchestrators take longer to bring a new secret.
const POLL: Duration = Duration::from_secs(2);
/// At most so long after a refusal a secret is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// A secret that can be replaced. Clones share it: all who hold one use the new value from then on.
#[derive(Clone)]
pub struct Secret(Arc<RwLock<SecretString>>);

impl Secret {
    /// The value that was loaded last.
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
    last: SecretString,
    trouble: Option<Trouble>,
    refused: Option<Refused>,
}

/// Why a file's secret cannot be taken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Empty,
    Unreadable(ErrorKind),
}

/// When a secret that was refused is given again.
#[derive(Clone, Copy, Debug)]
struct Refused {
    pause: Duration,
    at: Instant,
}

/// Result of reading a file once.
enum FileReading {
    Nothing,
    Secret(SecretString),
    /// Something is wrong since this reading, and was not before.
    Warning(String),
}

impl SecretFile {
    pub fn new(path: PathBuf, last: SecretString) -> Self {
        Self {
            path,
            last,
            trouble: None,
            refused: None,
        }
    }

    /// Judges what the file holds now. A file that is empty or away may be half written: taking it up would lock out
    /// every sender, so what it held before serves on.
    fn judge(&mut self, held: Result<String, ConfigError>, now: Instant) -> FileReading {
        let (trouble, warning) = match held {
            Ok(value) if !is_blank(&value) => {
                self.trouble = None;
                return self.compare(value, now);
            }
            Ok(_) => {
                let warning = format!("the file {} is empty", self.path.display());
                (Trouble::Empty, warning)
            }
            Err(error) => {
                let kind = match &error {
                    ConfigError::SecretFile { source, .. } => source.kind(),
                    _ => ErrorKind::Other,
                };
                (Trouble::Unreadable(kind), chain(&error))
            }
        };
        if self.trouble.replace(trouble) == Some(trouble) {
            FileReading::Nothing
        } else {
            FileReading::Warning(warning)
        }
    }

    fn compare(&mut self, value: String, now: Instant) -> FileReading {
        if value != self.last.expose_secret() {
            self.last = SecretString::from(value);
            self.refused = None;
            return FileReading::Secret(self.last.clone());
        }
        match &mut self.refused {
            Some(refused) if refused.at <= now => {
                // Whoever refuses it again says so, and sets the time of the next.
                refused.at = now + LONGEST_PAUSE;
                FileReading::Secret(self.last.clone())
            }
            _ => FileReading::Nothing,
        }
    }

    /// Sets when the secret is given again; returns whether this is its first refusal.
    fn refuse(&mut self, now: Instant) -> bool {
        let pause = self.refused.map_or(POLL, |refused| {
            refused.pause.saturating_mul(2).min(LONGEST_PAUSE)
        });
        let before = self.refused.replace(Refused {
            pause,
            at: now + pause,
        });
        before.is_none()
    }
}

/// Whether a text holds no secret: what separates secrets is none.
pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c == ',' || c.is_whitespace())
}

/// A secret's file holds something else.
#[derive(Debug)]
pub struct Rotated {
    /// Path of the setting, such as `ingest.tls.key`.
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
                let held = read(key.clone(), file.path.clone()).await;
                match file.judge(held, Instant::now()) {
                    FileReading::Nothing => {}
                    FileReading::Secret(value) => {
                        return Rotated {
                            key: key.clone(),
                            value,
                        };
                    }
                    FileReading::Warning(warning) => tracing::warn!(
                        setting = key,
                        "The secrets of {key} serve on as they were, for {warning}. To revoke them, write others into it, \
                         or stop the service"
                    ),
                }
            }
        }
    }

    /// Gives a secret again that could not be used yet: at the next reading, then after pauses that double up to five
    /// minutes. Returns whether it was refused for the first time since the file changed.
    pub fn ask_again(&mut self, key: &str) -> bool {
        let file = self.0.get_mut(key);
        file.is_some_and(|file| file.refuse(Instant::now()))
    }

    /// The secret that was given last is in use.
    pub fn taken_up(&mut self, key: &str) {
        if let Some(file) = self.0.get_mut(key) {
            file.refused = None;
        }
    }
}

async fn read(key: String, path: PathBuf) -> Result<String, ConfigError> {
    let reading = tokio::task::spawn_blocking(move || read_secret(&key, path));
    reading.await.expect("reading a file does not panic")
}

/// The secret in a file.
pub(super) fn read_secret(key: &str, path: PathBuf) -> Result<String, ConfigError> {
    let text = std::fs::read_to_string(&path);
    let text = text.map_err(|source| ConfigError::SecretFile {
        key: key.to_owned(),
        path,
        source,
    })?;
    Ok(bare_secret(&text).to_owned())
}

/// A secret without what editors, shells and orchestrators put around it: blanks, ends of lines, and the byte order mark
/// with which `PowerShell` begins a file.
pub(super) fn bare_secret(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_file_that_changes_is_reported_once_and_again_when_asked() {
        let path = std::env::temp_dir().join(format!("bridge-rotation-{}", std::process::id()));
        std::fs::write(&path, "old").unwrap();
        let file = SecretFile::new(path.clone(), "old".into());
        let mut files = SecretFiles(BTreeMap::from([("redis.url".to_owned(), file)]));
        std::fs::write(&path, "new\n").unwrap();

        let first = files.rotated().await;
        assert!(files.ask_again("redis.url"), "the first refusal");
        let second = files.rotated().await;

        std::fs::remove_file(&path).unwrap();
        for rotated in [first, second] {
            assert_eq!(
                (rotated.key.as_str(), rotated.value.expose_secret()),
                ("redis.url", "new")
            );
        }
    }

    fn file() -> SecretFile {
        SecretFile::new("secret".into(), "old".into())
    }

    #[test]
    fn a_file_that_is_empty_or_away_is_reported_once_a_change_and_changes_nothing() {
        let mut file = file();
        let away = || {
            Err(ConfigError::SecretFile {
                key: "ingest.auth.tokens".to_owned(),
                path: "secret".into(),
                source: ErrorKind::NotFound.into(),
            })
        };
        let mut reading = |held| match file.judge(held, Instant::now()) {
            FileReading::Nothing => String::new(),
            FileReading::Secret(value) => value.expose_secret().to_owned(),
            FileReading::Warning(warning) => warning,
        };

        assert_eq!(reading(Ok(String::new())), "the file secret is empty");
        assert_eq!(reading(Ok(" ,\n".to_owned())), "");
        let cause = reading(away());
        assert!(
            cause.contains("ingest.auth.tokens") && cause.contains("not found"),
            "{cause}"
        );
        assert_eq!(reading(away()), "");
        assert_eq!(reading(Ok("old".to_owned())), "");
        assert_eq!(reading(Ok(String::new())), "the file secret is empty");
        assert_eq!(reading(Ok("new".to_owned())), "new");
    }

    #[test]
    fn a_refused_secret_is_given_again_after_pauses_that_double_up_to_five_minutes() {
        let (mut file, begin) = (file(), Instant::now());
        let mut gives = |seconds: u64| {
            let now = begin + Duration::from_secs(seconds);
            let is_given = matches!(
                file.judge(Ok("new".to_owned()), now),
                FileReading::Secret(_)
            );
            (is_given, is_given && file.refuse(now))
        };

        let readings: Vec<_> = (0..2000).step_by(2).map(|at| (at, gives(at))).collect();

        let times = readings.iter().filter(|(_, gives)| gives.0);
        let times: Vec<_> = times.map(|(at, _)| *at).collect();
        assert_eq!(
            times,
            [0, 2, 6, 14, 30, 62, 126, 254, 510, 810, 1110, 1410, 1710]
        );
        assert_eq!(readings.iter().filter(|(_, gives)| gives.1).count(), 1);
    }
}
