//! Use of changed secrets without a restart.

use std::sync::Arc;

use arc_swap::ArcSwap;
use secrecy::SecretString;
use shared::config::{Broker, ConfigError, Ingest};
use shared::rotation::{Adopted, Adopter};

use crate::auth::{self, Authenticator};

/// The secrets of this service that can change.
pub(crate) struct Rotation {
    /// The settings of the present authenticator.
    pub settings: Ingest,
    /// The authenticator that requests use.
    pub authenticator: Arc<ArcSwap<Authenticator>>,
    /// The broker's settings: the next connection uses the new address.
    pub broker: Broker,
}

impl Adopter for Rotation {
    type Error = ConfigError;

    async fn adopt(&mut self, key: &str, value: SecretString) -> Result<Adopted, ConfigError> {
        if key == "broker.url" {
            self.broker.url.replace(value);
            Ok(Adopted::Now)
        } else if key.starts_with("ingest.") {
            self.replace_authenticator(key, &value)?;
            Ok(Adopted::Now)
        } else {
            Ok(Adopted::NotOurs)
        }
    }
}

impl Rotation {
    /// Replaces the webhook's secrets, or leaves all of them as they are.
    fn replace_authenticator(
        &mut self,
        key: &str,
        value: &SecretString,
    ) -> Result<(), ConfigError> {
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

    #[tokio::test]
    async fn an_empty_secret_is_rejected_and_does_not_block_another() {
        let tokens = "BRIDGE__INGEST__AUTH__TOKENS".to_owned();
        let settings = shared::config::load_from(None, [(tokens, "token".to_owned())]).unwrap();
        let authenticator = Authenticator::new(&settings.ingest).unwrap();
        let mut rotation = Rotation {
            settings: settings.ingest,
            authenticator: Arc::new(ArcSwap::from_pointee(authenticator)),
            broker: settings.broker,
        };

        let rejected = rotation.adopt("ingest.auth.basic", ":".into()).await;
        let adopted = rotation.adopt("ingest.auth.tokens", "another".into()).await;
        let foreign = rotation.adopt("redis.url", "redis://other".into()).await;

        let problem = rejected.unwrap_err().to_string();
        assert!(problem.contains("`ingest.auth.basic`"), "{problem}");
        assert_eq!(adopted.unwrap(), Adopted::Now);
        assert_eq!(foreign.unwrap(), Adopted::NotOurs);
        assert!(rotation.settings.auth.basic.is_empty());
    }
}
