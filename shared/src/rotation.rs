//! Rotation of secrets: watches their files and hands each changed secret to the service, without a restart.

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::config::{Rotated, SecretFiles};
use crate::error::chain;

/// When a service uses a changed secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adopted {
    /// Used from now on, without a restart.
    Now,
    /// From its next start on.
    AfterRestart,
    /// Never: the setting belongs to the other service.
    NotOurs,
}

/// A service's use of its secrets.
pub trait Adopter: Send {
    /// Why a secret cannot be used.
    type Error: std::error::Error + Send + 'static;

    /// Uses the secret `value` of the setting `key`, or keeps the previous one.
    fn adopt(
        &mut self,
        key: &str,
        value: SecretString,
    ) -> impl Future<Output = Result<Adopted, Self::Error>> + Send;
}

/// Watches the files of secrets until shutdown. A secret that is rejected is tried again, after pauses that grow.
///
/// Shutdown does not interrupt the use of a secret: a token that a server has exchanged has to be stored.
pub async fn watch(mut files: SecretFiles, mut adopter: impl Adopter, shutdown: CancellationToken) {
    while let Some(Rotated { key, value }) = shutdown.run_until_cancelled(files.rotated()).await {
        match adopter.adopt(&key, value).await {
            Ok(Adopted::Now) => {
                files.taken_up(&key);
                tracing::info!(setting = key, "The new secret of {key} is in use");
            }
            Ok(Adopted::AfterRestart) => {
                tracing::warn!(
                    setting = key,
                    "The new secret of {key} is used after a restart"
                );
            }
            Ok(Adopted::NotOurs) => {}
            Err(error) => reject(&mut files, &key, &error),
        }
    }
}

/// Warns once for each change of a file; later attempts are logged for debugging.
fn reject(files: &mut SecretFiles, key: &str, error: &(dyn std::error::Error + 'static)) {
    let error = chain(error);
    if files.ask_again(key) {
        tracing::warn!(
            setting = key,
            error,
            "The new secret of {key} is rejected; the previous one stays in use, and the new one is tried again later"
        );
    } else {
        tracing::debug!(
            setting = key,
            error,
            "The new secret of {key} is still rejected"
        );
    }
}
