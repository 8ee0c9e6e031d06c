//! Reads the settings from their three places.

use std::path::Path;

use config::{Config, File, FileFormat};

use super::check::check;
use super::environment::overrides;
use super::error::ConfigError;
use super::proxies::Proxies;
use super::secret_keys::{quoted_secrets, without_secret};
use super::{Settings, safety};

/// `config/default.toml`: every setting, explained.
pub const DEFAULTS: &str = include_str!("../../../config/default.toml");

/// Reads the settings: defaults, `file`, the process's environment.
///
/// # Errors
///
/// When a value is not of its kind, a key is unknown, or a file cannot be read.
pub fn load(file: Option<&Path>) -> Result<Settings, ConfigError> {
    load_from(
        file,
        std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?))),
    )
}

/// [`load`] with an environment of the caller's.
///
/// # Errors
///
/// As [`load`].
pub fn load_from(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, ConfigError> {
    let mut builder = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
    if let Some(file) = file {
        builder = builder.add_source(File::from(file).format(FileFormat::Toml));
    }
    let environment: Vec<(String, String)> = environment.into_iter().collect();
    let proxies = Proxies::read(&environment);
    let (values, secret_files) = overrides(environment)?;
    for (key, value) in values {
        builder = builder.set_override(key, value)?;
    }
    let config = builder.build()?;
    let quoted_secrets = quoted_secrets(&config);
    let lists = safety::lists(&config);
    let mut settings: Settings = serde_path_to_error::deserialize(config).map_err(|error| {
        let path = error.path().to_string();
        let problem = error.into_inner().to_string();
        // The error names the key already.
        let problem = problem.replace(&format!(" for key `{path}`"), "");
        ConfigError::value(&path, without_secret(&path, problem))
    })?;
    settings.secret_files = secret_files;
    settings.quoted_secrets = quoted_secrets;
    settings.proxies = proxies;
    check(&settings)?;
    safety::check(&mut settings, &lists)?;
    Ok(settings)
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
