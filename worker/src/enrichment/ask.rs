//! One request to Genesys: not sent where it is known to be refused, counted, and its failure turned into what it means for a
//! record.

use genesys::{Client, GenesysError, Operation};
use shared::error::chain;

use crate::metrics::GENESYS_REQUESTS;
use crate::store::GenesysNames;

/// The settings that a refused OAuth client has to be corrected in.
const CREDENTIALS: &str =
    "genesys.client_id, genesys.client_secret: BRIDGE__GENESYS__CLIENT_ID, __CLIENT_SECRET";

/// Genesys, as records ask it.
#[derive(Clone, Debug)]
pub(crate) struct Genesys {
    /// The client.
    pub client: Client,
    /// Names, and what is not there.
    pub names: GenesysNames,
}

/// What came of a request.
#[derive(Debug)]
pub(crate) enum Asked<T> {
    /// The answer.
    Found(T),
    /// Genesys has no such record, or not yet.
    NotFound,
    /// The organization does not have it or show it, or the request is wrong: with a stable code.
    Refused(&'static str),
    /// Genesys did not answer, or there was no room: the record is completed later.
    Away,
}

impl<T> Asked<T> {
    /// With another answer.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Asked<U> {
        match self {
            Self::Found(found) => Asked::Found(change(found)),
            Self::NotFound => Asked::NotFound,
            Self::Refused(reason) => Asked::Refused(reason),
            Self::Away => Asked::Away,
        }
    }
}

impl Genesys {
    /// Sends `request` of `operation`, unless it is known that it gives nothing.
    pub async fn ask<T>(
        &self,
        operation: &'static Operation,
        request: impl Future<Output = Result<T, GenesysError>>,
    ) -> Asked<T> {
        match self.names.blocked(operation.name).await {
            Ok((true, _)) => return Asked::Refused("genesys_forbidden"),
            Ok((false, true)) | Err(_) => return Asked::Away,
            Ok((false, false)) => {}
        }
        let answer = request.await;
        let result = answer.as_ref().map_or_else(GenesysError::reason, |_| "ok");
        let label = operation.name.replace(' ', "_");
        metrics::counter!(GENESYS_REQUESTS, "operation" => label, "result" => result).increment(1);
        match answer {
            Ok(found) => Asked::Found(found),
            Err(error) => self.failed(operation, &error).await,
        }
    }

    /// Notes that the organization does not have what `operation` reads.
    pub async fn note_absent(&self, operation: &'static Operation) {
        let noted = self.names.note_absent(operation.name).await;
        warn_unless(noted);
    }

    async fn failed<T>(&self, operation: &'static Operation, error: &GenesysError) -> Asked<T> {
        match error {
            GenesysError::NotFound { .. } => Asked::NotFound,
            GenesysError::Forbidden { .. } => {
                tracing::warn!(
                    error = chain(error),
                    "{error}. Records go without it, and Genesys is not asked again for an hour"
                );
                self.note_absent(operation).await;
                Asked::Refused(error.reason())
            }
            GenesysError::Denied { .. } | GenesysError::Unauthorized { .. } => {
                tracing::error!(
                    error = chain(error),
                    "{error} ({CREDENTIALS}). Records are written with what is known, and completed once Genesys lets us in, \
                     for a day"
                );
                warn_unless(self.names.note_away().await);
                Asked::Away
            }
            GenesysError::Unreachable { .. }
            | GenesysError::NoAnswer { .. }
            | GenesysError::Server { .. } => {
                tracing::warn!(
                    error = chain(error),
                    "Genesys is not available: records are written with what is known, and completed later"
                );
                warn_unless(self.names.note_away().await);
                Asked::Away
            }
            GenesysError::RateLimited { .. }
            | GenesysError::Budget { .. }
            | GenesysError::Unreadable { .. } => {
                tracing::info!(
                    error = chain(error),
                    "Genesys is asked again later: {error}"
                );
                Asked::Away
            }
            GenesysError::Mismatched { .. }
            | GenesysError::Rejected { .. }
            | GenesysError::NotAnId { .. } => {
                tracing::warn!(
                    error = chain(error),
                    "A record goes without what was asked for: {error}"
                );
                Asked::Refused(error.reason())
            }
        }
    }
}

fn warn_unless(noted: redis::RedisResult<()>) {
    if let Err(error) = noted {
        tracing::debug!(error = chain(&error), "Cannot note an answer of Genesys");
    }
}
