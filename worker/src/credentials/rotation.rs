//! Use of changed secrets without a restart.

use pipedrive::{Client, NewSecret, PipedriveError};
use secrecy::SecretString;
use shared::config::{Broker, Redis, SecretFiles};
use shared::rotation::{self, Adopted, Adopter};
use tokio_util::sync::CancellationToken;

/// The task that watches the files of secrets.
#[derive(Debug)]
pub struct Rotation {
    /// Files that are watched.
    pub files: SecretFiles,
    /// Pipedrive's client: uses another API token or another secret of the app once Pipedrive has accepted it.
    pub client: Client,
    /// Genesys' client with its id: the next access token is fetched with the new secret.
    pub genesys: Option<(genesys::Client, String)>,
    /// The broker's settings: the next connection uses the new address.
    pub broker: Broker,
    /// Redis' settings: the next connection uses the new address.
    pub redis: Redis,
}

impl Rotation {
    /// Reloads secrets whose files change, until shutdown.
    pub async fn run(self, shutdown: CancellationToken) {
        let secrets = Secrets {
            client: self.client,
            genesys: self.genesys,
            broker: self.broker,
            redis: self.redis,
        };
        rotation::watch(self.files, secrets, shutdown).await;
    }
}

struct Secrets {
    client: Client,
    genesys: Option<(genesys::Client, String)>,
    broker: Broker,
    redis: Redis,
}

impl Adopter for Secrets {
    type Error = PipedriveError;

    async fn adopt(&mut self, key: &str, value: SecretString) -> Result<Adopted, PipedriveError> {
        let secret = match key {
            "broker.url" => {
                self.broker.url.replace(value);
                return Ok(Adopted::Now);
            }
            "redis.url" => {
                self.redis.url.replace(value);
                return Ok(Adopted::Now);
            }
            "genesys.client_secret" => {
                let Some((client, client_id)) = &self.genesys else {
                    return Ok(Adopted::NotOurs);
                };
                let credentials = genesys::ClientCredentials {
                    client_id: client_id.clone(),
                    client_secret: value,
                };
                client.replace_credentials(credentials).await;
                return Ok(Adopted::Now);
            }
            "pipedrive.api_token" => NewSecret::ApiToken(value),
            "pipedrive.oauth.refresh_token" => NewSecret::RefreshToken(value),
            "pipedrive.oauth.client_secret" => NewSecret::ClientSecret(value),
            "pipedrive.oauth.encryption_key" => return Ok(Adopted::AfterRestart),
            _ => return Ok(Adopted::NotOurs),
        };
        self.client.adopt(secret).await?;
        Ok(Adopted::Now)
    }
}
