//! The settings in the environment: values, and secrets in files that it names.

use std::collections::BTreeMap;
use std::path::PathBuf;

use secrecy::SecretString;

use super::error::{ConfigError, PREFIX};
use super::secret::{SecretFile, SecretFiles, bare_secret, is_blank, read_secret};
use super::secret_keys::SECRETS;

/// The keys of which an empty variable is a value: no link, and no hours but always.
const MAY_BE_EMPTY: [&str; 2] = ["genesys.interaction_url", "alarm.no_webhook_hours"];

/// The settings in the environment, by dotted key, and where secrets came from. Empty variables count as unset, and so do
/// secrets of blanks alone: a compose file passes them so.
pub(super) fn overrides(
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<(BTreeMap<String, String>, SecretFiles), ConfigError> {
    let mut values = BTreeMap::new();
    let mut files = SecretFiles::default();
    for (variable, value) in environment {
        let Some(key) = variable.strip_prefix(PREFIX) else {
            continue;
        };
        let key = key.to_lowercase().replace("__", ".");
        if value.is_empty() && !MAY_BE_EMPTY.contains(&key.as_str()) {
            continue;
        }
        let value = if SECRETS.contains(&key.as_str()) {
            match bare_secret(&value) {
                "" => continue,
                secret => secret.to_owned(),
            }
        } else {
            value
        };
        match key
            .strip_suffix("_file")
            .filter(|secret| SECRETS.contains(secret))
        {
            Some(secret) => {
                let path = PathBuf::from(value);
                let value = read_secret(secret, path.clone())?;
                if is_blank(&value) {
                    let problem = format!("its file {} is empty", path.display());
                    return Err(ConfigError::value(secret, problem));
                }
                if values.contains_key(secret) {
                    return Err(both_ways(secret));
                }
                let last = SecretString::from(value.as_str());
                files
                    .0
                    .insert(secret.to_owned(), SecretFile::new(path, last));
                values.insert(secret.to_owned(), value);
            }
            None if files.0.contains_key(&key) => return Err(both_ways(&key)),
            None => {
                values.insert(key, value);
            }
        }
    }
    Ok((values, files))
}

fn both_ways(key: &str) -> ConfigError {
    ConfigError::value(
        key,
        "is given both as it is and as a file (…_FILE): leave one out",
    )
}
