//! Takes up secrets whose files change, without a restart.

use std::sync::Arc;

use arc_swap::ArcSwap;
use secrecy::SecretString;
use shared::config::{Broker, ConfigError, Ingest, Rotated, SecretFiles};

use crate::auth::Authenticator;
use crate::credentials;

/// Watches the files of secrets.
pub(crate) struct Rotation {
    /// Which.
    pub files: SecretFiles,
    /// The settings that the present authenticator was made from.
    pub settings: Ingest,
    /// Where requests find it.
    pub authenticator: Arc<ArcSwap<Authenticator>>,
    /// Its next connection uses another password.
    pub broker: Broker,
}

impl Rotation {
    /// Watches for ever.
    pub async fn run(mut self) {
        loop {
            let Rotated { key, value } = self.files.rotated().await;
            let taken_up = match key.as_str() {
                "broker.url" => {
                    self.broker.url.replace(value);
                    Ok(())
                }
                _ => self.take_up(&key, &value),
            };
            match taken_up {
                Ok(()) => tracing::info!(setting = key, "Took up a new secret for {key}"),
                Err(error) => {
                    tracing::warn!(%error, "A new secret is not taken up; the old one serves on");
                }
            }
        }
    }

    /// Puts the webhook's secrets in place, or leaves all as it is.
    fn take_up(&mut self, key: &str, value: &SecretString) -> Result<(), ConfigError> {
        let mut settings = self.settings.clone();
        settings.auth.replace(key, value)?;
        let authenticator = Authenticator::new(&settings)?;
        credentials::warn_of_weakness(&settings.auth);
        self.authenticator.store(Arc::new(authenticator));
        self.settings = settings;
        Ok(())
    }
}
