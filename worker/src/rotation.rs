//! Takes up secrets whose files change, without a restart.

use shared::config::{Broker, Redis, Rotated, SecretFiles};
use shared::telemetry::chain;
use tokio_util::sync::CancellationToken;

use crate::pipedrive::Client;

/// Watches the files of secrets.
#[derive(Debug)]
pub struct Rotation {
    /// Which.
    pub files: SecretFiles,
    /// Takes another API token once Pipedrive lets it in.
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
                if let Err(error) = self.client.adopt_token(value).await {
                    tracing::warn!(
                        error = chain(&error),
                        "The new API token is not taken up yet"
                    );
                    self.files.ask_again(&key);
                    return;
                }
            }
            _ => return,
        }
        tracing::info!(setting = key, "Took up a new secret for {key}");
    }
}
