//! Takes up secrets whose files change, without a restart.

use shared::config::{Broker, Redis, Rotated, SecretFiles};
use shared::telemetry::chain;
use tokio_util::sync::CancellationToken;

use crate::pipedrive::{Client, NewSecret};

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
        match key.as_str() {
            "broker.url" => self.broker.url.replace(value),
            "redis.url" => self.redis.url.replace(value),
            "pipedrive.api_token" => {
                if !self.adopt(&key, NewSecret::ApiToken(value)).await {
                    return;
                }
            }
            "pipedrive.oauth.refresh_token" => {
                if !self.adopt(&key, NewSecret::RefreshToken(value)).await {
                    return;
                }
            }
            "pipedrive.oauth.client_secret" => {
                if !self.adopt(&key, NewSecret::ClientSecret(value)).await {
                    return;
                }
            }
            "pipedrive.oauth.encryption_key" => {
                tracing::warn!(setting = key, "The new {key} is used after a restart");
                return;
            }
            _ => return,
        }
        tracing::info!(setting = key, "Took up a new secret for {key}");
    }
    /// Whether Pipedrive lets us in with it. If not it is tried again at the next look.
    async fn adopt(&mut self, key: &str, secret: NewSecret) -> bool {
        let adopted = self.client.adopt(secret).await;
        if let Err(error) = &adopted {
            tracing::warn!(
                setting = key,
                error = chain(error),
                "The new {key} is not taken up yet"
            );
            self.files.ask_again(key);
        }
        adopted.is_ok()
    }
}
