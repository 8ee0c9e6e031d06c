//! The OAuth tokens that all workers share, encrypted; and the right to refresh them, which one worker has at a time.
//!
//! For each installation of the app a hash with the tokens' `generation` and `sealed`; beside it a lock with an owner and an
//! expiry. The lock keeps a second worker from refreshing; that older tokens never replace newer ones is the generation's
//! part. The keys carry a digest of the refresh token that the installation gave: who does not have that one finds nothing.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, RedisError, RedisResult, Script};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use shared::domain::ids::sha256_hex;

use super::connection::{Store, StoreError};
use super::encryption::Seal;
use super::interactions::ms;
use crate::pipedrive::Tokens;

/// `scripts/take_tokens.lua`, hashed once.
static TAKE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/take_tokens.lua")));
/// `scripts/keep_tokens.lua`, hashed once.
static KEEP: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/keep_tokens.lua")));
/// `scripts/release_tokens.lua`, hashed once.
static RELEASE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/release_tokens.lua")));

/// How long tokens are kept that nobody refreshes: Pipedrive takes their refresh token no more then.
const KEPT: Duration = Duration::from_secs(60 * 24 * 3600);
/// Hexadecimal digits of a refresh token's digest that name its installation.
const DIGITS: usize = 16;

/// Has a vault for each installation.
#[derive(Clone, Debug)]
pub struct Vaults {
    store: Store,
    seal: Arc<Seal>,
}

/// Keeps the tokens of one installation.
#[derive(Debug)]
pub struct Vault {
    store: Store,
    seal: Arc<Seal>,
    installation: String,
}

/// What is found in the vault.
#[derive(Debug)]
pub struct Found {
    /// Whether the right to refresh is the asker's now.
    pub is_ours: bool,
    /// The tokens, if any are kept.
    pub tokens: Option<Tokens>,
}

/// The vault could not be used.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// Redis did not answer.
    #[error("Redis does not answer")]
    Redis(#[from] RedisError),
    /// What is kept was encrypted with another key.
    #[error("what is kept cannot be opened")]
    Sealed,
}

impl Vaults {
    /// Vaults in `store`, encrypted with `key`.
    #[must_use]
    pub fn new(store: Store, key: &SecretBox<[u8; 32]>) -> Self {
        Self {
            store,
            seal: Arc::new(Seal::new(key.expose_secret())),
        }
    }

    /// That of the installation which gave this refresh token.
    #[must_use]
    pub fn of(&self, refresh_token: &SecretString) -> Vault {
        let mut installation = sha256_hex(refresh_token.expose_secret());
        installation.truncate(DIGITS);
        Vault {
            store: self.store.clone(),
            seal: Arc::clone(&self.seal),
            installation,
        }
    }
}

impl Vault {
    /// Asks for the right to refresh, which ends after `expiry`, and looks at what is kept.
    ///
    /// # Errors
    ///
    /// When Redis does not answer, or what is kept cannot be opened. Nobody has the right then on the asker's behalf.
    pub async fn take(&self, owner: &str, expiry: Duration) -> Result<Found, VaultError> {
        let mut connection = self.connection().await?;
        let mut call = TAKE.prepare_invoke();
        call.key(self.lock_key()).key(self.tokens_key());
        call.arg(owner).arg(ms(expiry));
        let (is_ours, generation, sealed): (bool, String, Vec<u8>) =
            call.invoke_async(&mut connection).await?;
        if sealed.is_empty() {
            return Ok(Found {
                is_ours,
                tokens: None,
            });
        }
        let opened = generation.parse().ok().and_then(|generation| {
            let text = self.seal.open(&self.place(generation), &sealed)?;
            Tokens::from_plaintext(generation, &text)
        });
        if opened.is_none() {
            if is_ours {
                self.release(owner).await?;
            }
            return Err(VaultError::Sealed);
        }
        Ok(Found {
            is_ours,
            tokens: opened,
        })
    }

    /// Gives the right back.
    ///
    /// # Errors
    ///
    /// When Redis does not answer: then it expires.
    pub async fn release(&self, owner: &str) -> RedisResult<()> {
        let mut connection = self.connection().await?;
        RELEASE
            .key(self.lock_key())
            .arg(owner)
            .invoke_async(&mut connection)
            .await
    }

    /// Keeps tokens and gives the right back, after `pauses` again where Redis does not answer. Tells whether they are
    /// kept; if not, newer ones are.
    ///
    /// # Errors
    ///
    /// When Redis does not answer in the end.
    pub async fn keep(
        &self,
        owner: &str,
        tokens: &Tokens,
        pauses: impl IntoIterator<Item = Duration>,
    ) -> RedisResult<bool> {
        let sealed = self
            .seal
            .close(&self.place(tokens.generation), tokens.to_plaintext());
        let mut connection = self.connection().await;
        let mut pauses = pauses.into_iter();
        loop {
            let kept = match &mut connection {
                Ok(connection) => {
                    let mut call = KEEP.prepare_invoke();
                    call.key(self.lock_key()).key(self.tokens_key());
                    call.arg(owner).arg(tokens.generation).arg(&sealed);
                    call.arg(ms(KEPT));
                    call.invoke_async::<String>(connection).await
                }
                Err(error) => Err(error.clone()),
            };
            match (kept, pauses.next()) {
                (Ok(verdict), _) => return Ok(verdict == "kept"),
                (Err(error), None) => return Err(error),
                (Err(error), Some(pause)) => {
                    tracing::debug!(%error, "Redis did not take the new tokens yet");
                    tokio::time::sleep(pause).await;
                    // The one that failed may not heal; its keeper makes a new one when it comes to it.
                    connection = self.spare().await;
                }
            }
        }
    }

    /// Which tokens are kept, if any.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn generation(&self) -> RedisResult<Option<u64>> {
        let mut connection = self.connection().await?;
        connection.hget(self.tokens_key(), "generation").await
    }

    /// The worker's connection; before it has one, and for `worker check`, a connection for the occasion.
    async fn connection(&self) -> RedisResult<MultiplexedConnection> {
        match self.store.connection() {
            Ok(connection) => Ok(connection),
            Err(_) => self.spare().await,
        }
    }

    async fn spare(&self) -> RedisResult<MultiplexedConnection> {
        self.store.spare().await.map_err(|error| match error {
            StoreError::Redis(error) => error,
            other => (redis::ErrorKind::Client, "unusable", other.to_string()).into(),
        })
    }

    /// What a sealed value is bound to.
    fn place(&self, generation: u64) -> String {
        format!("{} {generation}", self.tokens_key())
    }

    /// The keys lie in one slot of a cluster: one script touches both.
    fn lock_key(&self) -> String {
        self.store
            .key(&format!("{{oauth}}:lock:{}", self.installation))
    }

    fn tokens_key(&self) -> String {
        self.store
            .key(&format!("{{oauth}}:tokens:{}", self.installation))
    }
}
