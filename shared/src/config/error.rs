//! Why settings cannot be used.

use std::path::PathBuf;

/// First part of every environment variable.
pub(super) const PREFIX: &str = "BRIDGE__";

/// The settings cannot be used. The text names the key and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file or the environment does not read as settings.
    #[error("cannot read the settings: {0}")]
    Unreadable(String),
    /// A key is unknown, or its value is not of its kind.
    #[error("setting `{key}` ({variable}): {problem}")]
    Value {
        /// Path of the setting, such as `ingest.tls.key`.
        key: String,
        /// The environment variable that sets it.
        variable: String,
        /// What is wrong with the value, in words.
        problem: String,
    },
    /// A secret's file cannot be read.
    #[error("setting `{key}`: cannot read its file {}", path.display())]
    SecretFile {
        /// Path of the setting, such as `ingest.tls.key`.
        key: String,
        /// Path of the file.
        path: PathBuf,
        /// Cause of the failure.
        #[source]
        source: std::io::Error,
    },
}

impl From<config::ConfigError> for ConfigError {
    fn from(error: config::ConfigError) -> Self {
        Self::Unreadable(without_excerpt(&error.to_string()))
    }
}

impl ConfigError {
    /// An error about one key.
    #[must_use]
    pub fn value(key: &str, problem: impl Into<String>) -> Self {
        let variable = format!("{PREFIX}{}", key.to_uppercase().replace('.', "__"));
        Self::Value {
            key: key.to_owned(),
            variable,
            problem: problem.into(),
        }
    }
}

/// An error about a file without the lines that it quotes: one of them may hold a secret.
fn without_excerpt(error: &str) -> String {
    let is_quoted = |line: &str| {
        let line = line.trim_start();
        let after_number = line.trim_start_matches(|c: char| c.is_ascii_digit());
        after_number.trim_start().starts_with('|')
    };
    let lines = error.lines().filter(|line| !is_quoted(line));
    lines.map(str::trim).collect::<Vec<_>>().join(", ")
}
