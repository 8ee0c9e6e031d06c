//! Takes up secrets whose files change, without a restart.

use std::sync::Arc;

use arc_swap::ArcSwap;
use secrecy::SecretString;
use shared::config::{Broker, ConfigError, Ingest, Rotated, SecretFiles};

use crate::auth::{self, Authenticator};

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
        auth::warn_of_weakness(&settings.auth);
        self.authenticator.store(Arc::new(authenticator));
        self.settings = settings;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_secret_is_not_taken_up_and_does_not_stand_in_the_way_of_another() {
        let tokens = "BRIDGE__INGEST__AUTH__TOKENS".to_owned();
        let settings = shared::config::load_from(None, [(tokens, "token".to_owned())]).unwrap();
        let authenticator = Authenticator::new(&settings.ingest).unwrap();
        let mut rotation = Rotation {
            files: settings.secret_files,
            settings: settings.ingest,
            authenticator: Arc::new(ArcSwap::from_pointee(authenticator)),
            broker: settings.broker,
        };

        let refused = rotation.take_up("ingest.auth.basic", &":".into());
        let taken_up = rotation.take_up("ingest.auth.tokens", &"another".into());

        let problem = refused.unwrap_err().to_string();
        assert!(problem.contains("`ingest.auth.basic`"), "{problem}");
        assert!(taken_up.is_ok());
        assert!(rotation.settings.auth.basic.is_empty());
    }
}
