//! The OAuth tokens that all workers share, encrypted; and the right to refresh them, which one worker has at a time.
//!
//! For each installation of the app a hash with the tokens' `generation` and `sealed`; beside it a lock with an owner and
//! an expiry. The lock keeps a second worker from refreshing; the generation keeps older tokens from replacing newer ones.
//! The keys carry a digest of the refresh token that the installation gave: without that token nothing is found.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use pipedrive::Tokens;
use pipedrive::ports::{StoreError, Taken, TokenStore, TokenStoreError};
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, RedisResult, Script};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use shared::domain::ids::sha256_hex;
use shared::fail_point::{self, FailPoint};

use super::connection::{self, Store};
use super::encryption::Encryption;
use super::script::{ms, unknown_verdict};
use shared::backoff;

/// `scripts/take_tokens.lua`, hashed once.
static TAKE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/take_tokens.lua")));
/// `scripts/keep_tokens.lua`, hashed once.
static KEEP: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/keep_tokens.lua")));
/// `scripts/release_tokens.lua`, hashed once.
static RELEASE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("scripts/release_tokens.lua")));

/// How long tokens are kept that no worker refreshes: Pipedrive refuses their refresh token then.
const KEPT: Duration = Duration::from_secs(60 * 24 * 3600);
/// Hexadecimal digits of a refresh token's digest that name its installation.
const DIGITS: usize = 16;
/// How often Redis is asked to keep refreshed tokens before this worker keeps them to itself for a while, and the first
/// pause.
const KEEP_REPEATS: usize = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Keeps the tokens of the app's installations in Redis.
#[derive(Clone, Debug)]
pub(crate) struct EncryptedTokens {
    store: Store,
    encryption: Arc<Encryption>,
}

impl EncryptedTokens {
    /// Tokens in `store`, encrypted with `key`.
    pub(crate) fn new(store: Store, key: &SecretBox<[u8; 32]>) -> Self {
        Self {
            store,
            encryption: Arc::new(Encryption::new(key.expose_secret())),
        }
    }

    async fn take_lock(
        &self,
        keys: &Keys,
        owner: &str,
        expiry: Duration,
    ) -> Result<Taken, TokenStoreError> {
        let mut connection = self.connection().await.map_err(StoreError::new)?;
        let mut call = TAKE.prepare_invoke();
        call.key(&keys.lock).key(&keys.tokens);
        call.arg(owner).arg(ms(expiry));
        let asked: RedisResult<(bool, String, Vec<u8>)> = call.invoke_async(&mut connection).await;
        let (is_ours, generation, sealed) = asked.map_err(StoreError::new)?;
        if sealed.is_empty() {
            return Ok(Taken {
                is_ours,
                tokens: None,
            });
        }
        let opened = generation.parse().ok().and_then(|generation| {
            let place = keys.place(generation);
            let text = self.encryption.open(&place, &sealed)?;
            Tokens::from_plaintext(generation, &text)
        });
        if opened.is_none() {
            if is_ours {
                self.release_lock(keys, owner).await;
            }
            return Err(TokenStoreError::Undecipherable);
        }
        Ok(Taken {
            is_ours,
            tokens: opened,
        })
    }

    async fn release_lock(&self, keys: &Keys, owner: &str) {
        let released: RedisResult<()> = async {
            let mut connection = self.connection().await?;
            RELEASE
                .key(&keys.lock)
                .arg(owner)
                .invoke_async(&mut connection)
                .await
        }
        .await;
        if let Err(error) = released {
            tracing::debug!(%error, "The right to refresh the access token expires by itself");
        }
    }

    /// Keeps tokens and gives the right back; after `pauses` again where Redis does not answer. `false` when newer ones
    /// are kept.
    async fn write(
        &self,
        keys: &Keys,
        owner: &str,
        tokens: &Tokens,
        pauses: impl IntoIterator<Item = Duration>,
    ) -> RedisResult<bool> {
        let place = keys.place(tokens.generation);
        let sealed = self.encryption.close(&place, tokens.to_plaintext());
        let mut connection = self.connection().await;
        let mut pauses = pauses.into_iter();
        loop {
            let kept = match &mut connection {
                Ok(connection) => {
                    let mut call = KEEP.prepare_invoke();
                    call.key(&keys.lock).key(&keys.tokens);
                    call.arg(owner).arg(tokens.generation).arg(&sealed);
                    call.arg(ms(KEPT));
                    call.invoke_async::<String>(connection).await
                }
                Err(error) => Err(error.clone()),
            };
            match (kept, pauses.next()) {
                (Ok(verdict), _) => return is_kept(&verdict),
                (Err(error), None) => return Err(error),
                (Err(error), Some(pause)) => {
                    tracing::debug!(%error, "Redis did not take the new tokens yet");
                    tokio::time::sleep(pause).await;
                    // The connection that failed may not recover; the pause supervisor makes another in its own time.
                    connection = self.spare().await;
                }
            }
        }
    }

    async fn write_if_missing(&self, keys: &Keys, tokens: &Tokens) -> RedisResult<bool> {
        let mut connection = self.connection().await?;
        let kept: Option<u64> = connection.hget(&keys.tokens, "generation").await?;
        if Some(tokens.generation) <= kept {
            return Ok(false);
        }
        self.write(keys, "", tokens, []).await
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
            connection::StoreError::Redis(error) => error,
            other => (redis::ErrorKind::Client, "unusable", other.to_string()).into(),
        })
    }

    fn keys(&self, installation: &SecretString) -> Keys {
        let mut digest = sha256_hex(installation.expose_secret());
        digest.truncate(DIGITS);
        Keys {
            lock: self.store.key(&format!("{{oauth}}:lock:{digest}")),
            tokens: self.store.key(&format!("{{oauth}}:tokens:{digest}")),
        }
    }
}

impl TokenStore for EncryptedTokens {
    fn take<'s>(
        &'s self,
        installation: &'s SecretString,
        owner: &'s str,
        expiry: Duration,
    ) -> BoxFuture<'s, Result<Taken, TokenStoreError>> {
        async move {
            let keys = self.keys(installation);
            self.take_lock(&keys, owner, expiry).await
        }
        .boxed()
    }

    fn release<'s>(&'s self, installation: &'s SecretString, owner: &'s str) -> BoxFuture<'s, ()> {
        async move { self.release_lock(&self.keys(installation), owner).await }.boxed()
    }

    fn keep<'s>(
        &'s self,
        installation: &'s SecretString,
        owner: &'s str,
        tokens: &'s Tokens,
    ) -> BoxFuture<'s, Result<bool, StoreError>> {
        async move {
            fail_point::reach(FailPoint::TokenAnswered).await;
            let pauses = backoff::pauses(FIRST_PAUSE, KEEP_REPEATS);
            let keys = self.keys(installation);
            let kept = self.write(&keys, owner, tokens, pauses).await;
            kept.map_err(StoreError::new)
        }
        .boxed()
    }

    fn put_back<'s>(
        &'s self,
        installation: &'s SecretString,
        tokens: &'s Tokens,
    ) -> BoxFuture<'s, Result<bool, StoreError>> {
        async move {
            let keys = self.keys(installation);
            let kept = self.write_if_missing(&keys, tokens).await;
            kept.map_err(StoreError::new)
        }
        .boxed()
    }
}

/// The keys of one installation. They lie in one slot of a cluster: one script touches both.
struct Keys {
    lock: String,
    tokens: String,
}

impl Keys {
    /// What an encrypted value is bound to.
    fn place(&self, generation: u64) -> String {
        format!("{} {generation}", self.tokens)
    }
}

fn is_kept(verdict: &str) -> RedisResult<bool> {
    match verdict {
        "kept" => Ok(true),
        "older" => Ok(false),
        other => Err(unknown_verdict("keep_tokens.lua", other)),
    }
}
