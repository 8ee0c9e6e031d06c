//! Takes up secrets whose files change, without a restart.

use std::sync::Arc;

use arc_swap::ArcSwap;
use shared::config::{Broker, ConfigError, Ingest, Rotated, SecretFiles};

use crate::auth::Authenticator;

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
                _ => self
                    .settings
                    .auth
                    .replace(&key, &value)
                    .and_then(|()| self.replace()),
            };
            match taken_up {
                Ok(()) => tracing::info!(setting = key, "Took up a new secret for {key}"),
                Err(error) => {
                    tracing::warn!(%error, "A new secret is not taken up; the old one serves on");
                }
            }
        }
    }

    fn replace(&self) -> Result<(), ConfigError> {
        let authenticator = Authenticator::new(&self.settings)?;
        self.authenticator.store(Arc::new(authenticator));
        Ok(())
    }
}
