//! Takes up secrets whose files change, without a restart.

use shared::config::{Broker, Redis, Rotated, SecretFiles};
use shared::error::chain;
use tokio_util::sync::CancellationToken;

use pipedrive::{Client, NewSecret};

/// Watches the files of secrets.
#[derive(Debug)]
pub struct Rotation {
    /// Which.
    pub files: SecretFiles,
    /// Takes another API token, or another secret of the app, once Pipedrive lets us in with it.
    pub client: Client,
    /// Its next connection uses another password.
    pub broker: Broker,
    /// Its next connection uses another password.
    pub redis: Redis,
}

impl Rotation {
    /// Watches until shutdown.
    pub async fn run(mut self, shutdown: CancellationToken) {
        loop {
            let rotated = tokio::select! {
                () = shutdown.cancelled() => return,
                rotated = self.files.rotated() => rotated,
            };
            self.take_up(rotated).await;
        }
    }

    async fn take_up(&mut self, Rotated { key, value }: Rotated) {
        let client = &self.client;
        let adopted = match key.as_str() {
            "broker.url" => {
                self.broker.url.replace(value);
                Ok(())
            }
            "redis.url" => {
                self.redis.url.replace(value);
                Ok(())
            }
            "pipedrive.api_token" => client.adopt(NewSecret::ApiToken(value)).await,
            "pipedrive.oauth.refresh_token" => client.adopt(NewSecret::RefreshToken(value)).await,
            "pipedrive.oauth.client_secret" => client.adopt(NewSecret::ClientSecret(value)).await,
            "pipedrive.oauth.encryption_key" => {
                tracing::warn!(setting = key, "The new {key} is used after a restart");
                return;
            }
            _ => return,
        };
        match adopted {
            Ok(()) => {
                self.files.taken_up(&key);
                tracing::info!(setting = key, "Took up a new secret for {key}");
            }
            Err(error) => {
                let error = chain(&error);
                if self.files.ask_again(&key) {
                    tracing::warn!(
                        setting = key,
                        error,
                        "The new {key} is not taken up; it is tried again, less and less often"
                    );
                } else {
                    tracing::debug!(setting = key, error, "The new {key} is still not taken up");
                }
            }
        }
    }
}
